"""The few calls that the local node makes to the Kubernetes API server.

Reading is level-triggered: `follow` yields the whole present state of a collection after every change,
so that callers compare states and never look at what kind of event came in.
"""

import asyncio
import contextlib
import json
import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from kubernetes import client, config

_STRATEGIC_MERGE: Final = "application/strategic-merge-patch+json"
_REQUEST_TIMEOUT: Final = aiohttp.ClientTimeout(total=15)
_WATCH_SECONDS: Final = 240
_WATCH_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=_WATCH_SECONDS + 30)
_LONGEST_LINE: Final = 4 * 1024 * 1024

_log = logging.getLogger(__name__)


class ApiError(Exception):
    """The API server refused a request; `status` is the HTTP code, the text is its message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Credentials:
    """What a kubeconfig says about its current context."""

    url: str
    ca_file: str | None
    cert_file: str | None
    key_file: str | None
    authorization: str | None

    @classmethod
    def from_kubeconfig(cls, path: Path) -> "Credentials":
        """Read a kubeconfig file with the official client, so that every form of it is understood."""
        found = client.Configuration()
        config.load_kube_config(str(path), client_configuration=found)  # type: ignore[no-untyped-call]
        authorization = next(iter(found.api_key.values()), None)
        return cls(found.host, found.ssl_ca_cert, found.cert_file, found.key_file, authorization)

    def ssl_context(self) -> ssl.SSLContext:
        """Build the TLS context of every connection to the API server."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.cert_file:
            context.load_cert_chain(self.cert_file, self.key_file)
        return context


class ApiServer:
    """A connection to one API server; make it with `ApiServer.connect`."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url.rstrip("/")
        self._session = session
        address = urlsplit(url)
        self.host = address.hostname or ""
        self.port = address.port or 443

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(cls, kubeconfig: Path) -> AsyncIterator["ApiServer"]:
        """Open a connection with the credentials of a kubeconfig file."""
        credentials = await asyncio.to_thread(Credentials.from_kubeconfig, kubeconfig)
        headers = {"Authorization": credentials.authorization} if credentials.authorization else {}
        connector = aiohttp.TCPConnector(ssl=credentials.ssl_context())
        async with aiohttp.ClientSession(
            connector=connector, headers=headers, read_bufsize=_LONGEST_LINE
        ) as session:
            yield cls(credentials.url, session)

    async def get(self, path: str) -> Any | None:
        """Read one object or list; None when it does not exist."""
        try:
            return await self._request("GET", path)
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise

    async def create(self, path: str, body: Mapping[str, Any]) -> Any:
        """POST an object to its collection (or to a subresource such as `token`)."""
        return await self._request("POST", path, body)

    async def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Patch an object by strategic merge, the form that merges `conditions` by type."""
        return await self._request("PATCH", path, body, _STRATEGIC_MERGE)

    async def delete(self, path: str, body: Mapping[str, Any] | None = None) -> None:
        """Delete an object; that it is gone already, or is another by now, is fine."""
        try:
            await self._request("DELETE", path, body)
        except ApiError as error:
            if error.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                raise

    async def follow(self, path: str, **selectors: str) -> AsyncIterator[Mapping[str, Any]]:
        """Yield the objects of a collection by uid: once at first, then after every change, for ever.

        Outages are waited out: the collection is listed again as soon as the API server answers.
        """
        while True:
            try:
                async for objects in self._list_and_watch(path, selectors):
                    yield objects
            except (TimeoutError, aiohttp.ClientError, ApiError) as error:
                _log.info("Watch of %s broke off (%s), listing again", path, error)
                await asyncio.sleep(1)

    async def _list_and_watch(
        self, path: str, selectors: Mapping[str, str]
    ) -> AsyncIterator[Mapping[str, Any]]:
        listed = await self._request("GET", path, params=selectors)
        objects = {item["metadata"]["uid"]: item for item in listed["items"]}
        yield objects
        version = listed["metadata"]["resourceVersion"]
        async for event in self._watch(path, {**selectors, "resourceVersion": version}):
            if event["type"] == "ERROR":
                raise ApiError(
                    event["object"].get("code", HTTPStatus.GONE), event["object"].get("message", "")
                )
            uid = event["object"]["metadata"]["uid"]
            if event["type"] == "DELETED":
                objects.pop(uid, None)
            else:
                objects[uid] = event["object"]
            yield objects

    async def _watch(self, path: str, params: Mapping[str, str]) -> AsyncIterator[Any]:
        query = {**params, "watch": "true", "timeoutSeconds": str(_WATCH_SECONDS)}
        async with self._session.get(self._url + path, params=query, timeout=_WATCH_TIMEOUT) as response:
            await _raise_for_status(response)
            async for line in response.content:
                yield json.loads(line)

    async def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
        params: Mapping[str, str] | None = None,
    ) -> Any:
        data = None if body is None else json.dumps(body)
        headers = {} if body is None else {"Content-Type": content_type}
        async with self._session.request(
            method, self._url + path, data=data, headers=headers, params=params, timeout=_REQUEST_TIMEOUT
        ) as response:
            await _raise_for_status(response)
            return await response.json()


async def _raise_for_status(response: aiohttp.ClientResponse) -> None:
    if response.ok:
        return
    text = await response.text()
    with contextlib.suppress(ValueError, TypeError, KeyError):
        text = json.loads(text)["message"]
    raise ApiError(response.status, text)
