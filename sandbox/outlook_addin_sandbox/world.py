"""All simulated services in one process: Entra, Graph, Unblu with its gateway, and the people in them."""

import asyncio
import contextlib
import secrets
import tempfile
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from socket import socket
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from aiohttp import web

from outlook_addin_sandbox import tls
from outlook_addin_sandbox.entra import AppRegistration, Directory, Entra, Secret, User
from outlook_addin_sandbox.graph import Graph
from outlook_addin_sandbox.serving import Clock, Simulator, bind, read_json, system_clock
from outlook_addin_sandbox.unblu import Unblu
from outlook_addin_sandbox.unblu.persons import Gateway, person_id

GRAPH_ROLES = ("Calendars.Read", "Calendars.ReadWrite")


def made_up_id(name: str) -> str:
    """Return a GUID that is the same in every run."""
    return str(uuid5(NAMESPACE_URL, f"https://sandbox.example/{name}"))


@dataclass(frozen=True)
class Agent:
    """An agent of the bank: a work account, a mailbox, and a person in Unblu."""

    user_id: str
    name: str
    address: str
    tenant_id: str
    person_id: str


class Listeners(NamedTuple):
    """Bound sockets, so that every address is known before anything runs."""

    entra: socket
    graph: socket
    unblu: socket


@dataclass(frozen=True)
class WorldSettings:
    """How a world is set up; port 0 takes any free one."""

    entra_port: int = 0
    graph_port: int = 0
    unblu_port: int = 0
    folder: Path | None = None
    """Where certificates are kept; None: a temporary folder."""
    now: Clock = system_clock
    """The clock of tokens, events, subscriptions and conversations."""
    redirect_uris: tuple[str, ...] = ()
    """Redirect URIs of the add-in's registration; none allows every page of this machine."""
    people: tuple[tuple[str, str], ...] = (
        ("Anna Keller", "anna.keller@bank.example"),
        ("Ben Rossi", "ben.rossi@bank.example"),
        ("Claire Dubois", "claire.dubois@bank.example"),
    )
    """Names and addresses of the agents in the first tenant."""
    client_id: str = made_up_id("apps/outlook-add-in")
    gateway_client_id: str = made_up_id("apps/auth-gateway")
    client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)
    gateway_client_secret: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)


