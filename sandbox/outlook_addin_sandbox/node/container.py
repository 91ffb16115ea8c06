"""The life of one container: start, probe, restart with back-off, stop."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import aiohttp

from outlook_addin_sandbox.node import tasks
from outlook_addin_sandbox.node.memory import MemoryWatch, quantity
from outlook_addin_sandbox.node.pod_plan import ContainerPlan
from outlook_addin_sandbox.node.probes import Probe, Verdict, verdicts
from outlook_addin_sandbox.node.processes import LocalProcess
from outlook_addin_sandbox.node.states import (
    ERROR_EXIT,
    KILLED_EXIT,
    ContainerState,
    Running,
    Terminated,
    Waiting,
)

_RETRY_SECONDS: Final = 1.0
_LONGEST_BACK_OFF: Final = 10.0
_CALM_SECONDS: Final = 60.0
"""A run of this length starts the back-off anew."""
_LEAST_GRACE: Final = 2.0
"""What remains for SIGTERM when preStop has used up the grace period, as with a kubelet."""

_log = logging.getLogger(__name__)


class NotStartableError(Exception):
    """Something that the container needs is missing; `reason` is the waiting reason to report."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True)
class Launch:
    """A container that can be started."""

    plan: ContainerPlan
    probes: Mapping[str, Probe]
    """By the name of their field, such as `readinessProbe`."""
    pre_stop: ContainerPlan | float = 0.0
    """A process to run, or seconds to wait, before SIGTERM."""


@dataclass(frozen=True)
class Surroundings:
    """What a container gets from its Pod and its node."""

    prepare: Callable[[], Awaitable[Launch]]
    """Write the files and work out the process; raises NotStartableError."""
    changed: Callable[[], None]
    """Called after every change of the state."""
    restarts: Callable[[], bool]
    """Whether the restart policy wants another run after the one that the state shows."""
    folder: Path
    """Working directory of the process."""
    logs: Path
    """Folder of the log files, one per run."""
    container_id: str
    grace_seconds: float
    http: aiohttp.ClientSession
    memory: MemoryWatch


