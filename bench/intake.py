"""How fast notifications are taken: verified, coalesced and queued, beside two handlers that do less.

One is the least that an aiohttp process can do with a delivery: parse the JSON and answer 202. The other
does by hand what cannot be left out, and nothing else: read the items with msgspec, verify each, and put
mailbox and event into a set. All three are processes of their own and get the same bytes over loopback in the
same run, in turn. Nothing that the web server talks to is there, so that it does nothing but take in;
deliveries are fewer than it takes in one burst.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from bench.web_server import KEY, WebServer, processor_seconds, until_answers
from outlook_addin_core.domain.client_state import issue
from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_sandbox.cluster.ports import free_ports

TENANT = "11111111-1111-4111-8111-111111111111"
DEAD = "http://127.0.0.1:9"
MAILBOXES, EVENTS = 100, 100
CONNECTIONS = 8
ROUNDS = 5
SHAPES = {"1 item each": (1, 3_000), "20 items each": (20, 1_000)}
"""Items in a delivery, and deliveries in a round; Graph sends few items at a time unless it catches up."""
PAUSE = 2.5
"""Seconds between two rounds; the web server takes 2,000 deliveries a second in the long run."""

CONFIG = AddinConfig(
    deployment_url="http://addin.localhost:8080",
    unblu_oauth_backend_url=DEAD,
    client_id="33333333-3333-4333-8333-333333333333",
    authority=f"{DEAD}/common",
    tenant_ids=(TENANT,),
    graph_url=DEAD,
    sync_server_enabled=True,
    sync_server_auth_gateway_client_id="44444444-4444-4444-8444-444444444444",
    sync_server_auth_gateway_token_url=f"{DEAD}/token",
)
SECRETS = {"CLIENT_SECRET": "s1", "SYNCSERVER_AUTH_GATEWAY_CLIENT_SECRET": "s2"}
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "none",
    "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
    "clusters": [{"name": "none", "cluster": {"server": DEAD}}],
    "users": [{"name": "none", "user": {"token": "t"}}],
}
BARE = """
async def receive(request):
    await request.json()
    return web.Response(status=202)
"""
BY_HAND = f"""
import base64, hmac, msgspec

KEY, SEEN = {KEY!r}, set()

class Data(msgspec.Struct):
    id: str

class Item(msgspec.Struct, rename="camel"):
    client_state: str
    tenant_id: str
    resource_data: Data

class Body(msgspec.Struct):
    value: list[Item]

decoder = msgspec.json.Decoder(Body)

async def receive(request):
    for item in decoder.decode(await request.read()).value:
        raw = base64.urlsafe_b64decode(item.client_state + "==")
        ids = raw[:32]
        if hmac.compare_digest(hmac.digest(KEY, ids, "sha256"), raw[32:]):
            SEEN.add((ids, item.resource_data.id))
    return web.Response(status=202)
"""
PEER = """
import sys
import uvloop
from aiohttp import web
{receive}
async def ready(_):
    return web.Response()

async def app():
    app = web.Application(client_max_size=1024 * 1024)
    app.router.add_get("/", ready)
    app.router.add_post("/{{path:.*}}", receive)
    return app

