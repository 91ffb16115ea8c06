"""Who may do what: bearer tokens, application roles, reachable mailboxes, four requests at a time."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from outlook_addin_sandbox.entra.directory import GRAPH_RESOURCE
from outlook_addin_sandbox.entra.tokens import InvalidTokenError
from outlook_addin_sandbox.graph.errors import (
    GraphError,
    access_denied,
    access_policy_denied,
    mailbox_not_enabled,
    user_not_found,
)
from outlook_addin_sandbox.graph.faults import GraphFaults
from outlook_addin_sandbox.graph.mailbox import Mailbox, MailboxState

READ_ROLES = frozenset({"Calendars.Read", "Calendars.ReadWrite"})
WRITE_ROLES = frozenset({"Calendars.ReadWrite"})
Verifier = Callable[[str], dict[str, Any]]


@dataclass(frozen=True)
class Caller:
    """The application behind a request, and the tenant whose data it may reach."""

    client_id: str
    tenant_id: str
    roles: frozenset[str]

    @property
    def can_read(self) -> bool:
        """Whether calendars may be read."""
        return bool(self.roles & READ_ROLES)

    @property
    def can_write(self) -> bool:
        """Whether calendars may be changed."""
        return bool(self.roles & WRITE_ROLES)


def identify(request: web.Request, verify: Verifier, audiences: set[str]) -> Caller:
    """Return the caller.

    Raises:
        GraphError: 401 for a token that is missing, forged, expired or meant for somebody else.
    """
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise _unauthorized("Access token is empty.")
    try:
        claims = verify(token)
    except InvalidTokenError as error:
        raise _unauthorized(str(error)) from error
    if claims["aud"].rstrip("/") not in audiences | {GRAPH_RESOURCE}:
        raise _unauthorized("Access token validation failure. Invalid audience.")
    return Caller(claims["azp"], claims["tid"], frozenset(claims.get("roles", ())))


def reachable(
    caller: Caller, mailboxes: Mapping[str, Mailbox], user_id: str, *, write: bool = False
) -> Mailbox:
    """Return a mailbox of the caller's tenant.

    Args:
        caller: who asks.
        mailboxes: mailboxes by user id.
        user_id: object id or address of the owner.
        write: whether it is about to be changed.

    Raises:
        GraphError: 403 without the permission; 404 with a code that tells the reasons apart.
    """
    mailbox = find(caller, mailboxes, user_id)
    if mailbox is None:
        raise user_not_found(user_id)
    if not (caller.can_write if write else caller.can_read):
        raise access_denied()
    if mailbox.state is MailboxState.NOT_ENABLED:
        raise mailbox_not_enabled()
    if mailbox.state is MailboxState.DENIED:
        raise access_policy_denied()
    return mailbox


def find(caller: Caller, mailboxes: Mapping[str, Mailbox], user_id: str) -> Mailbox | None:
    """Return the mailbox of a user of the caller's tenant, by object id or address."""
    wanted = user_id.lower()
    known = mailboxes.get(wanted)
    if known is not None and known.tenant_id == caller.tenant_id:
        return known
    own = (each for each in mailboxes.values() if each.tenant_id == caller.tenant_id)
    return next((each for each in own if wanted in {each.user_id, each.address.lower()}), None)


def check_fresh(faults: GraphFaults) -> None:
    """Raise 503 while Graph has lost track of where mailboxes are."""
    if faults.stale_mailbox_info > 0:
        faults.stale_mailbox_info -= 1
        raise GraphError(503, "ServiceUnavailable", "Mailbox info is stale.")


class Concurrency:
    """Counts the requests that are under way per application and mailbox."""

    def __init__(self) -> None:
        self._active: Counter[tuple[str, str]] = Counter()

    @contextmanager
    def slot(self, caller: Caller, user_id: str, limit: int) -> Iterator[None]:
        """Hold one place; 429 when all are taken."""
        key = (caller.client_id, user_id.lower())
        if self._active[key] >= limit:
            message = "Application is over its MailboxConcurrency limit."
            raise GraphError(429, "ApplicationThrottled", message, {"Retry-After": "1"})
        self._active[key] += 1
        try:
            yield
        finally:
            self._active[key] -= 1


def _unauthorized(message: str) -> GraphError:
    return GraphError(401, "InvalidAuthenticationToken", message)
