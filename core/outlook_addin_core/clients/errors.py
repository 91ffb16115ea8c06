"""What can go wrong between us and Entra, Graph or Unblu, sorted by what a caller does about it.

::

    ClientError
    ├── Unreachable      no answer: time-out, connection, name, certificate     try again later
    ├── Throttled        the service asks to wait                               wait ``retry_after``
    ├── Unauthorized     401, the token is not accepted                         get another token
    ├── Denied           403, a permission, role or consent is missing          a person has to act
    │   └── CredentialsRefused   the token endpoint refuses our credentials     a person has to act
    ├── NotFound         404, see ``code`` for what was not found
    ├── Conflict         409, it exists already (``existing_id`` where known)
    ├── Rejected         any other 4xx (and 3xx): asking again will not help
    └── ServerError      5xx, or an answer that nobody can read                 try again later

No error carries a token, an address or more than 256 characters of what the service wrote.
"""

# ruff: noqa: N818 - the names say what happened; "ThrottledError" would say it less well

import re
from datetime import timedelta
from typing import Final

EXCERPT_LENGTH: Final = 256

_SECRETS = (
    (re.compile(r"\beyJ[\w-]*\.[\w.-]*"), "<token>"),
    (re.compile(r"(?i)\bbearer\s+\S+"), "Bearer <token>"),
    (
        re.compile(
            r"(?i)\b(client_secret|client_assertion|access_token|refresh_token)\"?\s*[=:]\s*\"?[^\s\"&,}]+"
        ),
        r"\1=…",
    ),
    (re.compile(r"[^\s'\"<>(),;:]+@[\w-]+(?:\.[\w-]+)*"), "<address>"),
)


class ClientError(Exception):
    """A call to another service did not succeed.

    Args:
        message: What went wrong, for people.
        operation: Which call it was, e.g. ``graph.subscriptions.create``: a bounded set, good for metrics.
        code: The service's own error code, if it gave one.
        excerpt: What the service said; tokens and addresses are taken out and it is cut to 256 characters.
        retry_after: How long the service asks to wait, if it said so.
    """

    def __init__(
        self,
        message: str,
        *,
        operation: str,
        code: str | None = None,
        excerpt: str = "",
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(f"{operation}: {message}")
        self.operation = operation
        self.code = code
        self.excerpt = redact(excerpt)
        self.retry_after = retry_after


class Unreachable(ClientError):
    """There was no answer: a time-out, a connection, a name or a certificate; the message names the host."""


class Throttled(ClientError):
    """The service asks to wait: ``retry_after`` if it said how long."""


class Unauthorized(ClientError):
    """The token is not accepted (401)."""


class Denied(ClientError):
    """A permission, role or consent is missing (403)."""


class CredentialsRefused(Denied):
    """The token endpoint refuses the credentials.

    Args:
        aadsts: Entra's number of the reason, e.g. 7000222, if it gave one.
        remedy: What a person has to do, in words.
        operation: As for every ClientError.
        excerpt: As for every ClientError.
    """

    def __init__(
        self, aadsts: int | None, remedy: str, *, operation: str = "token", excerpt: str = ""
    ) -> None:
        code = None if aadsts is None else f"AADSTS{aadsts}"
        super().__init__(
            remedy if code is None else f"{remedy} ({code})", operation=operation, code=code, excerpt=excerpt
        )
        self.aadsts = aadsts
        self.remedy = remedy


class NotFound(ClientError):
    """There is no such thing (404); ``code`` tells what: a missing mailbox is not a missing event."""


class Conflict(ClientError):
    """It exists already (409); ``existing_id`` is the id of what is in the way, if the service told it."""

    def __init__(
        self,
        message: str,
        *,
        operation: str,
        code: str | None = None,
        excerpt: str = "",
        existing_id: str | None = None,
    ) -> None:
        super().__init__(message, operation=operation, code=code, excerpt=excerpt)
        self.existing_id = existing_id


class Rejected(ClientError):
    """The request itself is refused (4xx); asking again will not help."""


class ServerError(ClientError):
    """The service failed (5xx) or gave an answer that cannot be read."""


def redact(text: str) -> str:
    """Return at most 256 characters of a text on one line, without tokens, secrets and addresses."""
    text = " ".join(text[: 16 * EXCERPT_LENGTH].split())
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text if len(text) <= EXCERPT_LENGTH else text[: EXCERPT_LENGTH - 1] + "…"
