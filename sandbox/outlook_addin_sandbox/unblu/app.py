"""The HTTP endpoints of the simulated Unblu and its Auth Gateway, and the Python side."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from socket import socket
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web

from outlook_addin_sandbox.loopback import is_loopback
from outlook_addin_sandbox.serving import Clock, Simulator, read_json
from outlook_addin_sandbox.unblu.conversations import Conversation
from outlook_addin_sandbox.unblu.errors import UnbluError, bad_request, render
from outlook_addin_sandbox.unblu.faults import UnbluFaults
from outlook_addin_sandbox.unblu.operations import Operations
from outlook_addin_sandbox.unblu.page import conversation_page
from outlook_addin_sandbox.unblu.persons import Gateway, Person, person_id

API = "/gateway/app/rest/v4"
VISITOR = "visitor"
Operation = Callable[[web.Request, Person], Awaitable[web.Response]]


class Unblu(Simulator):
    """Conversations behind the Auth Gateway, and the page behind their public links.

    Args:
        listener: the socket to serve, with plain HTTP.
        now: the clock.
        identify: makes the gateway, which knows who is calling, for the switches that it is given.
    """

    def __init__(self, listener: socket, now: Clock, identify: Callable[[UnbluFaults], Gateway]) -> None:
        self._faults = UnbluFaults()
        super().__init__(listener, None, now)
        self.conversations: dict[str, Conversation] = {}
        """All conversations by id."""
        self._operations = Operations(self.conversations, self.faults, now)
        self._gateway = identify(self._faults)
        self._routes()

    @property
    def faults(self) -> UnbluFaults:
        """Behaviours and faults that can be switched."""
        return self._faults

    @property
    def url(self) -> str:
        """Base URL of the Auth Gateway: `unbluOAuthBackendUrl`."""
        return f"{self.origin}/gateway"

    def public_link(self, conversation_id: str) -> str:
        """Return the address that customers get."""
        return f"{self.origin}/c/{conversation_id}"

    def find_by_source_id(self, source_id: str) -> Conversation | None:
        """Return the active conversation with a source id."""
        active = (each for each in self.conversations.values() if each.is_active)
        return next((each for each in active if each.source_id == source_id), None)

    def join(self, conversation_id: str, visitor: str = VISITOR) -> None:
        """Let a customer in, which starts onboarding.

        Raises:
            KeyError: no such conversation.
        """
        conversation = self.conversations[conversation_id]
        conversation.join(person_id(visitor), "CONTEXT_PERSON")
        if conversation.state == "CREATED":
            conversation.state = "ONBOARDING"

    def start_conversation(self, conversation_id: str) -> None:
        """Have the agent start the conversation."""
        conversation = self.conversations[conversation_id]
        conversation.state = "ACTIVE"
        for participant in conversation.participants:
            participant.state = "ACTIVE"

    def end_conversation(self, conversation_id: str) -> None:
        """End a conversation; its source id is free again."""
        conversation = self.conversations[conversation_id]
        conversation.state, conversation.end_reason = "ENDED", "ENDED_BY_PARTICIPANT"
        conversation.ended = int(self.now().timestamp() * 1000)
        for participant in conversation.participants:
            participant.state = "ENDED"

    def error(self, status: int, code: str, message: str, headers: Mapping[str, str]) -> web.Response:
        """Return an Unblu error; it has no place for a code."""
        response = render(UnbluError(status, f"{code}: {message}"))
        response.headers.update(headers)
        return response

    def _routes(self) -> None:
        one = "/conversations/{conversation}"
        self._route("GET", "/authenticator/getCurrentPerson", self._current_person)
        self._route("POST", "/conversations/create", self._create)
        self._route("POST", "/conversations/search", self._search)
        self._route("GET", f"{one}/read", self._read)
        self._route("POST", f"{one}/setTopic", self._set_topic)
        self._route("POST", f"{one}/setScheduledTimestamp", self._set_scheduled)
        self._route("POST", f"{one}/updateMetadata", self._update_metadata)
        self._route("DELETE", f"{one}/delete", self._delete)
        self.app.router.add_get(f"{API}/global/ping", self._ping)
        self.app.router.add_get("/c/{conversation}", self._page)
        self.app.router.add_post("/c/{conversation}", self._join)
        self.app.router.add_route("OPTIONS", f"{API}/{{path:.*}}", _preflight)
        self.app.on_response_prepare.append(_allow_origin)

    def _route(self, method: str, path: str, operation: Operation) -> None:
        self.app.router.add_route(method, f"{API}{path}", partial(self._with_caller, operation))

    async def _with_caller(self, operation: Operation, request: web.Request) -> web.StreamResponse:
        try:
            self._check_health()
            return await operation(request, self._gateway.caller(request))
        except UnbluError as error:
            return render(error)

    def _check_health(self) -> None:
        if self.faults.outage:
            raise UnbluError(503, "The system is not ready")

    async def _ping(self, _: web.Request) -> web.Response:
        try:
            self._check_health()
        except UnbluError as error:
            return render(error)
        return web.json_response({"$_type": "GlobalPingResponse", "status": "OK"})

    async def _current_person(self, _: web.Request, caller: Person) -> web.Response:
        return web.json_response(caller.as_json())

    async def _create(self, request: web.Request, caller: Person) -> web.Response:
        return self._conversation(request, self._operations.create(caller, await _body(request)))

    async def _search(self, request: web.Request, caller: Person) -> web.Response:
        items, following = self._operations.search(caller, await _body(request))
        body: dict[str, Any] = {
            "$_type": "ConversationResult",
            "hasMoreItems": following is not None,
            "nextOffset": following,
            "items": [self._json(request, each) for each in items],
        }
        return web.json_response(body)

    async def _read(self, request: web.Request, caller: Person) -> web.Response:
        return self._conversation(request, self._operations.read(caller, _id(request)))

    async def _set_topic(self, request: web.Request, caller: Person) -> web.Response:
        topic = (await _body(request)).get("topic")
        return self._conversation(request, self._operations.set_topic(caller, _id(request), topic))

    async def _set_scheduled(self, request: web.Request, caller: Person) -> web.Response:
        timestamp = (await _body(request)).get("scheduledTimestamp")
        return self._conversation(request, self._operations.set_scheduled(caller, _id(request), timestamp))

    async def _update_metadata(self, request: web.Request, caller: Person) -> web.Response:
        body = await _body(request)
        return self._conversation(request, self._operations.update_metadata(caller, _id(request), body))

    async def _delete(self, request: web.Request, caller: Person) -> web.Response:
        self._operations.delete(caller, _id(request))
        return web.Response(status=204)

    async def _page(self, request: web.Request) -> web.Response:
        conversation = self._public(request)
        status = 200 if conversation else 404
        return web.Response(text=conversation_page(conversation), status=status, content_type="text/html")

    async def _join(self, request: web.Request) -> web.Response:
        conversation = self._public(request)
        if conversation is not None and conversation.is_active:
            self.join(conversation.id)
        return web.Response(status=303, headers={"Location": request.path})

    def _public(self, request: web.Request) -> Conversation | None:
        return self.conversations.get(_id(request)) if self.faults.allow_public_link else None

    def _conversation(self, request: web.Request, conversation: Conversation) -> web.Response:
        return web.json_response(self._json(request, conversation))

    def _json(self, request: web.Request, conversation: Conversation) -> dict[str, Any]:
        links = {
            "OPEN_IN_VISITOR_DESK": f"{self.origin}/desk/visitor/{conversation.id}",
            "OPEN_IN_AGENT_DESK": f"{self.origin}/desk/agent/{conversation.id}",
            "OPEN_IN_AGENT_SINGLE_VIEW": f"{self.origin}/desk/single/{conversation.id}",
        }
        if self.faults.allow_public_link:
            links["OPEN_PUBLIC_LINK"] = self.public_link(conversation.id)
        expanded = request.query.get("expand", "").split(",")
        return conversation.as_json(links, metadata="metadata" in expanded)


def _id(request: web.Request) -> str:
    return request.match_info["conversation"]


async def _body(request: web.Request) -> dict[str, Any]:
    body = await read_json(request)
    if body is None:
        raise bad_request("The body is not a JSON object")
    return body


async def _preflight(request: web.Request) -> web.Response:
    asked = request.headers.get("Access-Control-Request-Headers", "authorization, content-type")
    allowed = {"Access-Control-Allow-Headers": asked, "Access-Control-Allow-Methods": "GET, POST, DELETE"}
    return web.Response(status=204, headers={**allowed, "Access-Control-Max-Age": "600"})


async def _allow_origin(request: web.Request, response: web.StreamResponse) -> None:
    """The gateway answers pages of this machine only."""
    origin = request.headers.get("Origin")
    if origin is not None and is_loopback(urlsplit(origin).hostname or ""):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Vary"] = "Origin"
