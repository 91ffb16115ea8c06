"""What a failure at Graph or Entra means for a CalendarSubscription, in words for the person who reads it."""

from dataclasses import dataclass, replace
from datetime import timedelta

from outlook_addin_core.clients.errors import (
    ClientError,
    CredentialsRefused,
    Denied,
    NotFound,
    Rejected,
    Throttled,
    Unauthorized,
    Unreachable,
)

_HANDSHAKE = frozenset({"invalidrequest", "validationerror"})
"""Codes of a failed validation of our endpoint.

Source: learn.microsoft.com/graph/change-notifications-delivery-webhooks.
"""


class ClaimedElsewhereError(Exception):
    """Another installation with the same app registration holds the mailbox's subscription."""


@dataclass(frozen=True)
class Failure:
    """An attempt that failed.

    Args:
        stalled: Whether nothing gets better until a person acts.
        credentials: Whether it was the credentials that were refused.
        accepted: Whether they were accepted: it was Graph that failed, and not Entra.
        retry_after: How long Graph asks to wait.
    """

    reason: str
    message: str
    stalled: bool = False
    credentials: bool = False
    accepted: bool = False
    retry_after: timedelta | None = None


def failure(error: ClientError | ClaimedElsewhereError) -> Failure:
    """Return what an error means."""
    if isinstance(error, ClaimedElsewhereError):
        return _CLAIMED
    found = next(
        (make(error) for kind, make in _MEANINGS if isinstance(error, kind)),
        Failure("GraphError", "Microsoft Graph failed; trying again.", retry_after=error.retry_after),
    )
    return replace(found, accepted=error.operation.startswith("graph."))


def is_handshake(error: Exception) -> bool:
    """Tell whether Graph did not get its validation token back from our endpoint."""
    return isinstance(error, Rejected) and (error.code or "").lower() in _HANDSHAKE


def _refused(error: ClientError) -> Failure:
    remedy = error.remedy if isinstance(error, CredentialsRefused) else "check the Secret"
    message = f"Microsoft Entra refuses the credentials: {remedy}.{_code(error)}"
    return Failure("CredentialsRefused", message, stalled=True, credentials=True)


def _denied(error: ClientError) -> Failure:
    return Failure(
        "AccessDenied",
        "Microsoft Graph denies access to the mailbox; grant the application permission Calendars.Read (or "
        "ReadWrite) with admin consent, and check application access policies and the mailbox's limit of "
        f"1,000 subscriptions.{_code(error)}",
        stalled=True,
    )


def _not_found(error: ClientError) -> Failure:
    return Failure(
        "MailboxNotFound",
        "Microsoft Graph finds no cloud mailbox of this user; check spec.userId, its licence, and that the "
        f"mailbox is in Exchange Online.{_code(error)}",
        stalled=True,
    )


def _rejected(error: ClientError) -> Failure:
    if is_handshake(error):
        return Failure(
            "NotificationUrlRefused",
            "Microsoft Graph did not get its validation token back from the web server; make "
            "spec.deploymentUrl of the OutlookAddin reachable from the internet with a public certificate, "
            f"without any authentication in front.{_code(error)}",
            retry_after=error.retry_after,
        )
    return Failure("RequestRejected", f"Microsoft Graph rejects the request.{_code(error)}", stalled=True)


def _throttled(error: ClientError) -> Failure:
    message = "Microsoft Graph asks to wait; trying again afterwards."
    return Failure("Throttled", message, retry_after=error.retry_after)


def _token_rejected(error: ClientError) -> Failure:
    return Failure("TokenRejected", f"Microsoft Graph does not accept the token.{_code(error)}")


def _unreachable(error: ClientError) -> Failure:
    return Failure("GraphUnreachable", f"No answer from Microsoft Graph or Entra: {error}.")


def _code(error: ClientError) -> str:
    return f" (Code {error.code}.)" if error.code else ""


_CLAIMED = Failure(
    "ClaimedElsewhere",
    "Another installation with the same clientId holds the subscription of this mailbox; make one app "
    "registration per environment, or remove the mailbox there.",
    stalled=True,
)

_MEANINGS = (
    (CredentialsRefused, _refused),
    (Denied, _denied),
    (NotFound, _not_found),
    (Rejected, _rejected),
    (Throttled, _throttled),
    (Unauthorized, _token_rejected),
    (Unreachable, _unreachable),
)
