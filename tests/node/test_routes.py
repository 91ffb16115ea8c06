"""The way from a port of this machine to the ready Pods of a Service."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from multidict import CIMultiDict

from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.node import ServiceRoute
from outlook_addin_sandbox.node.routes import Backend, backends, forwarded_headers

if TYPE_CHECKING:
    from node.conftest import Cluster

SERVICE = {"spec": {"selector": {"app": "web"}, "ports": [{"name": "web", "port": 80, "targetPort": "http"}]}}


def pod(address: str, *, ready: bool = True, **metadata: object) -> dict[str, object]:
    ports = [{"name": "metrics", "containerPort": 8081}, {"name": "http", "containerPort": 8080}]
    conditions = [{"type": "Ready", "status": str(ready)}]
    return {
        "metadata": {"labels": {"app": "web", "more": "labels"}, **metadata},
        "spec": {"containers": [{"ports": ports}]},
        "status": {"podIP": address, "conditions": conditions},
    }


@pytest.mark.parametrize("port", ["web", 80])
def test_a_named_target_port_is_found_in_the_pod(port: str | int) -> None:
    assert backends(SERVICE, [pod("10.1.0.1")], port) == [Backend("127.1.0.1", 8080)]


def test_only_ready_pods_that_the_selector_names_and_nobody_deletes_are_backends() -> None:
    pods = [
        pod("10.1.0.1", ready=False),
        pod("10.1.0.2", labels={"app": "other"}),
        pod("10.1.0.3", deletionTimestamp="2026-01-01T00:00:00Z"),
        pod("10.1.0.4"),
    ]
    assert backends(SERVICE, pods, "web") == [Backend("127.1.0.4", 8080)]
    assert backends(None, pods, "web") == []
    assert backends({"spec": {"ports": SERVICE["spec"]["ports"]}}, pods, "web") == []


def test_headers_of_the_connection_stay_and_the_clients_address_goes_along() -> None:
    headers = CIMultiDict(
        {"Host": "addin.localhost", "Connection": "close, X-Hop", "X-Hop": "1", "X-Forwarded-For": "10.0.0.1"}
    )
    assert dict(forwarded_headers(headers, "127.0.0.1")) == {
        "Host": "addin.localhost",
        "X-Forwarded-For": "10.0.0.1, 127.0.0.1",
        "X-Forwarded-Proto": "http",
        "X-Forwarded-Host": "addin.localhost",
    }


@contextlib.asynccontextmanager
async def route_to(cluster: "Cluster", control_plane: ControlPlane) -> AsyncIterator[ServiceRoute]:
    await cluster.api.create(f"{cluster.core}/services", {"metadata": {"name": "web"}, **SERVICE})
    async with ServiceRoute(
        kubeconfig=control_plane.kubeconfig, namespace=cluster.namespace, service="web", port="web"
    ) as route:
        yield route


@pytest.mark.asyncio(loop_scope="module")
async def test_requests_reach_the_pods_in_turn_with_bodies_and_the_callers_host(
    cluster: "Cluster", control_plane: ControlPlane
) -> None:
    async with route_to(cluster, control_plane) as route:
        url = f"http://127.0.0.1:{route.port}"
        async with cluster.http.get(url) as response:
            assert response.status == 503
            assert "no ready Pod" in await response.text()
        name = [{"name": "VERSION", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]
        await cluster.create_deployment(2, container={"env": name})
        await cluster.until(lambda: asyncio.sleep(0, route.backends), lambda found: len(found) == 2)
        answers = set()
        for _ in range(4):
            async with cluster.http.get(url) as response:
                answers.add(await response.text())
        assert answers == {pod["metadata"]["name"] for pod in await cluster.pods()}
        body = b"0123456789" * 100_000
        async with cluster.http.post(url, data=body) as response:
            assert response.status == 201
            assert await response.read() == body[::-1]
        async with cluster.http.get(f"{url}/headers", headers={"Host": "addin.localhost"}) as response:
            seen = await response.text()
        assert "Host: addin.localhost" in seen
        assert "X-Forwarded-For: 127.0.0.1" in seen


@pytest.mark.asyncio(loop_scope="module")
async def test_no_request_fails_during_a_rolling_update(
    cluster: "Cluster", control_plane: ControlPlane
) -> None:
    def container(version: str) -> dict[str, object]:
        env = [{"name": "VERSION", "value": version}]
        return {"env": env, "lifecycle": {"preStop": {"sleep": {"seconds": 1}}}}

    await cluster.create_deployment(2, container=container("1"))
    async with route_to(cluster, control_plane) as route:
        await cluster.until(lambda: asyncio.sleep(0, route.backends), lambda found: len(found) == 2)
        answers: list[tuple[int, str]] = []

        async def ask() -> None:
            while True:
                async with cluster.http.get(f"http://127.0.0.1:{route.port}/") as response:
                    answers.append((response.status, await response.text()))
                await asyncio.sleep(0.02)

        asking = asyncio.create_task(ask())
        template = {"spec": {"containers": [{"name": "web", **container("2")}]}}
        await cluster.api.patch(f"{cluster.apps}/deployments/web", {"spec": {"template": template}})
        await cluster.until(
            lambda: asyncio.sleep(0, answers[-50:]), lambda last: {text for _, text in last} == {"2"}
        )
        await cluster.until(cluster.pods, lambda pods: len(pods) == 2)
        assert not asking.done()
        asking.cancel()
    assert {status for status, _ in answers} == {200}
    assert answers[0] == (200, "1")
