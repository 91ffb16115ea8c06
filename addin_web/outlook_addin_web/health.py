"""``/live`` and ``/ready``: about this process only.

Neither asks Graph, Entra or Unblu: if one of them is down, restarting our pods or taking them out of the
Service would only add a second outage, and notifications are better queued here than refused.
"""

from collections.abc import Callable

from aiohttp import web

Check = Callable[[], bool]
"""Tells whether a part of the process is at work; costs nothing."""


def add_routes(app: web.Application, *, alive: Check, ready: Check) -> None:
    """Add the two probes.

    Args:
        app: Where to add them.
        alive: False if only a restart helps.
        ready: False while requests should go elsewhere.
    """

    async def answer_live(_: web.Request) -> web.Response:
        return _answer(alive())

    async def answer_ready(_: web.Request) -> web.Response:
        return _answer(ready())

    app.router.add_get("/live", answer_live)
    app.router.add_get("/ready", answer_ready)


def _answer(well: bool) -> web.Response:  # noqa: FBT001 - the only thing there is to say
    text, status = ("ok", 200) if well else ("the synchronisation is not at work", 503)
    return web.Response(text=text, status=status, headers={"Cache-Control": "no-store"})
