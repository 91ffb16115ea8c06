"""Whether Entra accepts the credentials of an OutlookAddin: asked in each of its tenants."""

import asyncio
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from outlook_addin_core.clients.errors import ClientError, CredentialsRefused
from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.resources import ADDIN
from outlook_addin_operator.addin.spec import AddinView
from outlook_addin_operator.credentials import Credentials
from outlook_addin_operator.graph_access import GraphAccessCache
from outlook_addin_operator.keys import Key

ASKED_AGAIN: Final = timedelta(seconds=50)
"""Less than the minute between two looks at an OutlookAddin; a token that is valid costs no request."""

PATIENCE: Final = 15.0


@dataclass(frozen=True)
class Verdict:
    """What Entra said about the credentials.

    Args:
        refused: The tenants that it refused them in, by the remedy and the code, in the spec's order.
        known: Whether it said something about every tenant, now or before.
        relieved: Tenants that accept them and did not before, or of which nothing was known.
    """

    refused: dict[str, tuple[str, ...]] = field(default_factory=dict)
    known: bool = False
    relieved: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Answer:
    """What was heard in a tenant: a remedy, nothing to complain of (""), or no word (None)."""

    remedy: str | None
    fingerprint: str
    until: datetime


class Acceptance:
    """Asks Entra for tokens, and remembers what it said.

    Args:
        graph: Keeps the tokens; None asks nobody.
    """

    def __init__(self, graph: GraphAccessCache | None, clock: Clock) -> None:
        self._graph = graph
        self._clock = clock
        self._answers: dict[tuple[Key, str], _Answer] = {}

    async def of(self, view: AddinView, credentials: Credentials) -> Verdict:
        """Return what Entra says in all tenants. Never raises: who cannot be asked changes nothing."""
        if self._graph is None or not view.sync_enabled or credentials.problem is not None:
            return Verdict()
        tenants = view.config.tenant_ids
        before = [self._remedy(view, tenant) for tenant in tenants]
        await asyncio.gather(*(self._look(self._graph, view, tenant, credentials) for tenant in tenants))
        after = [self._remedy(view, tenant) for tenant in tenants]
        relieved = [
            tenant for tenant, old, new in zip(tenants, before, after, strict=True) if new == "" and old != ""
        ]
        return Verdict(_grouped(tenants, after), all(new is not None for new in after), tuple(relieved))

    def forget(self, key: Key) -> None:
        """Forget an OutlookAddin that is gone."""
        self._answers = {place: kept for place, kept in self._answers.items() if place[0] != key}

    def _remedy(self, view: AddinView, tenant: str) -> str | None:
        answer = self._answers.get(_place(view, tenant))
        return None if answer is None else answer.remedy

    async def _look(
        self, graph: GraphAccessCache, view: AddinView, tenant: str, credentials: Credentials
    ) -> None:
        place, now = _place(view, tenant), self._clock.now()
        known = self._answers.get(place)
        fingerprint = credentials.fingerprint
        if known is not None and known.fingerprint == fingerprint and now < known.until:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await graph.get(view, tenant, credentials).tokens.token()
            remedy: str | None = ""
        except CredentialsRefused as error:
            remedy = f"{error.remedy}. (Code {error.code}.)" if error.code else f"{error.remedy}."
        except (ClientError, ssl.SSLError, TimeoutError):
            remedy = None if known is None else known.remedy
        self._answers[place] = _Answer(remedy, fingerprint, now + ASKED_AGAIN)


def _place(view: AddinView, tenant: str) -> tuple[Key, str]:
    return Key(ADDIN, view.owner.namespace, view.owner.name), tenant


def _grouped(tenants: Sequence[str], remedies: Sequence[str | None]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for tenant, remedy in zip(tenants, remedies, strict=True):
        if remedy:
            found[remedy] = (*found.get(remedy, ()), tenant)
    return found
