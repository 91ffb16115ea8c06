"""The HTTPS endpoints of the simulated Graph, and its Python side."""

import ssl
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from socket import socket
from typing import Any

import aiohttp
from aiohttp import web

from outlook_addin_sandbox.entra import Entra
from outlook_addin_sandbox.graph.access import (
    Caller,
    Concurrency,
    Verifier,
    check_fresh,
    identify,
    reachable,
)
from outlook_addin_sandbox.graph.announcing import Announcer
from outlook_addin_sandbox.graph.applications import ApplicationApi
from outlook_addin_sandbox.graph.copies import Invitations
from outlook_addin_sandbox.graph.delivery import Courier
from outlook_addin_sandbox.graph.delta import DeltaApi
from outlook_addin_sandbox.graph.errors import GraphError, render
from outlook_addin_sandbox.graph.event_api import EventApi
from outlook_addin_sandbox.graph.faults import GraphFaults
from outlook_addin_sandbox.graph.mailbox import Change, Mailbox
from outlook_addin_sandbox.graph.subscription_api import SubscriptionApi
from outlook_addin_sandbox.graph.subscriptions import SubscriptionStore
from outlook_addin_sandbox.loopback import LoopbackResolver
from outlook_addin_sandbox.serving import Clock, Simulator

LIFECYCLE_EVENTS = frozenset({"reauthorizationRequired", "subscriptionRemoved", "missed"})
WRITING_METHODS = frozenset({"POST", "PATCH", "DELETE"})
SubscriptionHandler = Callable[[web.Request, Caller], Awaitable[web.Response]]
EventHandler = Callable[[web.Request, Mailbox], Awaitable[web.Response]]


