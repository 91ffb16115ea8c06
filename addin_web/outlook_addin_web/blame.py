"""Who a failure keeps waiting, and whether trying again can help. Pure.

The narrowest scope that the failure proves: a mailbox at its concurrency limit slows down that mailbox, an
expired secret stops its tenant, and Unblu's outage stops everybody; nobody else waits. Where Unblu fails at a
write, the search before it has shown that it is not down: the conversation may be the cause. Where a service
fails at a place that may be the cause, the worker waits for a second place before it believes in an outage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from outlook_addin_core.clients.errors import (
    ClientError,
    Conflict,
    CredentialsRefused,
    Denied,
    NotFound,
    Rejected,
    ServerError,
    Throttled,
    Unauthorized,
    Unreachable,
)
from outlook_addin_core.clients.graph_events import ITEM_NOT_FOUND
from outlook_addin_web.ports import StoreUnavailable

MAILBOX_CONCURRENCY: Final = "mailboxconcurrency"
WRITES: Final = frozenset(f"unblu.conversations.{each}" for each in ("rename", "move", "mark", "delete"))


class Scope(Enum):
    """Who has to wait."""

    UNBLU = "unblu"
    TENANT = "tenant"
    MAILBOX = "mailbox"


@dataclass(frozen=True)
class Blame:
    """What a failure means.

    Args:
        reason: For the condition Synchronized, in one word.
        remedy: For the condition, in a sentence; names no address and no subject.
        own: Whether the task itself may be the cause, so that its tries count.
        hopeless: Whether asking again cannot help: it is parked at once.
    """

    scope: Scope
    reason: str
    remedy: str
    own: bool = False
    hopeless: bool = False


def blame(error: Exception) -> Blame:
    """Return what a failure means."""
    if isinstance(error, StoreUnavailable):
        return _KUBERNETES
    if not isinstance(error, ClientError):
        return _UNFORESEEN
    if isinstance(error, Throttled) and MAILBOX_CONCURRENCY in error.excerpt.lower():
        return _CONCURRENCY
    if isinstance(error, ServerError) and error.operation in WRITES:
        return _CHANGE_FAILS
    at_unblu = error.operation.startswith(("unblu.", "gateway."))
    table, otherwise = (_AT_UNBLU, _UNBLU_FAILS) if at_unblu else (_AT_GRAPH, _GRAPH_FAILS)
    if isinstance(error, NotFound) and (error.code or "").lower() == ITEM_NOT_FOUND:
        return _CALENDAR_CHANGED
    return next((each for kinds, each in table if isinstance(error, kinds)), otherwise)


_KUBERNETES: Final = Blame(Scope.MAILBOX, "Failing", "The Kubernetes API cannot be used at the moment.")
_UNFORESEEN: Final = Blame(
    Scope.MAILBOX, "Failing", "An unforeseen failure; see the web server's log.", own=True
)
_CONCURRENCY: Final = Blame(Scope.MAILBOX, "Throttled", "Microsoft Graph asks to wait.")
_UNBLU_FAILS: Final = Blame(
    Scope.UNBLU, "UnbluUnavailable", "Unblu gives no usable answer; see the web server's log.", own=True
)
_CHANGE_FAILS: Final = Blame(
    Scope.MAILBOX, "Failing", "Unblu fails at a change; see the web server's log.", own=True
)
_CALENDAR_CHANGED: Final = Blame(
    Scope.MAILBOX, "Failing", "A calendar went away while it was read.", own=True
)
_GRAPH_FAILS: Final = Blame(
    Scope.TENANT, "GraphUnavailable", "Microsoft Graph gives no usable answer; see the log.", own=True
)

_Table: TypeAlias = Sequence[tuple[type[ClientError] | tuple[type[ClientError], ...], Blame]]
"""The first row that fits counts."""

_AT_UNBLU: Final[_Table] = (
    (
        CredentialsRefused,
        Blame(
            Scope.UNBLU,
            "CredentialsRefused",
            "The Auth Gateway's token endpoint refuses the sync server's client id or secret; check both.",
        ),
    ),
    (
        (Throttled, Unreachable, Unauthorized),
        Blame(Scope.UNBLU, "UnbluUnavailable", "Unblu cannot be used at the moment."),
    ),
    (
        Denied,
        Blame(
            Scope.MAILBOX,
            "InsufficientRole",
            "Unblu refuses a change; give the sync server's identity the role ADMIN.",
            own=True,
        ),
    ),
    (
        (NotFound, Conflict),
        Blame(Scope.MAILBOX, "Failing", "A conversation changed while it was worked on.", own=True),
    ),
    (
        Rejected,
        Blame(
            Scope.MAILBOX,
            "Failing",
            "Unblu rejects a change; see the web server's log.",
            own=True,  # and not hopeless: the conversation may have ended since it was read
        ),
    ),
)

_AT_GRAPH: Final[_Table] = (
    (
        CredentialsRefused,
        Blame(
            Scope.TENANT,
            "CredentialsRefused",
            "Microsoft Entra refuses the credentials in this tenant; check the secret and the consent.",
        ),
    ),
    (Throttled, Blame(Scope.TENANT, "Throttled", "Microsoft Graph asks to wait.")),
    (
        (Unreachable, Unauthorized),
        Blame(Scope.TENANT, "GraphUnavailable", "Microsoft Graph cannot be used at the moment."),
    ),
    (
        Denied,
        Blame(
            Scope.MAILBOX,
            "GraphDenied",
            "Microsoft Graph denies access; check the consent in the tenant and its access policies.",
            own=True,
        ),
    ),
    (
        NotFound,
        Blame(
            Scope.MAILBOX,
            "MailboxNotFound",
            "Microsoft Graph finds no such mailbox; it may be unlicensed, on premises or deleted.",
            own=True,
            hopeless=True,
        ),
    ),
    (
        Rejected,
        Blame(
            Scope.MAILBOX,
            "Failing",
            "Microsoft Graph rejects a request; see the web server's log.",
            own=True,
            hopeless=True,
        ),
    ),
)

REASONS: Final = frozenset(
    each.reason
    for each in (
        *(
            _KUBERNETES,
            _UNFORESEEN,
            _CONCURRENCY,
            _UNBLU_FAILS,
            _CHANGE_FAILS,
            _CALENDAR_CHANGED,
            _GRAPH_FAILS,
        ),
        *(row[1] for row in (*_AT_UNBLU, *_AT_GRAPH)),
    )
)
"""All that a failure can be called."""