class World:
    """Entra, Graph and Unblu as they run; use `World.start`.

    Attributes that matter to those who configure a product against it: `tenant_id`, `client_id`,
    `client_secret`, `gateway_client_id`, `gateway_client_secret`, `agents`, `ca_bundle`, and the `url` of
    `entra`, `graph` and `unblu`.
    """

    def __init__(self, settings: WorldSettings, certificates: tls.DemoTls, listeners: Listeners) -> None:
        self.settings = settings
        self.tenant_id = made_up_id("tenants/bank")
        self.other_tenant_id = made_up_id("tenants/branch")
        self.client_id, self.client_secret = settings.client_id, settings.client_secret
        self.gateway_client_id = settings.gateway_client_id
        self.gateway_client_secret = settings.gateway_client_secret
        self.tls = certificates
        self.ca_bundle = certificates.ca
        self.agents: list[Agent] = []
        server, client = certificates.server_context(), certificates.client_context()
        self.entra = Entra(listeners.entra, server, settings.now, self._directory())
        verify = self.entra.tokens.verify
        self.graph = Graph(listeners.graph, server, settings.now, entra=self.entra, client_tls=client)
        self.entra.graph_urls.add(self.graph.url)
        gateway = partial(
            Gateway, verify, self.client_id, self.gateway_client_id, frozenset(self.entra.directory.tenants)
        )
        self.unblu = Unblu(listeners.unblu, settings.now, gateway)
        for name, address in settings.people:
            self.add_agent(name, address)
        self._control()

    @classmethod
    @contextlib.asynccontextmanager
    async def start(cls, settings: WorldSettings | None = None) -> AsyncIterator["World"]:
        """Run a world for the time of an `async with`.

        Raises:
            OSError: a port is taken.
        """
        chosen = settings or WorldSettings()
        async with contextlib.AsyncExitStack() as stack:
            folder = chosen.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
            ports = (chosen.entra_port, chosen.graph_port, chosen.unblu_port)
            listeners = Listeners(*(stack.enter_context(bind(port)) for port in ports))
            world = cls(chosen, await asyncio.to_thread(tls.ensure, folder), listeners)
            for simulator in world._simulators.values():
                stack.push_async_callback(simulator.stop)
                await simulator.start()
            yield world

    @property
    def now(self) -> Clock:
        """The clock that this world goes by."""
        return self.settings.now

    def add_agent(self, name: str, address: str, tenant_id: str | None = None) -> Agent:
        """Give somebody an account, a mailbox and a person in Unblu."""
        tenant, user_id = tenant_id or self.tenant_id, made_up_id(f"users/{address}")
        agent = Agent(user_id, name, address, tenant, person_id(user_id))
        self.entra.directory.users[user_id] = User(user_id, tenant, name, address)
        self.graph.add_mailbox(user_id, tenant, address)
        self.agents.append(agent)
        return agent

    def user_token(self, agent: Agent) -> str:
        """Return an access token for the add-in, as the agent's task pane gets it."""
        scopes = [f"{self.client_id}/.default"]
        return str(self.entra.naa_token(agent.user_id, scopes, self.client_id)["access_token"])

    async def settle(self, timeout: float = 10.0) -> None:  # noqa: ASYNC109
        """Wait until all notifications were delivered or given up.

        Raises:
            TimeoutError: some are still pending after `timeout` seconds.
        """
        await self.graph.settle(timeout)

    def state(self) -> dict[str, Any]:
        """Return what is in the world, without secrets, tokens and client states."""
        return {
            "tenantId": self.tenant_id,
            "agents": [asdict(agent) for agent in self.agents],
            "urls": {name: simulator.origin for name, simulator in self._simulators.items()},
            "requests": {name: dict(each.requests) for name, each in self._simulators.items()},
            "switches": {name: asdict(each.faults) for name, each in self._simulators.items()},
            "deliveries": {**self.graph.courier.outcomes, "pending": self.graph.courier.pending},
            "subscriptions": [
                each.as_json(hide_client_state=True) for each in self.graph.subscriptions.values()
            ],
            "events": {
                agent.user_id: [
                    {"id": each.immutable_id, "subject": each.subject, "start": each.start.isoformat()}
                    for each in self.graph.mailbox(agent.user_id).events()
                ]
                for agent in self.agents
            },
            "conversations": [
                each.as_json({"OPEN_PUBLIC_LINK": self.unblu.public_link(each.id)}, metadata=True)
                for each in self.unblu.conversations.values()
            ],
        }

    def apply_faults(self, changes: Mapping[str, Mapping[str, Any]]) -> None:
        """Set switches: `{"graph": {"lose": 1}, "unblu": {"outage": true}, "entra": {…}}`.

        Raises:
            ValueError: no such simulator or switch, or a value of another kind.
        """
        for name, switches in changes.items():
            if name not in self._simulators:
                raise ValueError(f"no simulator {name!r}; there are {', '.join(self._simulators)}")
            self._simulators[name].faults.apply(switches)

    @property
    def _simulators(self) -> Mapping[str, Simulator]:
        return {"entra": self.entra, "graph": self.graph, "unblu": self.unblu}

    def _directory(self) -> Directory:
        tenants = {self.tenant_id, self.other_tenant_id}
        addin = AppRegistration(
            client_id=self.client_id,
            name="Unblu Conversation",
            secrets=[Secret(self.client_secret)],
            tenants=dict.fromkeys(tenants, GRAPH_ROLES),
            home_tenant=self.tenant_id,
            redirect_uris=self.settings.redirect_uris,
        )
        gateway = AppRegistration(
            client_id=self.gateway_client_id,
            name="Unblu Auth Gateway",
            secrets=[Secret(self.gateway_client_secret)],
            tenants=dict.fromkeys(tenants, ()),
            home_tenant=self.tenant_id,
        )
        return Directory(tenants=tenants, apps={each.client_id: each for each in (addin, gateway)})

    def _control(self) -> None:
        """Let other processes look and interfere, on Unblu's port."""

        async def state(_: web.Request) -> web.Response:
            return web.json_response(self.state())

        async def faults(request: web.Request) -> web.Response:
            try:
                self.apply_faults(await read_json(request) or {})
            except (AttributeError, TypeError, ValueError) as error:
                return web.json_response({"error": str(error)}, status=400)
            return web.json_response(self.state()["switches"])

        self.unblu.app.router.add_get("/_sim/state", state)
        self.unblu.app.router.add_post("/_sim/faults", faults)
