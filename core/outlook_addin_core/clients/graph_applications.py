"""What Microsoft Graph tells about our own app registration.

Source: learn.microsoft.com/graph/api/application-get and resources/passwordcredential. The registration is
visible only in its home tenant, and only with Application.Read.All; whoever has not granted that gets 403.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import httpx2

from outlook_addin_core.clients.errors import ServerError
from outlook_addin_core.clients.graph import Graph
from outlook_addin_core.clients.http import Observer, TokenProvider, read_object, unobserved

OPERATION: Final = "graph.applications.get"
HINT_LENGTH: Final = 3
"""How many of its first characters Graph shows of a client secret."""


@dataclass(frozen=True)
class RegisteredSecret:
    """A client secret as its registration shows it.

    Args:
        hint: The first characters of its text.
        expires: When it ends.
    """

    hint: str
    expires: datetime


class GraphApplications:
    """Reads app registrations."""

    def __init__(
        self, client: httpx2.AsyncClient, token_source: TokenProvider, *, observe: Observer = unobserved
    ) -> None:
        self._graph = Graph(client, token_source, prefer=(), observe=observe)

    async def secrets(self, client_id: str) -> list[RegisteredSecret]:
        """Return the client secrets of a registration. Raises ClientError, Denied without the permission."""
        response = await self._graph.send(
            "GET",
            f"/applications(appId='{client_id}')",
            operation=OPERATION,
            params={"$select": "passwordCredentials"},
        )
        found = read_object(response, OPERATION).get("passwordCredentials")
        try:
            return [_secret(item) for item in found or ()]
        except (KeyError, TypeError, ValueError) as error:
            raise ServerError("the secrets cannot be read", operation=OPERATION) from error


def end_of(secret: str, registered: list[RegisteredSecret]) -> datetime | None:
    """Return when a client secret ends; of several that begin alike the first, so that nothing is missed."""
    hint = secret[:HINT_LENGTH]
    return min((item.expires for item in registered if item.hint == hint), default=None)


def _secret(item: dict[str, Any]) -> RegisteredSecret:
    expires = datetime.fromisoformat(item["endDateTime"])
    return RegisteredSecret(str(item.get("hint") or ""), expires.astimezone(UTC))
