"""When the credentials of an OutlookAddin end: told by the certificate, Microsoft Graph or the spec."""

import logging
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from outlook_addin_core.clients.credentials import ClientSecret
from outlook_addin_core.clients.errors import ClientError, Denied, NotFound
from outlook_addin_core.clients.graph_applications import end_of
from outlook_addin_core.domain.clock import Clock
from outlook_addin_operator.addin.spec import AddinView
from outlook_addin_operator.credentials import Credentials
from outlook_addin_operator.graph_access import GraphAccessCache
from outlook_addin_operator.status import parse_time

logger = logging.getLogger(__name__)

ASKED_AGAIN: Final = timedelta(hours=6)
ASKED_AGAIN_AFTER_FAILURE: Final = timedelta(minutes=10)


@dataclass(frozen=True)
class _Answer:
    """What Graph said about a secret, and until when that counts."""

    fingerprint: str
    expires: datetime | None
    until: datetime


class Expiry:
    """Knows when credentials end.

    Args:
        graph: Asked about client secrets; None asks nobody.
    """

    def __init__(self, graph: GraphAccessCache | None, clock: Clock) -> None:
        self._graph = graph
        self._clock = clock
        self._answers: dict[str, _Answer] = {}

    async def of(self, view: AddinView, credentials: Credentials) -> datetime | None:
        """Return when the credentials end; None if nobody knows. Never raises: it is only a warning."""
        if not view.sync_enabled or credentials.problem is not None:
            return None
        if not isinstance(credentials.credential, ClientSecret):
            return credentials.expires
        told = parse_time((view.spec.get("credentials") or {}).get("expirationTime"))
        return await self._by_graph(view, credentials, credentials.credential.text) or told

    async def _by_graph(self, view: AddinView, credentials: Credentials, secret: str) -> datetime | None:
        now, known = self._clock.now(), self._answers.get(view.owner.uid)
        if known is not None and known.fingerprint != credentials.fingerprint:
            known = None
        if known is not None and now < known.until:
            return known.expires
        try:
            expires, pause = await self._ask(view, credentials, secret), ASKED_AGAIN
        except (ClientError, ssl.SSLError) as error:
            logger.debug("the end of the client secret cannot be read: %s", type(error).__name__)
            expires, pause = None if known is None else known.expires, ASKED_AGAIN_AFTER_FAILURE
        self._answers[view.owner.uid] = _Answer(credentials.fingerprint, expires, now + pause)
        return expires

    async def _ask(self, view: AddinView, credentials: Credentials, secret: str) -> datetime | None:
        """Ask in the first tenant, which has to be the home of the app registration."""
        if self._graph is None:
            return None
        access = self._graph.get(view, view.config.tenant_ids[0], credentials)
        try:
            registered = await access.applications.secrets(view.config.client_id)
        except (Denied, NotFound):
            return None  # not permitted, or another tenant's registration: the spec may tell
        return end_of(secret, registered)
