"""A way from a port of this machine to the ready Pods of a Service, for browsers and simulators.

It stands in for an ingress controller and kube-proxy together.
"""

import contextlib
import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from outlook_addin_sandbox.node import tasks
from outlook_addin_sandbox.node.addresses import local
from outlook_addin_sandbox.node.api import ApiServer
from outlook_addin_sandbox.serving import bind, served

_HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_ATTEMPTS: Final = 2
_TIMEOUT: Final = aiohttp.ClientTimeout(total=None, sock_connect=5)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Backend:
    """A ready Pod of the Service."""

    host: str
    port: int


def backends(
    service: Mapping[str, Any] | None, pods: Sequence[Mapping[str, Any]], port: str | int
) -> list[Backend]:
    """List where the Service's port leads to: its ready Pods that are not being deleted, by address."""
    if service is None:
        return []
    ports = [each for each in service["spec"]["ports"] if port in {each.get("name"), each["port"]}]
    selector = service["spec"].get("selector") or {}
    found = [
        Backend(local(pod["status"]["podIP"]), number)
        for pod in pods
        for number in _target_ports(ports[:1], pod)
        if selector and _selected(pod, selector) and _ready(pod)
    ]
    return sorted(found, key=lambda backend: backend.host)


class ServiceRoute:
    """Hands the requests to a port of this machine to the ready Pods of a Service in turn.

    A Pod that refuses the connection is skipped once; without a ready Pod the answer is 503. The Host header
    stays; X-Forwarded-For, -Host and -Proto are added. Bodies are streamed both ways; no web sockets.

    Args:
        kubeconfig: credentials that may watch the namespace's Pods and Services.
        namespace: of the Service.
        service: its name; it need not exist yet.
        port: name or number of the Service's port.
        listen_host: address to listen on.
        listen_port: 0 takes a free one; the attribute `port` says which.
    """

    def __init__(  # noqa: PLR0913 (all by name)
        self,
        *,
        kubeconfig: Path,
        namespace: str,
        service: str,
        port: str | int,
        listen_host: str = "127.0.0.1",
        listen_port: int = 0,
    ) -> None:
        self.port = listen_port
        self._kubeconfig = kubeconfig
        self._namespace = namespace
        self._name = service
        self._service_port = port
        self._host = listen_host
        self._service: Mapping[str, Any] | None = None
        self._pods: Sequence[Mapping[str, Any]] = ()
        self._turns = itertools.count()
        self._stack = contextlib.AsyncExitStack()

    @property
    def backends(self) -> list[Backend]:
        """Where requests go at present."""
        return backends(self._service, self._pods, self._service_port)

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            api = await stack.enter_async_context(ApiServer.connect(self._kubeconfig))
            # A connection per request: an ending Pod could close a kept one while it is taken up again.
            connector = aiohttp.TCPConnector(force_close=True, limit=0)
            self._http = await stack.enter_async_context(
                aiohttp.ClientSession(connector=connector, auto_decompress=False, timeout=_TIMEOUT)
            )
            for work in (self._follow_service(api), self._follow_pods(api)):
                stack.push_async_callback(tasks.cancel, tasks.start(work, f"route to {self._name}"))
            runner = web.ServerRunner(
                web.Server(self._serve, auto_decompress=False, access_log=None), shutdown_timeout=1
            )
            self.port = await stack.enter_async_context(served(runner, bind(self.port, self._host)))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _follow_service(self, api: ApiServer) -> None:
        path = f"/api/v1/namespaces/{self._namespace}/services"
        async for services in api.follow(path, fieldSelector=f"metadata.name={self._name}"):
            self._service = next(iter(services.values()), None)

    async def _follow_pods(self, api: ApiServer) -> None:
        async for pods in api.follow(f"/api/v1/namespaces/{self._namespace}/pods"):
            self._pods = list(pods.values())

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        tried: set[Backend] = set()
        while len(tried) < _ATTEMPTS:
            candidates = [backend for backend in self.backends if backend not in tried]
            if not candidates:
                break
            backend = candidates[next(self._turns) % len(candidates)]
            tried.add(backend)
            with contextlib.suppress(aiohttp.ClientConnectorError):
                return await self._forward(request, backend)
        name = f"{self._namespace}/{self._name}"
        return web.Response(status=503, text=f"Service {name} has no ready Pod that answers.\n")

    async def _forward(self, request: web.BaseRequest, backend: Backend) -> web.StreamResponse:
        url = URL(f"http://{backend.host}:{backend.port}{request.path_qs}", encoded=True)
        body = request.content if request.body_exists else None
        try:
            async with self._http.request(
                request.method,
                url,
                headers=forwarded_headers(request.headers, request.remote or ""),
                data=body,
                allow_redirects=False,
                skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent", "Content-Type"),
            ) as answer:
                return await _copy(request, answer)
        except aiohttp.ClientConnectorError:
            raise
        except aiohttp.ClientError as error:
            _log.info("Pod %s broke off a request: %s", backend.host, error)
            return web.Response(status=502, text="The Pod broke off the request.\n")


def forwarded_headers(headers: Mapping[str, str], client: str) -> CIMultiDict[str]:
    """Return the request headers for the Pod: without those of the connection, with X-Forwarded-*."""
    kept = _end_to_end(CIMultiDictProxy(CIMultiDict(headers)))
    earlier = kept.popall("X-Forwarded-For", [])
    kept["X-Forwarded-For"] = ", ".join([*earlier, client])
    kept.setdefault("X-Forwarded-Proto", "http")
    kept.setdefault("X-Forwarded-Host", headers.get("Host", ""))
    return kept


async def _copy(request: web.BaseRequest, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    response = web.StreamResponse(
        status=answer.status, reason=answer.reason, headers=_end_to_end(answer.headers)
    )
    await response.prepare(request)
    async for chunk in answer.content.iter_any():
        await response.write(chunk)
    await response.write_eof()
    return response


def _end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    named = {name.strip().lower() for name in headers.get("Connection", "").split(",")}
    dropped = _HOP_BY_HOP | named
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)


def _target_ports(ports: Sequence[Mapping[str, Any]], pod: Mapping[str, Any]) -> list[int]:
    declared = {
        port.get("name"): port["containerPort"]
        for container in pod["spec"]["containers"]
        for port in container.get("ports", ())
    }
    targets = [port.get("targetPort", port["port"]) for port in ports]
    numbers = [target if isinstance(target, int) else declared.get(target) for target in targets]
    return [number for number in numbers if number is not None]


def _selected(pod: Mapping[str, Any], selector: Mapping[str, str]) -> bool:
    labels = pod["metadata"].get("labels", {})
    return all(labels.get(name) == value for name, value in selector.items())


def _ready(pod: Mapping[str, Any]) -> bool:
    if "deletionTimestamp" in pod["metadata"] or "podIP" not in pod["status"]:
        return False
    conditions = pod["status"].get("conditions", ())
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