class Graph(Simulator):
    """Microsoft Graph v1.0 for calendars and their change notifications.

    Args:
        listener: the socket to serve.
        tls: TLS settings.
        now: the clock of events and subscriptions.
        entra: checks tokens, and knows the app registrations.
        client_tls: trust for notification URLs.
    """

    def __init__(
        self,
        listener: socket,
        tls: ssl.SSLContext,
        now: Clock,
        *,
        entra: Entra,
        client_tls: ssl.SSLContext,
    ) -> None:
        self._faults = GraphFaults()
        super().__init__(listener, tls, now)
        self.mailboxes: dict[str, Mailbox] = {}
        """Mailboxes by the object id of their owner."""
        self.subscriptions = SubscriptionStore(self.faults, now)
        self.courier = Courier(self.faults)
        self._announcer = Announcer(self.subscriptions, self.courier, self.faults)
        self._invitations = Invitations(self.mailboxes, self.faults)
        self._verify: Verifier = entra.tokens.verify
        self._client_tls = client_tls
        self._session: aiohttp.ClientSession | None = None
        self._concurrency = Concurrency()
        self._subscription_api = SubscriptionApi(
            self.subscriptions, self.mailboxes, self.faults, self.origin, now
        )
        self._event_api = EventApi(self.faults, self.origin)
        self._delta_api = DeltaApi(self.faults, self.origin)
        self._application_api = ApplicationApi(entra.apps, self.faults)
        self._routes()

    @property
    def faults(self) -> GraphFaults:
        """Behaviours and faults that can be switched."""
        return self._faults

    @property
    def url(self) -> str:
        """Scheme, host and port, without the version."""
        return self.origin

    def add_mailbox(self, user_id: str, tenant_id: str, address: str) -> Mailbox:
        """Give somebody a mailbox."""
        mailbox = Mailbox(user_id, tenant_id, address, self.now, self._changed)
        self.mailboxes[user_id] = mailbox
        return mailbox

    def mailbox(self, user_id: str) -> Mailbox:
        """Return somebody's mailbox; what is changed there is announced to the subscribers.

        Raises:
            KeyError: nobody with that object id has one.
        """
        return self.mailboxes[user_id]

    def send_lifecycle(self, subscription_id: str, event: str) -> None:
        """Send a lifecycle notification; `subscriptionRemoved` removes the subscription as well.

        Raises:
            ValueError: no such event.
            KeyError: no such subscription.
        """
        if event not in LIFECYCLE_EVENTS:
            raise ValueError(f"{event!r} is none of {', '.join(sorted(LIFECYCLE_EVENTS))}")
        self._announcer.lifecycle(self.subscriptions[subscription_id], event)
        if event == "subscriptionRemoved":
            self.subscriptions.remove(subscription_id)

    def send_forged(self, subscription_id: str, *, client_state: str, event_id: str) -> None:
        """Send a notification that pretends to be Graph's."""
        self._announcer.forged(self.subscriptions[subscription_id], client_state, event_id)

    async def settle(self, timeout: float = 10.0) -> None:  # noqa: ASYNC109
        """Wait until every notification was delivered or given up.

        Raises:
            TimeoutError: some are still pending after `timeout` seconds.
        """
        await self.courier.settle(timeout)

    async def start(self) -> None:
        """Serve requests and deliver notifications."""
        connector = aiohttp.TCPConnector(resolver=LoopbackResolver(), ssl=self._client_tls)
        self._session = aiohttp.ClientSession(connector=connector)
        await self.deliver_through(self._session)
        await super().start()

    async def deliver_through(self, session: aiohttp.ClientSession) -> None:
        """Begin to deliver and to validate through a session; for those who call the handlers themselves."""
        self._subscription_api.session = session
        await self.courier.start(session)

    async def stop(self) -> None:
        """End deliveries and requests."""
        await self.courier.stop()
        await super().stop()
        if self._session is not None:
            await self._session.close()

    def error(self, status: int, code: str, message: str, headers: Mapping[str, str]) -> web.Response:
        """Return a Graph error."""
        return render(GraphError(status, code, message, headers), self.now())

    def _changed(self, change: Change) -> None:
        self._announcer.announce(change)
        self._invitations.follow(change)

    def _routes(self) -> None:
        subscriptions, events = self._subscription_api, self._event_api
        self._route("POST", "/subscriptions", partial(self._with_caller, subscriptions.create))
        self._route("GET", "/subscriptions", partial(self._with_caller, subscriptions.list_own))
        one = "/subscriptions/{subscription}"
        self._route("GET", one, partial(self._with_caller, subscriptions.read))
        self._route("PATCH", one, partial(self._with_caller, subscriptions.renew))
        self._route("DELETE", one, partial(self._with_caller, subscriptions.delete))
        self._route("POST", f"{one}/reauthorize", partial(self._with_caller, subscriptions.reauthorize))
        self._route("GET", "/applications{key:.*}", partial(self._with_caller, self._application_api.read))
        for path in ("/events", "/calendar/events", "/calendars/{calendar}/events"):
            self._user_route("GET", path, events.list_events)
            self._user_route("POST", path, events.create)
        for path in ("/calendarView", "/calendar/calendarView", "/calendars/{calendar}/calendarView"):
            self._user_route("GET", path, events.view)
        for path in ("/calendarView/delta", "/calendar/calendarView/delta"):
            self._user_route("GET", path, self._delta_api.delta)
        self._user_route("GET", "/calendars", events.calendars)
        self._user_route("GET", "/events/{event}", events.read)
        self._user_route("PATCH", "/events/{event}", events.update)
        self._user_route("DELETE", "/events/{event}", events.delete)
        self._user_route("GET", "/events/{event}/calendar", events.read_calendar_of)
        self._user_route("GET", "/events/{event}/instances", events.instances)
        self._user_route("POST", "/events/{event}/cancel", events.cancel)

    def _route(self, method: str, path: str, handler: Any) -> None:
        self.app.router.add_route(method, f"/v1.0{path}", handler)

    def _user_route(self, method: str, path: str, handler: EventHandler) -> None:
        self._route(method, "/users/{user}" + path, partial(self._with_mailbox, handler))

    async def _with_caller(self, handler: SubscriptionHandler, request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request, self._caller(request))
        except GraphError as error:
            return render(error, self.now(), request.headers.get("client-request-id"))

    async def _with_mailbox(self, handler: EventHandler, request: web.Request) -> web.StreamResponse:
        try:
            caller, user_id = self._caller(request), request.match_info["user"]
            write = request.method in WRITING_METHODS
            with self._concurrency.slot(caller, user_id, self.faults.mailbox_concurrency):
                check_fresh(self.faults)
                mailbox = reachable(caller, self.mailboxes, user_id, write=write)
                return await handler(request, mailbox)
        except GraphError as error:
            return render(error, self.now(), request.headers.get("client-request-id"))

    def _caller(self, request: web.Request) -> Caller:
        return identify(request, self._verify, {self.origin})
