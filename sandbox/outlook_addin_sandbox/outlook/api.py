"""The page's HTTP endpoints under ``/api``."""

import json
from typing import Any, cast

from aiohttp import web

from outlook_addin_sandbox.outlook.calendar_port import (
    MAX_CUSTOM_PROPERTIES,
    CalendarPort,
    EventNotFoundError,
)
from outlook_addin_sandbox.outlook.events_json import event_fields, event_json
from outlook_addin_sandbox.outlook.live import LiveFeed
from outlook_addin_sandbox.outlook.manifest import Sideload
from outlook_addin_sandbox.outlook.services import NaaRequest, PageAgent, PageServices, TokenRefusedError


class Api:
    """Handlers over the services; every write is visible in the live feed at once."""

    def __init__(self, services: PageServices, feed: LiveFeed, sideload: Sideload) -> None:
        self._services = services
        self._feed = feed
        self._sideload = sideload

    def routes(self) -> list[web.RouteDef]:
        """All endpoints."""
        event = "/api/agents/{agent}/events/{event}"
        return [
            web.get("/api/setup", self.setup),
            web.get("/api/agents/{agent}/stream", self.stream),
            web.post("/api/agents/{agent}/events", self.create),
            web.patch(event, self.update),
            web.delete(event, self.delete),
            web.post(f"{event}/restore", self.restore),
            web.delete("/api/agents/{agent}/deleted/{event}", self.purge),
            web.post("/api/agents/{agent}/naa", self.naa),
            web.post("/api/conversations/{conversation}/visitor", self.visitor),
        ]

    async def setup(self, _: web.Request) -> web.Response:
        """Who works here and which add-in is installed (``addin.id`` is null while it cannot be reached)."""
        agents = [
            {"id": one.user_id, "name": one.name, "address": one.address} for one in self._services.agents
        ]
        addin = {"id": await self._sideload.addin_id(), "url": self._services.addin_url}
        can_join = self._services.visitor_joins is not None
        return web.json_response({"agents": agents, "addin": addin, "visitorsCanJoin": can_join})

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Calendar and deleted items of the agent, conversations and kubectl table, as they change."""
        calendar = self._calendar(request)

        async def events() -> object:
            addin_id = await self._sideload.addin_id()
            return [event_json(event) for event in await calendar.events(addin_id or "")]

        async def deleted() -> object:
            return [event_json(event) for event in await calendar.deleted()]

        topics = {
            "calendar": events,
            "deleted": deleted,
            "unblu": self._conversations,
            "kubectl": self._services.kubectl_table,
        }
        return await self._feed.serve(request, topics)

    async def create(self, request: web.Request) -> web.Response:
        """Make an event, with the custom properties that its form collected."""
        calendar, body = self._calendar(request), await _json(request)
        event_id = await calendar.create(event_fields(body))
        await self._save_properties(calendar, event_id, body)
        self._feed.look_now()
        return web.json_response({"id": event_id}, status=201)

    async def update(self, request: web.Request) -> web.Response:
        """Change what the body names; an unchanged field is not written."""
        calendar, body, event_id = self._calendar(request), await _json(request), request.match_info["event"]
        if fields := event_fields(body):
            await calendar.update(event_id, fields)
        await self._save_properties(calendar, event_id, body)
        self._feed.look_now()
        return web.json_response({"id": event_id})

    async def delete(self, request: web.Request) -> web.Response:
        """Move an event or a series to Deleted Items, or take an occurrence out of its series."""
        await self._calendar(request).delete(request.match_info["event"])
        self._feed.look_now()
        return web.Response(status=204)

    async def restore(self, request: web.Request) -> web.Response:
        """Bring a deleted event back."""
        await self._calendar(request).restore(request.match_info["event"])
        self._feed.look_now()
        return web.Response(status=204)

    async def purge(self, request: web.Request) -> web.Response:
        """Delete an event for good that lies in Deleted Items."""
        await self._calendar(request).purge(request.match_info["event"])
        self._feed.look_now()
        return web.Response(status=204)

    async def naa(self, request: web.Request) -> web.Response:
        """Broker a token for the pane: the agent is signed in here already."""
        body = await _json(request)
        wish = NaaRequest(
            self._agent(request),
            client_id=str(body["clientId"]),
            authority=str(body.get("authority", "")),
            scopes=str(body.get("scope", "")),
            nonce=str(body.get("nonce", "")),
        )
        try:
            return web.json_response(await self._services.naa_token(wish))
        except TokenRefusedError as error:
            return web.json_response({"error": str(error)}, status=403)

    async def visitor(self, request: web.Request) -> web.Response:
        """Let a visitor enter a conversation."""
        if self._services.visitor_joins is None:
            raise web.HTTPNotFound
        await self._services.visitor_joins(request.match_info["conversation"])
        self._feed.look_now()
        return web.Response(status=204)

    async def _conversations(self) -> object:
        return await self._services.conversations()

    async def _save_properties(self, calendar: CalendarPort, event_id: str, body: dict[str, Any]) -> None:
        addin_id = await self._sideload.addin_id()
        if "customProperties" in body and addin_id is not None:
            await calendar.set_custom_properties(event_id, addin_id, body["customProperties"])

    def _agent(self, request: web.Request) -> PageAgent:
        wanted = request.match_info["agent"]
        for agent in self._services.agents:
            if agent.user_id == wanted:
                return agent
        raise web.HTTPNotFound

    def _calendar(self, request: web.Request) -> CalendarPort:
        return self._services.calendar(self._agent(request))


async def _json(request: web.Request) -> dict[str, Any]:
    body = await request.json()
    if not isinstance(body, dict):
        raise ValueError("The body must be a JSON object.")  # noqa: TRY004 - the sender's mistake, answered with 400
    if len(json.dumps(body.get("customProperties", {}))) > MAX_CUSTOM_PROPERTIES:
        raise ValueError(f"Custom properties take at most {MAX_CUSTOM_PROPERTIES} characters.")
    return cast("dict[str, Any]", body)


@web.middleware
async def errors_as_json(request: web.Request, handler: Any) -> web.StreamResponse:
    """Answer a wrong request with a sentence that the page can show."""
    try:
        return cast("web.StreamResponse", await handler(request))
    except EventNotFoundError:
        return web.json_response({"error": "This event is no longer in the calendar."}, status=404)
    except (ValueError, KeyError) as error:
        return web.json_response({"error": str(error)}, status=400)
