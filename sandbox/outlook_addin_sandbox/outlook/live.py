"""Server-sent events: each topic's latest value, once when a page connects and again when it changes."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from aiohttp import web

Source = Callable[[], Awaitable[object]]


class LiveFeed:
    """Feeds open pages by comparing what each source says now with what it said last.

    Comparing, rather than collecting change events, cannot miss a change and needs nothing from the sources.

    Args:
        interval: seconds between two looks at a source.
    """

    def __init__(self, interval: float = 1.0) -> None:
        self._interval = interval
        self._wakers: set[asyncio.Event] = set()
        self._streams: set[asyncio.Task[None]] = set()

    def look_now(self) -> None:
        """Make every open page see a change at once instead of at the next look."""
        for waker in self._wakers:
            waker.set()

    async def aclose(self) -> None:
        """End all open streams."""
        for stream in list(self._streams):
            stream.cancel()
        await asyncio.gather(*self._streams, return_exceptions=True)

    async def serve(self, request: web.Request, topics: Mapping[str, Source]) -> web.StreamResponse:
        """Answer a request with an endless event stream of the given topics."""
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            }
        )
        await response.prepare(request)
        streams = {asyncio.create_task(self._follow(response, *topic)) for topic in topics.items()}
        self._streams |= streams
        try:
            await asyncio.wait(streams, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for stream in streams:
                stream.cancel()
            await asyncio.gather(*streams, return_exceptions=True)
            self._streams -= streams
        return response

    async def _follow(self, response: web.StreamResponse, topic: str, source: Source) -> None:
        waker = asyncio.Event()
        self._wakers.add(waker)
        last = None
        try:
            while True:
                message = _message(topic, await _look(source))
                if message != last:
                    await response.write(message)
                    last = message
                await self._pause(waker)
        except ConnectionResetError:
            return
        finally:
            self._wakers.discard(waker)

    async def _pause(self, waker: asyncio.Event) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._interval):
                await waker.wait()
        waker.clear()


async def _look(source: Source) -> object:
    """The source's value, or its failure in words: a panel shows that something is down, and goes on."""
    try:
        return {"value": await source()}
    except Exception as error:  # noqa: BLE001 - sources are the caller's, and any failure belongs in the panel
        return {"error": str(error) or type(error).__name__}


def _message(topic: str, value: object) -> bytes:
    return f"event: {topic}\ndata: {json.dumps(value)}\n\n".encode()