loop = uvloop.new_event_loop()
web.run_app(app(), host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None, loop=loop)
"""
PEERS = {"bare handler": BARE, "by hand": BY_HAND}


@dataclass(frozen=True)
class Round:
    """What one round has shown; times in seconds."""

    seconds: float
    processor: float
    latencies: list[float]


def items() -> list[dict[str, Any]]:
    """Return a genuine notification for every event, mailbox by mailbox in turn."""
    made = []
    mailboxes = [Mailbox(TENANT, f"aaaaaaaa-aaaa-4aaa-8aaa-{number:012d}") for number in range(MAILBOXES)]
    states = {mailbox: issue(KEY, mailbox) for mailbox in mailboxes}
    for event in range(EVENTS):
        for mailbox in mailboxes:
            event_id = f"AAkALgAAAAAAHYQDEapmEc2byACqAC-EWg0A{event:0116d}"
            resource = f"users/{mailbox.user_id}/events/{event_id}"
            made.append(
                {
                    "subscriptionId": "7f105c7d-2dc5-4530-97cd-4e7ae6534c07",
                    "subscriptionExpirationDateTime": "2026-11-28T10:00:00.0000000+00:00",
                    "changeType": "updated",
                    "resource": resource,
                    "resourceData": {
                        "@odata.type": "#Microsoft.Graph.Event",
                        "@odata.id": resource,
                        "@odata.etag": 'W/"DwAAABYAAADkrWGo7bouTKlsgTZMr9Kw"',
                        "id": event_id,
                    },
                    "clientState": states[mailbox],
                    "tenantId": TENANT,
                }
            )
    return made


def deliveries(url: str, per_delivery: int, count: int) -> list[bytes]:
    """Return whole requests, so that sending costs next to nothing."""
    host, _, path = url.removeprefix("http://").partition("/")
    known, made = items(), []
    for number in range(count):
        first = number * per_delivery % len(known)
        body = json.dumps({"value": known[first : first + per_delivery]}).encode()
        head = f"POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        made.append(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return made


async def post(port: int, requests: list[bytes], processor: Callable[[], float]) -> Round:
    """Send all, a few connections at a time, each waiting for its answer."""
    todo, latencies = iter(requests), []

    async def sender() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in todo:
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            latencies.append(time.perf_counter() - began)
            if not head.startswith(b"HTTP/1.1 202 "):
                raise RuntimeError(f"refused: {head.splitlines()[0].decode()}")
        writer.close()

    used, began = processor(), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(CONNECTIONS):
            group.create_task(sender())
    return Round(time.perf_counter() - began, processor() - used, latencies)


def figures(rounds: list[Round], per_delivery: int) -> dict[str, float]:
    """Return the medians of several rounds."""
    count = len(rounds[0].latencies)
    return {
        "items a second": round(statistics.median(per_delivery * count / each.seconds for each in rounds)),
        "p99, ms": round(1e3 * statistics.median(_percentile(each.latencies, 0.99) for each in rounds), 2),
        "processor, ms per delivery": round(
            1e3 * statistics.median(each.processor / count for each in rounds), 3
        ),
    }


def _percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(int(share * len(values)), len(values) - 1)]


def ratios(ours: dict[str, float], peer: dict[str, float]) -> dict[str, float]:
    """Return ours in times of the peer's."""
    return {name: round(ours[name] / peer[name], 2) for name in ours}


@dataclass(frozen=True)
class Target:
    """Something that deliveries are sent to.

    Args:
        processor: Tells the seconds that it has used so far.
    """

    port: int
    processor: Callable[[], float]


def _spawn(source: str, port: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", source, str(port)])


@asynccontextmanager
async def peer(receive: str) -> AsyncIterator[Target]:
    """Run a peer until the block ends.

    Args:
        receive: The source of its handler.
    """
    (port,) = free_ports(1)
    process = _spawn(PEER.format(receive=receive), port)
    try:
        await until_answers(f"http://127.0.0.1:{port}/")
        yield Target(port, lambda: processor_seconds(process.pid))
    finally:
        process.terminate()
        process.wait()


async def compare() -> dict[str, Any]:
    """Start all and send the same to each, in turn."""
    port, metrics_port = free_ports(2)
    async with AsyncExitStack() as stack:
        name = stack.enter_context(TemporaryDirectory())
        folder = Path(name)
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(KUBECONFIG))
        environ = {**SECRETS, "KUBECONFIG": str(kubeconfig)}
        server = WebServer(folder, CONFIG, environ, port, metrics_port)
        stack.callback(server.stop)
        await server.start()
        targets = {"ours": Target(port, server.processor_seconds)}
        for name, receive in PEERS.items():
            targets[name] = await stack.enter_async_context(peer(receive))
        found = {shape: await _shape(server.url, targets, *size) for shape, size in SHAPES.items()}
        return {**found, "check": await _check(server)}


async def _shape(url: str, targets: dict[str, Target], per_delivery: int, count: int) -> dict[str, Any]:
    rounds: dict[str, list[Round]] = {name: [] for name in targets}
    for _ in range(ROUNDS):
        requests = deliveries(f"{url}?installation={uuid4()}", per_delivery, count)
        for name, target in targets.items():
            rounds[name].append(await post(target.port, requests, target.processor))
        await asyncio.sleep(PAUSE)
    found = {name: figures(each, per_delivery) for name, each in rounds.items()}
    return {**found, **{f"ratio to {name}": ratios(found["ours"], found[name]) for name in PEERS}}


async def _check(server: WebServer) -> dict[str, Any]:
    """Tell whether everything was taken, and each event queued once."""
    found = await server.metrics()
    accepted = found['outlook_addin_notifications_total{kind="change",outcome="accepted"}']
    sent = ROUNDS * sum(per_delivery * count for per_delivery, count in SHAPES.values())
    waiting = found["outlook_addin_queued_tasks"]
    if accepted != sent or waiting > MAILBOXES * EVENTS:
        raise RuntimeError(f"{accepted:.0f} of {sent} items were accepted; {waiting:.0f} tasks wait")
    return {
        "items sent and accepted": sent,
        "different events": MAILBOXES * EVENTS,
        "tasks waiting at the end": waiting,
    }


def measure() -> dict[str, Any]:
    """Return all figures."""
    return asyncio.run(compare())
