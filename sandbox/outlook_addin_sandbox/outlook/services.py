"""What the page needs from the world around it, as plain functions."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from outlook_addin_sandbox.outlook.calendar_port import CalendarPort

Json = dict[str, Any]


@dataclass(frozen=True)
class PageAgent:
    """A person whose calendar the page shows."""

    user_id: str
    name: str
    address: str


@dataclass(frozen=True)
class NaaRequest:
    """A nested app's wish for a token, as its broker passes it on.

    ``scopes`` are separated by spaces and ``nonce`` may be empty, as in MSAL's bridge message.
    """

    agent: PageAgent
    client_id: str
    authority: str
    scopes: str
    nonce: str = ""


class TokenRefusedError(Exception):
    """The identity provider gave no token; the text is its explanation."""


@dataclass(frozen=True)
class PageServices:
    """Everything that is not the page itself."""

    agents: Sequence[PageAgent]
    addin_url: str
    """Base address of the add-in, for example ``http://addin.localhost:8080/addin``."""
    calendar: Callable[[PageAgent], CalendarPort]
    naa_token: Callable[[NaaRequest], Awaitable[Json]]
    """Answers ``{"token": {access_token, id_token, expires_in, scope, authority}, "account": {…}}``; raises
    ``TokenRefusedError``."""
    conversations: Callable[[], Awaitable[list[Json]]]
    """Rows of the Unblu panel: ``id, topic, scheduled`` (ISO 8601), ``state, link, participants`` (names)."""
    kubectl_table: Callable[[], Awaitable[str]]
    """The text that ``kubectl get oaddin,csub`` prints now."""
    visitor_joins: Callable[[str], Awaitable[None]] | None = None
    """Lets a visitor enter the conversation with this id; without it the panel has no such button."""
    addin_id: str | None = None
    """The add-in's id; read from its manifest when not given."""
