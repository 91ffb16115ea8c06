"""A page without a world: a calendar in memory, tokens made up, and a test pane on another origin."""

import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aiohttp import web

from outlook_addin_sandbox.outlook import (
    CalendarEvent,
    EventFields,
    EventNotFoundError,
    NaaRequest,
    PageAgent,
    PageServices,
)
from outlook_addin_sandbox.serving import bind, served

ADDIN_ID = "6f1c1f4e-2b5c-4c3c-9a57-0d3b0f3f5a11"
ANNA = PageAgent("anna-id", "Anna Meier", "anna@bank.example")
BEN = PageAgent("ben-id", "Ben Rossi", "ben@bank.example")


@dataclass
class MemoryCalendar:
    """Keeps events, deleted ones too, so that they can come back."""

    stored: dict[str, CalendarEvent] = field(default_factory=dict)
    trash: dict[str, CalendarEvent] = field(default_factory=dict)
    writes: list[set[str]] = field(default_factory=list)
    properties: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)

    async def events(self, addin_id: str) -> list[CalendarEvent]:
        """Events with one add-in's properties."""
        return [
            replace(event, custom_properties=self.properties.get((event.id, addin_id), {}))
            for event in self.stored.values()
        ]

    async def create(self, fields: EventFields) -> str:
        """Keep a new event."""
        event_id = f"AAMk-{len(self.stored) + len(self.trash)}_x="
        values: dict[str, Any] = {**fields}
        self.stored[event_id] = CalendarEvent(event_id, values.pop("subject"), **_frozen(values))
        return event_id

    async def update(self, event_id: str, fields: EventFields) -> None:
        """Change an event and remember which fields were written."""
        self.writes.append(set(fields))
        self.stored[event_id] = replace(self._found(event_id), **_frozen({**fields}))

    async def set_custom_properties(
        self, event_id: str, addin_id: str, properties: Mapping[str, Any]
    ) -> None:
        """Replace an add-in's properties."""
        self._found(event_id)
        self.properties[event_id, addin_id] = properties

    async def delete(self, event_id: str) -> None:
        """Set an event aside."""
        self.trash[event_id] = self._found(event_id)
        del self.stored[event_id]

    async def deleted(self) -> list[CalendarEvent]:
        """What was set aside."""
        return list(self.trash.values())

    async def restore(self, event_id: str) -> None:
        """Take an event back."""
        self.stored[event_id] = self.trash.pop(event_id)

    async def purge(self, event_id: str) -> None:
        """Forget what was set aside."""
        del self.trash[event_id]

    def only(self) -> CalendarEvent:
        """The one event that is there."""
        (event,) = self.stored.values()
        return event

    def properties_of(self, event: CalendarEvent) -> Mapping[str, Any]:
        """What the test add-in keeps on an event."""
        return self.properties.get((event.id, ADDIN_ID), {})

    def _found(self, event_id: str) -> CalendarEvent:
        if event_id not in self.stored:
            raise EventNotFoundError(event_id)
        return self.stored[event_id]


def _frozen(values: dict[str, Any]) -> dict[str, Any]:
    if "attendees" in values:
        values["attendees"] = tuple(values["attendees"])
    return values


@dataclass
class Backstage:
    """What the tests look at and turn."""

    calendars: dict[str, MemoryCalendar] = field(
        default_factory=lambda: {one.user_id: MemoryCalendar() for one in (ANNA, BEN)}
    )
    conversations: list[dict[str, Any]] = field(default_factory=list)
    table: str = "NAME                      READY   REASON\noaddin/outlook-addin      True    Available"
    token_wishes: list[NaaRequest] = field(default_factory=list)
    visitors: list[str] = field(default_factory=list)

    @property
    def anna(self) -> MemoryCalendar:
        """The calendar of the agent who is shown first."""
        return self.calendars[ANNA.user_id]

    def services(self, addin_url: str) -> PageServices:
        """What the page under test works with."""
        return PageServices(
            agents=[ANNA, BEN],
            addin_url=addin_url,
            calendar=lambda agent: self.calendars[agent.user_id],
            naa_token=self._token,
            conversations=self._conversations,
            kubectl_table=self._table,
            visitor_joins=self._visitor,
        )

    async def _token(self, wish: NaaRequest) -> dict[str, Any]:
        self.token_wishes.append(wish)
        return {
            "token": {
                "access_token": f"token-of-{wish.agent.user_id}",
                "scope": wish.scopes,
                "expires_in": 3600,
            },
            "account": {"username": wish.agent.address},
        }

    async def _conversations(self) -> list[dict[str, Any]]:
        return list(self.conversations)

    async def _table(self) -> str:
        return self.table

    async def _visitor(self, conversation_id: str) -> None:
        self.visitors.append(conversation_id)


def free_port() -> int:
    """A port that nobody listens on, for an add-in whose address the page must know before it runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def fake_addin(pages: Path, office_js_url: str, port: int) -> AsyncIterator[None]:
    """An add-in on its own origin: the files of a folder, in which ``{office}`` stands for office.js."""

    async def serve(request: web.Request) -> web.Response:
        text = (pages / request.match_info["name"]).read_text(encoding="utf-8")
        return web.Response(text=text.replace("{office}", office_js_url), content_type="text/html")

    app = web.Application()
    app.add_routes([web.get("/addin/{name}", serve)])
    runner = web.AppRunner(app, access_log=None)
    async with served(runner, bind(port)):
        yield
