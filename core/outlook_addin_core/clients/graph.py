"""What all calls to Microsoft Graph have in common: the version, the token, the pages."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, Final

import httpx2

from outlook_addin_core.clients.correlation import correlation
from outlook_addin_core.clients.errors import ServerError
from outlook_addin_core.clients.http import Observer, TokenProvider, read_object, request, unobserved

VERSION: Final = "/v1.0"
IMMUTABLE_ID: Final = 'IdType="ImmutableId"'
UTC_TIMES: Final = 'outlook.timezone="UTC"'


class Graph:
    """Microsoft Graph with one tenant's token.

    Args:
        client: Made with the base URL of the national cloud, e.g. ``https://graph.microsoft.com``.
        token_source: Tokens for one tenant.
        prefer: Preferences to send with *every* request; Graph applies them per request.
        observe: Is told every operation and its outcome.
    """

    def __init__(
        self,
        client: httpx2.AsyncClient,
        token_source: TokenProvider,
        *,
        prefer: tuple[str, ...] = (IMMUTABLE_ID,),
        observe: Observer = unobserved,
    ) -> None:
        self._client = client
        self._token_source = token_source
        self._headers = {"Prefer": ", ".join(prefer)}
        self._observe = observe

    async def send(
        self,
        method: str,
        url: str,
        *,
        operation: str,
        params: Mapping[str, str | int] | None = None,
        json: Any = None,
    ) -> httpx2.Response:
        """Send one request; a path is taken below the version, a next link as it is. Raises ClientError."""
        return await request(
            self._client,
            method,
            VERSION + url if url.startswith("/") else url,
            operation=operation,
            token_source=self._token_source,
            params=params,
            json=json,
            headers=self._headers | _correlated(),
            observe=self._observe,
        )

    async def pages(
        self, path: str, *, operation: str, params: Mapping[str, str | int] | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """Yield the items of all pages.

        Raises:
            ClientError: A page could not be had or read: the list is not complete, and nothing follows from
            it.
        """
        url: str | None = path
        seen = set()
        while url is not None:
            seen.add(url)
            response = await self.send("GET", url, operation=operation, params=params)
            page = read_object(response, operation)
            items = page.get("value")
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise ServerError("the page has no list of items", operation=operation)
            for item in items:
                yield item
            following = self._next(page, operation)
            if following in seen:
                raise ServerError("the next page was there before", operation=operation)
            url, params = following, None

    def _next(self, page: Mapping[str, Any], operation: str) -> str | None:
        """Return the link to the next page as Graph gave it; the token goes nowhere but to Graph."""
        link = page.get("@odata.nextLink")
        if not link:
            return None
        target, base = httpx2.URL(str(link)), self._client.base_url
        if (target.scheme, target.host, target.port) != (base.scheme, base.host, base.port):
            raise ServerError("the next page lies at another host", operation=operation)
        return str(link)


def _correlated() -> dict[str, str]:
    """Return the header by which both sides find a request again."""
    identity = correlation.get()
    return {"client-request-id": identity} if identity else {}
