"""How fast notifications are taken: verified, coalesced and queued, beside a handler that does nothing.

The peer is the least that an aiohttp process can do with a delivery: parse the JSON and answer 202. Both are
processes of their own, get the same bytes over loopback in the same run, in turn. Nothing that the web server
talks to is there, so that it does nothing but take in; deliveries are fewer than it takes in one burst.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

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
PEER = """
import sys
import uvloop
from aiohttp import web

async def receive(request):
    if request.method == "POST":
        await request.json()
        return web.Response(status=202)
    return web.Response()

async def app():
    app = web.Application(client_max_size=1024 * 1024)
    app.router.add_route("*", "/{path:.*}", receive)
    return app

loop = uvloop.new_event_loop()
web.run_app(app(), host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None, loop=loop)
"""


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


def bare_handler(port: int) -> subprocess.Popen[bytes]:
    """Start the peer; the caller ends it."""
    return subprocess.Popen([sys.executable, "-c", PEER, str(port)])


async def compare() -> dict[str, Any]:
    """Start both and send the same to each, in turn."""
    port, metrics_port, peer_port = free_ports(3)
    with TemporaryDirectory() as name:
        folder = Path(name)
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(json.dumps(KUBECONFIG))
        environ = {**SECRETS, "KUBECONFIG": str(kubeconfig)}
        server = WebServer(folder, CONFIG, environ, port, metrics_port)
        peer = bare_handler(peer_port)
        try:
            await server.start()
            await until_answers(f"http://127.0.0.1:{peer_port}/")
            found = {shape: await _shape(server, peer, peer_port, *size) for shape, size in SHAPES.items()}
            return {**found, "check": await _check(server)}
        finally:
            server.stop()
            peer.terminate()
            peer.wait()


async def _shape(
    server: WebServer, peer: subprocess.Popen[bytes], peer_port: int, per_delivery: int, count: int
) -> dict[str, Any]:
    ours: list[Round] = []
    theirs: list[Round] = []
    for _ in range(ROUNDS):
        requests = deliveries(server.url, per_delivery, count)
        ours.append(await post(server.port, requests, server.processor_seconds))
        theirs.append(await post(peer_port, requests, lambda: processor_seconds(peer.pid)))
        await asyncio.sleep(PAUSE)
    ours_are, theirs_are = figures(ours, per_delivery), figures(theirs, per_delivery)
    return {"ours": ours_are, "bare handler": theirs_are, "ratio": ratios(ours_are, theirs_are)}


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
