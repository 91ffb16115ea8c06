"""`/v1.0/users/{user}/calendarView/delta`: what has changed in a time window since the last round.

Source: learn.microsoft.com/graph/api/event-delta and /graph/delta-query-overview. A round ends with a
deltaLink, from which the next one begins; a nextLink leads to the next page of the same round. The window is
part of both. The product never asks this: it compares lists (docs/decisions/011-one-sweeper.md).
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import urlencode
from uuid import uuid4

from aiohttp import web

from outlook_addin_sandbox.graph.errors import GraphError, bad_request
from outlook_addin_sandbox.graph.event_api import DEFAULT_PAGE, window
from outlook_addin_sandbox.graph.events import SimEvent
from outlook_addin_sandbox.graph.faults import GraphFaults
from outlook_addin_sandbox.graph.mailbox import Mailbox
from outlook_addin_sandbox.graph.odata import Preferences, preferences
from outlook_addin_sandbox.graph.rendering import event_id, event_json

REFUSED = ("$select", "$expand", "$filter", "$orderby", "$search")
Events = Mapping[str, SimEvent]


class _Row(NamedTuple):
    event: SimEvent
    is_removed: bool


class _Window(NamedTuple):
    start: datetime
    end: datetime


@dataclass(frozen=True)
class _Round:
    """What a token stands for: the mailbox as it was seen, and what of that has not been sent yet."""

    user_id: str
    window: _Window
    view: Events
    everything: Events
    rows: tuple[_Row, ...] = ()


class DeltaApi:
    """Answers delta queries about primary calendars.

    Tokens stand for either form of id; which one is sent depends on the request, as documented.

    Args:
        faults: switches.
        origin: scheme, host and port of this service, for links.
    """

    def __init__(self, faults: GraphFaults, origin: str) -> None:
        self._faults = faults
        self._origin = origin
        self._rounds: dict[str, _Round] = {}

    async def delta(self, request: web.Request, mailbox: Mailbox) -> web.Response:
        """GET of the first page, of a nextLink or of a deltaLink.

        Raises:
            GraphError: 400 for a query that is not served; 410 or another 4xx for an expired token.
        """
        refused = [each for each in REFUSED if each in request.query]
        if refused:
            message = f"Not supported with change tracking over a calendar view: {', '.join(refused)}."
            raise bad_request(message, "ErrorInvalidUrlQuery")
        if token := request.query.get("$skiptoken"):
            return self._page(request, mailbox, self._known(request, mailbox, token))
        if token := request.query.get("$deltatoken"):
            before = self._known(request, mailbox, token)
            now = self._seen(mailbox, before.window)
            return self._begin(request, mailbox, replace(now, rows=self._differences(before, now)))
        now = self._seen(mailbox, _Window(*window(request)))
        rows = tuple(_Row(each, is_removed=False) for each in now.view.values())
        return self._begin(request, mailbox, replace(now, rows=rows))

    def _seen(self, mailbox: Mailbox, wanted: _Window) -> _Round:
        calendar = mailbox.default_calendar.id
        found = mailbox.view(wanted.start, wanted.end, calendar)
        if self._faults.delta_masters:
            masters = {each.series_master_id for each in found if each.series_master_id}
            found = [*map(mailbox.get, sorted(masters)), *found]
        everything = {each.immutable_id: each for each in mailbox.events(calendar)}
        return _Round(mailbox.user_id, wanted, {each.immutable_id: each for each in found}, everything)

    def _differences(self, before: _Round, now: _Round) -> tuple[_Row, ...]:
        changed = [each for key, each in now.view.items() if before.view.get(key) != each]
        removed = [each for key, each in before.view.items() if key not in now.view]
        if self._faults.delta_tells_outside:
            removed += _changed_outside(before, now)
        rows = [_Row(each, is_removed=False) for each in changed]
        return (*rows, *(_Row(each, is_removed=True) for each in removed))

    def _begin(self, request: web.Request, mailbox: Mailbox, begun: _Round) -> web.Response:
        if self._faults.delta_replays:
            begun = replace(begun, rows=tuple(each for each in begun.rows for _ in range(2)))
        return self._page(request, mailbox, begun, is_empty=self._faults.delta_empty_page)

    def _page(
        self, request: web.Request, mailbox: Mailbox, current: _Round, *, is_empty: bool = False
    ) -> web.Response:
        wanted = preferences(request)
        size = 0 if is_empty else wanted.page_size or DEFAULT_PAGE
        sent, rest = current.rows[:size], current.rows[size:]
        token = self._remember(replace(current, rows=rest))
        more = bool(rest) or is_empty
        link = self._link(request, {"$skiptoken" if more else "$deltatoken": token})
        body = {
            "@odata.context": f"{self._origin}/v1.0/$metadata#Collection(event)",
            "value": [_json(mailbox, each, wanted) for each in sent],
            "@odata.nextLink" if more else "@odata.deltaLink": link,
        }
        return web.json_response(body)

    def _remember(self, following: _Round) -> str:
        """Return a token; it says the window, too, so that an expired one still tells where to begin anew."""
        span = [each.isoformat() for each in following.window]
        token = base64.urlsafe_b64encode(json.dumps([str(uuid4()), *span]).encode()).decode()
        self._rounds[token] = following
        while len(self._rounds) > self._faults.delta_tokens:
            del self._rounds[next(iter(self._rounds))]
        return token

    def _known(self, request: web.Request, mailbox: Mailbox, token: str) -> _Round:
        found = self._rounds.get(token)
        if found is not None and found.user_id == mailbox.user_id:
            return found
        try:
            _, start, end = json.loads(base64.urlsafe_b64decode(token))
        except (ValueError, TypeError) as error:
            raise bad_request("The token is malformed.", "ErrorInvalidUrlQuery") from error
        status = self._faults.delta_expired_status
        anew = {"startDateTime": start, "endDateTime": end, "$deltatoken": ""}
        headers = {"Location": self._link(request, anew)} if status == HTTPStatus.GONE else {}
        message = "The sync state generation is not found."
        raise GraphError(status, self._faults.delta_expired_code, message, headers)

    def _link(self, request: web.Request, query: Mapping[str, str]) -> str:
        return f"{self._origin}{request.path_qs.partition('?')[0]}?{urlencode(query)}"


def _changed_outside(before: _Round, now: _Round) -> list[SimEvent]:
    """Return what was added, changed or deleted without ever being in the window."""
    masters = {each.series_master_id for each in (*before.view.values(), *now.view.values())}
    keys = (before.everything.keys() | now.everything.keys()) - before.view.keys() - now.view.keys() - masters
    changed = [key for key in keys if before.everything.get(key) != now.everything.get(key)]
    return [now.everything.get(key) or before.everything[key] for key in sorted(changed)]


def _json(mailbox: Mailbox, row: _Row, wanted: Preferences) -> dict[str, Any]:
    if not row.is_removed:
        return event_json(mailbox, row.event, wanted, [])
    return {
        "@odata.type": "#microsoft.graph.event",
        "id": event_id(row.event, immutable=wanted.immutable_ids),
        "@removed": {"reason": "deleted"},
    }
