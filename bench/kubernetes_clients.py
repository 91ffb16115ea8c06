"""Which client for our own asynchronous calls: status applies to a real API server, and what imports cost.

Run by `make bench`. Every client writes the status of the same objects in the same run, 16 calls at a time,
because that is what an operator with thousands of subscriptions does all day. Figures are ratios to the bare
floor: aiohttp with hand-written requests.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

GROUP, VERSION, PLURAL = "outlook-addin.dev", "v1alpha1", "calendarsubscriptions"
NAMESPACE = "default"
OBJECTS = 200
ROUNDS = 3
WIDTH = 16

Write = Callable[[str, dict[str, Any]], Awaitable[None]]


@dataclass(frozen=True)
class Connection:
    """Where the API server is, and a bearer token for it."""

    url: str
    token: str
    ca_file: str


def subscription(name: str) -> dict[str, Any]:
    guid = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "CalendarSubscription",
        "metadata": {"name": name},
        "spec": {"addinRef": {"name": "bench"}, "tenantId": guid, "userId": guid},
    }


def status(name: str, counter: int) -> dict[str, Any]:
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "CalendarSubscription",
        "metadata": {"name": name},
        "status": {"observedGeneration": 1, "failedRenewals": counter, "subscriptionId": f"id-{counter}"},
    }


async def with_aiohttp(connection: Connection, measure: Callable[[Write], Awaitable[float]]) -> float:
    import json  # noqa: PLC0415
    import ssl  # noqa: PLC0415

    import aiohttp  # noqa: PLC0415

    context = ssl.create_default_context(cafile=connection.ca_file)
    headers = {"Authorization": f"Bearer {connection.token}", "Content-Type": "application/apply-patch+yaml"}
    base = f"{connection.url}/apis/{GROUP}/{VERSION}/namespaces/{NAMESPACE}/{PLURAL}"
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(ssl=context)) as session:

        async def write(name: str, body: dict[str, Any]) -> None:
            url = f"{base}/{name}/status?fieldManager=bench&force=true"
            async with session.patch(url, data=json.dumps(body)) as answer:
                answer.raise_for_status()
                await answer.json()

        return await measure(write)


async def with_lightkube(connection: Connection, measure: Callable[[Write], Awaitable[float]]) -> float:
    from lightkube import AsyncClient, KubeConfig  # noqa: PLC0415
    from lightkube.config.models import Cluster, User  # noqa: PLC0415
    from lightkube.generic_resource import create_namespaced_resource  # noqa: PLC0415

    resource = create_namespaced_resource(GROUP, VERSION, "CalendarSubscription", PLURAL)
    config = KubeConfig.from_one(
        cluster=Cluster(server=connection.url, certificate_auth=connection.ca_file),
        user=User(token=connection.token),
    )
    client = AsyncClient(config=config, namespace=NAMESPACE, field_manager="bench")

    async def write(name: str, body: dict[str, Any]) -> None:
        await client.apply(resource.Status.from_dict(body), name, force=True)

    try:
        return await measure(write)
    finally:
        await client.close()


async def with_kubernetes(connection: Connection, measure: Callable[[Write], Awaitable[float]]) -> float:
    from kubernetes import client  # noqa: PLC0415

    configuration = client.Configuration(host=connection.url)
    configuration.ssl_ca_cert = connection.ca_file
    configuration.api_key = {"BearerToken": f"Bearer {connection.token}"}
    configuration.connection_pool_maxsize = WIDTH
    api = client.CustomObjectsApi(client.ApiClient(configuration))
    with ThreadPoolExecutor(WIDTH) as pool:

        def write_now(name: str, body: dict[str, Any]) -> None:
            api.patch_namespaced_custom_object_status(
                *(GROUP, VERSION, NAMESPACE, PLURAL, name, body),
                field_manager="bench",
                force=True,
                _content_type="application/apply-patch+yaml",
            )

        async def write(name: str, body: dict[str, Any]) -> None:
            await asyncio.get_running_loop().run_in_executor(pool, write_now, name, body)

        return await measure(write)


CLIENTS = {
    "aiohttp, by hand": with_aiohttp,
    "lightkube": with_lightkube,
    "kubernetes, in threads": with_kubernetes,
}
MODULES = {
    "aiohttp, by hand": "aiohttp",
    "lightkube": "lightkube",
    "kubernetes, in threads": "kubernetes.client",
}


async def cpu_seconds_per_write(write: Write, names: list[str], offset: int) -> float:
    """Processor seconds of this process for one write, with WIDTH of them under way."""
    queue = list(enumerate(names))

    async def worker() -> None:
        while queue:
            number, name = queue.pop()
            await write(name, status(name, offset + number))

    started = time.process_time()
    await asyncio.gather(*(worker() for _ in range(WIDTH)))
    return (time.process_time() - started) / len(names)


def import_megabytes(module: str) -> float:
    """Resident memory that an import adds to a fresh interpreter."""
    code = (
        "r=lambda: int(open('/proc/self/statm').read().split()[1]) * 4096 / 1e6; a=r();"
        f"import {module}; print(r()-a)"
    )
    return float(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    )


def measure(connection: Connection, names: list[str]) -> dict[str, Any]:
    """Run all clients in turn, ROUNDS times, and relate them to the floor."""
    cpu: dict[str, list[float]] = {name: [] for name in CLIENTS}
    for round_number in range(ROUNDS):
        for index, (name, run) in enumerate(CLIENTS.items()):
            offset = (round_number * len(CLIENTS) + index) * OBJECTS

            async def timed(write: Write, offset: int = offset) -> float:
                return await cpu_seconds_per_write(write, names, offset)

            cpu[name].append(asyncio.run(run(connection, timed)))
    floor = statistics.median(cpu["aiohttp, by hand"])
    return {
        name: {
            "processor time per status apply, times aiohttp": round(statistics.median(values) / floor, 2),
            "import, MB": round(import_megabytes(MODULES[name])),
        }
        for name, values in cpu.items()
    }