class Container:
    """Runs one container of a Pod until its restart policy or `stop` ends it."""

    def __init__(self, spec: Mapping[str, Any], state: ContainerState, around: Surroundings) -> None:
        self.state = state
        self._spec = spec
        self._around = around
        self._stopping = asyncio.Event()
        self._process: LocalProcess | None = None
        self._pre_stop: ContainerPlan | float = 0.0
        self._end_reason = ""
        self._crashes = 0

    def log_of(self, run: int) -> Path:
        """Say where a run, counted from 0, writes its output."""
        return self._around.logs / f"{run}.log"

    def runs(self, run: int) -> bool:
        """Say whether that run goes on."""
        return self.state.restarts == run and isinstance(self.state.state, Running)

    @property
    def peak_memory(self) -> int:
        """The most memory that the present run has used, in bytes."""
        return self._around.memory.peaks.get(self._process.pid, 0) if self._process else 0

    async def run(self) -> None:
        """Start the container again and again, as its restart policy says."""
        while not self._stopping.is_set():
            try:
                launch = await self._around.prepare()
            except NotStartableError as error:
                self._wait_for(error.reason, str(error))
                await self._pause(_RETRY_SECONDS)
                continue
            if self._stopping.is_set():
                return
            ended = await self._run_once(launch)
            self._show(ended)
            if self._stopping.is_set() or not self._around.restarts():
                return
            await self._back_off(ended)

    async def stop(self, grace_seconds: float) -> None:
        """End the container for good: preStop, SIGTERM, and SIGKILL when the grace period is over."""
        self._stopping.set()
        await self._end(grace_seconds)

    async def _run_once(self, launch: Launch) -> Terminated:
        started_at = datetime.now(UTC)
        self.state.container_id = f"{self._around.container_id}/{self.state.restarts}"
        self._end_reason = ""
        try:
            process = await LocalProcess.start(
                launch.plan, self._around.folder, self.log_of(self.state.restarts)
            )
        except OSError as error:
            return self._terminated(ERROR_EXIT, "StartError", started_at, str(error))
        self._process, self._pre_stop = process, launch.pre_stop
        self.state.state = Running(started_at)
        self._around.changed()
        with self._memory_limit(process):
            code = await self._wait_and_probe(process, launch.probes)
        return self._terminated(code, self._end_reason or ("Error" if code else "Completed"), started_at)

    async def _wait_and_probe(self, process: LocalProcess, probes: Mapping[str, Probe]) -> int:
        probing = tasks.start(self._probe(probes), f"probes of {self._around.container_id}")
        try:
            return await process.wait()
        finally:
            process.kill()
            await process.wait()
            await tasks.cancel(probing)

    async def _probe(self, probes: Mapping[str, Probe]) -> None:
        if startup := probes.get("startupProbe"):
            await self._probe_start(startup)
        self.state.started = True
        self.state.ready = "readinessProbe" not in probes
        self._around.changed()
        async with asyncio.TaskGroup() as group:
            if readiness := probes.get("readinessProbe"):
                group.create_task(self._probe_readiness(readiness))
            if liveness := probes.get("livenessProbe"):
                group.create_task(self._probe_liveness(liveness))

    async def _probe_start(self, probe: Probe) -> None:
        async for verdict, failure in verdicts(self._around.http, probe):
            if verdict is Verdict.SUCCESS:
                return
            if verdict is Verdict.FAILURE:
                await self._end_unhealthy("startup", failure)

    async def _probe_readiness(self, probe: Probe) -> None:
        async for verdict, _ in verdicts(self._around.http, probe):
            ready = verdict is Verdict.SUCCESS
            if ready is not self.state.ready:
                self.state.ready = ready
                self._around.changed()

    async def _probe_liveness(self, probe: Probe) -> None:
        async for verdict, failure in verdicts(self._around.http, probe):
            if verdict is Verdict.FAILURE:
                await self._end_unhealthy("liveness", failure)

    async def _end_unhealthy(self, kind: str, failure: str) -> None:
        if not self._stopping.is_set():
            _log.info("%s failed its %s probe: %s", self._around.container_id, kind, failure)
            await self._end(self._around.grace_seconds)

    async def _end(self, grace_seconds: float) -> None:
        process = self._process
        if process is None or not isinstance(self.state.state, Running):
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace_seconds
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(deadline):
                await self._run_pre_stop()
        process.terminate()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(max(deadline, loop.time() + _LEAST_GRACE)):
                await process.wait()
        process.kill()

    async def _run_pre_stop(self) -> None:
        if isinstance(self._pre_stop, float):
            await asyncio.sleep(self._pre_stop)
        else:
            with contextlib.suppress(OSError):
                hook = await LocalProcess.start(
                    self._pre_stop, self._around.folder, self.log_of(self.state.restarts)
                )
                try:
                    await hook.wait()
                finally:
                    hook.kill()

    def _memory_limit(self, process: LocalProcess) -> contextlib.AbstractContextManager[None]:
        limit = self._spec.get("resources", {}).get("limits", {}).get("memory")

        def exceeded() -> None:
            self._end_reason = "OOMKilled"
            process.kill()

        allowed = quantity(limit) if limit else Decimal("Infinity")
        return self._around.memory.limited(process.pid, allowed, exceeded)

    async def _back_off(self, ended: Terminated) -> None:
        calm = (ended.finished_at - ended.started_at).total_seconds() >= _CALM_SECONDS
        self._crashes = 0 if calm else self._crashes + 1
        seconds = min(2.0 ** max(self._crashes - 1, 0), _LONGEST_BACK_OFF)
        name = self._spec["name"]
        message = f"back-off {seconds:.0f}s restarting failed container={name}"
        self._wait_for("CrashLoopBackOff", message)
        await self._pause(seconds)
        if not self._stopping.is_set():
            self.state.restarts += 1

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _terminated(self, code: int, reason: str, started_at: datetime, message: str = "") -> Terminated:
        code = KILLED_EXIT if reason == "OOMKilled" else code
        return Terminated(code, reason, started_at, datetime.now(UTC), self.state.container_id, message)

    def _show(self, ended: Terminated) -> None:
        self.state.state = ended
        self.state.ready = self.state.started = False
        self._around.changed()

    def _wait_for(self, reason: str, message: str) -> None:
        if isinstance(self.state.state, Terminated):
            self.state.last = self.state.state
        self.state.state = Waiting(reason, message)
        self._around.changed()
