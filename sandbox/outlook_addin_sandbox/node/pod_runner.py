"""One Pod on this node: its containers, its status, its end."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import aiohttp

from outlook_addin_sandbox.node import tasks
from outlook_addin_sandbox.node.api import ApiError
from outlook_addin_sandbox.node.container import Container, NotStartableError, Surroundings
from outlook_addin_sandbox.node.preparation import HOST_IP, NodeServices, Preparation
from outlook_addin_sandbox.node.states import KILLED_EXIT, ContainerState, Terminated, Waiting
from outlook_addin_sandbox.node.status import Placement, ended_for_good, pod_status

_REFRESH_SECONDS: Final = 2.0
_RETRY_SECONDS: Final = 1.0
_LAST_LOOK_SECONDS: Final = 1.0
"""How long the ended containers may take to note their end."""
_DEFAULT_GRACE: Final = 30.0
_UNREACHED: Final = (TimeoutError, aiohttp.ClientError, ApiError)

_log = logging.getLogger(__name__)


class PodRunner:
    """Runs a Pod from its binding to its deletion; `update` tells it what the API server says now."""

    def __init__(self, pod: Mapping[str, Any], pod_ip: str, services: NodeServices) -> None:
        self.pod_ip = pod_ip
        self._pod = pod
        self._services = services
        self._preparation = Preparation(pod, pod_ip, services)
        self._placement = Placement(pod_ip, HOST_IP, _start_time(pod))
        self._changed = asyncio.Event()
        self._deletion = asyncio.Event()
        self._published: Mapping[str, Any] = {}
        self.containers = {spec["name"]: self._container(spec) for spec in pod["spec"]["containers"]}

    @property
    def name(self) -> str:
        """The Pod as `namespace/name`."""
        return f"{self._pod['metadata']['namespace']}/{self._pod['metadata']['name']}"

    def update(self, pod: Mapping[str, Any]) -> None:
        """Take the present Pod object into account; what matters in it is the beginning of its deletion."""
        self._pod = pod
        if "deletionTimestamp" in pod["metadata"]:
            self.vanish()

    def vanish(self) -> None:
        """End the Pod, because it is being deleted or is gone already."""
        self._deletion.set()

    async def stop(self, grace_seconds: float) -> None:
        """End the processes; unless the Pod is deleted too, it is run again when the node is back."""
        await asyncio.gather(*(container.stop(grace_seconds) for container in self.containers.values()))

    async def run(self) -> None:
        """Run the containers and keep the status true until the Pod is deleted."""
        if self._pod.get("status", {}).get("phase") in {"Succeeded", "Failed"}:
            await self._deletion.wait()
        else:
            await self._run_containers()
        await self._report_deletion()
        await asyncio.to_thread(self._preparation.remove_files)

    async def _run_containers(self) -> None:
        await asyncio.to_thread(self._preparation.make_folders)
        keepers = [tasks.start(work, f"pod {self.name}") for work in (self._publish(), self._refresh_files())]
        runs = [tasks.start(each.run(), f"pod {self.name}") for each in self.containers.values()]
        try:
            await self._deletion.wait()
            await self.stop(self._grace_seconds())
            await asyncio.wait(runs, timeout=_LAST_LOOK_SECONDS)
        finally:
            await tasks.cancel(*keepers, *runs)
        with contextlib.suppress(*_UNREACHED):
            await self._publish_once()

    async def _publish(self) -> None:
        while True:
            self._changed.clear()
            try:
                await self._publish_once()
                await self._changed.wait()
            except _UNREACHED as error:
                _log.info("Status of %s was not written: %s", self.name, error)
                await asyncio.sleep(_RETRY_SECONDS)

    async def _publish_once(self) -> None:
        states = [container.state for container in self.containers.values()]
        pod = {**self._pod, "status": self._published or self._pod.get("status", {})}
        status = pod_status(pod, states, self._placement, datetime.now(UTC))
        if status != self._published:
            await self._services.api.patch(self._path() + "/status", {"status": status})
            self._published = status

    async def _refresh_files(self) -> None:
        while True:
            await asyncio.sleep(_REFRESH_SECONDS)
            with contextlib.suppress(NotStartableError):
                await self._preparation.refresh(self._pod)

    async def _report_deletion(self) -> None:
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": self._pod["metadata"]["uid"]}}
        while True:
            try:
                return await self._services.api.delete(self._path(), body)
            except _UNREACHED as error:
                _log.info("Deletion of %s was not reported: %s", self.name, error)
                await asyncio.sleep(_RETRY_SECONDS)

    def _grace_seconds(self) -> float:
        return float(self._pod["metadata"].get("deletionGracePeriodSeconds", _own_grace(self._pod)))

    def _container(self, spec: Mapping[str, Any]) -> Container:
        state = _first_state(spec, self._pod)
        around = Surroundings(
            prepare=lambda: self._preparation.launch(self._pod, spec),
            changed=self._changed.set,
            restarts=lambda: not ended_for_good(self._pod, state),
            folder=self._preparation.scratch,
            logs=self._preparation.folder / "logs" / spec["name"],
            container_id=f"local://{self._pod['metadata']['uid']}/{spec['name']}",
            grace_seconds=_own_grace(self._pod),
            http=self._services.http,
            memory=self._services.memory,
        )
        return Container(spec, state, around)

    def _path(self) -> str:
        metadata = self._pod["metadata"]
        return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"


def _own_grace(pod: Mapping[str, Any]) -> float:
    return float(pod["spec"].get("terminationGracePeriodSeconds", _DEFAULT_GRACE))


def _start_time(pod: Mapping[str, Any]) -> datetime:
    known = pod.get("status", {}).get("startTime")
    return datetime.fromisoformat(known) if known else datetime.now(UTC)


def _first_state(spec: Mapping[str, Any], pod: Mapping[str, Any]) -> ContainerState:
    """Begin anew, or go on counting where the node left the Pod when it ended."""
    waiting = Waiting("ContainerCreating")
    state = ContainerState(spec["name"], spec.get("image", ""), waiting)
    for known in pod.get("status", {}).get("containerStatuses", ()):
        if known["name"] == spec["name"] and known.get("containerID"):
            now = datetime.now(UTC)
            state.restarts = known["restartCount"] + 1
            state.last = Terminated(
                KILLED_EXIT,
                "ContainerStatusUnknown",
                now,
                now,
                known["containerID"],
                "the node was restarted",
            )
    return state
