"""All CalendarSubscriptions of the cluster, listed and then watched, at a small cost for each.

Kopf watches everything else. For this kind there may be tens of thousands of objects, and then its deep copy,
its queue and its memory per object cost more than all our own work (docs/decisions/020).

After an interruption the API server may have forgotten what happened meanwhile (410). Then everything is
listed again, and what vanished is reported as such: a watch never says it afterwards.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Final, TypedDict

import httpx2
import lightkube
import msgspec
from lightkube.config.client_adapter import AsyncClient, ConnectionParams

from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.resources import GROUP, SUBSCRIPTION, SUBSCRIPTIONS, VERSION
from outlook_addin_operator.keys import Key, key_of

logger = logging.getLogger(__name__)

PAGE: Final = 500
WATCH_SECONDS: Final = 300
"""After this time the API server ends a watch, which goes on from where it was."""

SILENCE: Final = 90.0
"""Seconds without a word after which a connection counts as dead; bookmarks come about every minute."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0


class Metadata(TypedDict, total=False):
    """What is read of an object's metadata: all but managedFields, which is half of the object."""

    name: str
    namespace: str
    uid: str
    resourceVersion: str
    generation: int
    creationTimestamp: str
    deletionTimestamp: str
    labels: dict[str, str]
    annotations: dict[str, str]
    finalizers: list[str]
    ownerReferences: list[dict[str, Any]]


class Body(TypedDict, total=False):
    """One CalendarSubscription, or the Status that explains an error."""

    metadata: Metadata
    spec: dict[str, Any]
    status: Any
    code: int


class _ListMetadata(msgspec.Struct):
    resourceVersion: str = ""  # noqa: N815 - Kubernetes' spelling
    next: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct):
    metadata: _ListMetadata
    items: list[Body]


class _Event(msgspec.Struct):
    type: str
    object: Body


_read_page = msgspec.json.Decoder(_Page).decode
_read_event = msgspec.json.Decoder(_Event).decode


class OutdatedError(Exception):
    """The API server has forgotten what happened since: list again."""


class SubscriptionWatch:
    """Follows the CalendarSubscriptions of one namespace, or of all.

    Args:
        client: Reaches the API server; closed at the end.
        namespace: Which one; None for all.
        take: Is told whether an object is gone, and the object; may keep no part of it.
        known: Returns the keys of all objects that were taken and are not gone.
        vanished: Is told that such an object is gone.
        sleep: Replaced in tests.
    """

    def __init__(  # noqa: PLR0913 - where from, and whom to tell
        self,
        client: httpx2.AsyncClient,
        namespace: str | None,
        *,
        take: Callable[[bool, Any], None],
        known: Callable[[], Iterable[Key]],
        vanished: Callable[[Key], None],
        clock: Clock,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        place = f"namespaces/{namespace}/" if namespace else ""
        self._path = f"/apis/{GROUP}/{VERSION}/{place}{SUBSCRIPTIONS}"
        self._client = client
        self._namespace = namespace
        self._take = take
        self._known = known
        self._vanished = vanished
        self._clock = clock
        self._sleep = sleep
        self._heard = clock.monotonic()
        self.complete = asyncio.Event()
        """Set when everything was listed once."""

    @property
    def heard(self) -> float:
        """The monotonic time of the last page, event or bookmark."""
        return self._heard

    async def run(self) -> None:
        """Follow until cancelled; whatever fails is tried again after a growing pause."""
        version, pause = "", FIRST_PAUSE
        try:
            while True:
                try:
                    version = await (self._follow_on(version) if version else self._list())
                    pause = FIRST_PAUSE
                except OutdatedError:
                    logger.info("the watch of CalendarSubscriptions was interrupted for too long")
                    version = ""
                    await self._sleep(FIRST_PAUSE)
                except (httpx2.HTTPError, msgspec.MsgspecError) as error:
                    logger.warning(
                        "CalendarSubscriptions cannot be followed (%s); again in %.0f s", error, pause
                    )
                    await self._sleep(pause)
                    pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            await self._client.aclose()

    async def _list(self) -> str:
        """Take in all objects; returns the version that a watch goes on from."""
        gone = {key for key in self._known() if self._namespace in {None, key.namespace}}
        page = await self._page("")
        while page.metadata.next:
            following = asyncio.create_task(self._page(page.metadata.next))
            await asyncio.sleep(0)  # let the request go out before this page is worked on
            self._take_all(page, gone)
            page = await following
        self._take_all(page, gone)
        for key in gone:
            self._vanished(key)
        self.complete.set()
        return page.metadata.resourceVersion

    def _take_all(self, page: _Page, gone: set[Key]) -> None:
        for body in page.items:
            gone.discard(key_of(SUBSCRIPTION, body))
            self._tell(False, body)

    def _tell(self, gone: bool, body: Body) -> None:  # noqa: FBT001 - what an event says
        """Pass an object on; one that nobody can read must not keep the others from being seen."""
        try:
            self._take(gone, body)
        except Exception:
            key = key_of(SUBSCRIPTION, body)
            logger.exception("%s %s/%s cannot be taken in", key.kind, key.namespace, key.name)

    async def _page(self, token: str) -> _Page:
        query = {"limit": str(PAGE), **({"continue": token} if token else {})}
        answer = await self._client.get(self._path, params=query)
        _check(answer)
        self._heard = self._clock.monotonic()
        return _read_page(answer.content)

    async def _follow_on(self, version: str) -> str:
        """Follow; an API server that ends a watch at once is not asked again at once."""
        began = self._clock.monotonic()
        version = await self._follow(version)
        if self._clock.monotonic() - began < FIRST_PAUSE:
            await self._sleep(FIRST_PAUSE)
        return version

    async def _follow(self, version: str) -> str:
        """Take in what happens, until the API server ends the watch; returns where to go on."""
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        timeout = httpx2.Timeout(10.0, read=SILENCE)
        async with self._client.stream("GET", self._path, params=query, timeout=timeout) as answer:
            if answer.is_error:
                await answer.aread()
            _check(answer)
            async for line in answer.aiter_lines():
                self._heard = self._clock.monotonic()
                version = self._take_event(_read_event(line)) or version
        return version

    def _take_event(self, event: _Event) -> str | None:
        """Pass one event on; returns the version that it brings us to."""
        if event.type == "ERROR":
            if event.object.get("code") == HTTPStatus.GONE:
                raise OutdatedError
            raise httpx2.RemoteProtocolError(f"the watch ended with {event.object.get('code')}")
        if event.type != "BOOKMARK":
            self._tell(event.type == "DELETED", event.object)
        return event.object["metadata"].get("resourceVersion")


def _check(answer: httpx2.Response) -> None:
    if answer.status_code == HTTPStatus.GONE:
        raise OutdatedError
    answer.raise_for_status()


def connect(client: lightkube.AsyncClient) -> httpx2.AsyncClient:
    """Return an HTTP client for the same API server, with the same identity."""
    return AsyncClient(client.config, ConnectionParams(timeout=httpx2.Timeout(60.0), trust_env=False))
