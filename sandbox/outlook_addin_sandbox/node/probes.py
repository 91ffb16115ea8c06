"""HTTP probes: when to ask, and what a row of answers means."""

import asyncio
import enum
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp

from outlook_addin_sandbox.node.references import MissingReferenceError


class Verdict(enum.Enum):
    """What the answers so far amount to."""

    UNKNOWN = enum.auto()
    SUCCESS = enum.auto()
    FAILURE = enum.auto()


@dataclass(frozen=True)
class Probe:
    """A parsed `httpGet` probe; times are in seconds."""

    url: str
    headers: Mapping[str, str]
    initial_delay: float
    period: float
    timeout: float
    failure_threshold: int
    success_threshold: int

    @classmethod
    def parse(cls, probe: Mapping[str, Any], container: Mapping[str, Any], pod_ip: str) -> "Probe":
        """Read a probe of a container.

        Raises:
            MissingReferenceError: it is not an HTTP probe, or its port's name is not declared.
        """
        if "httpGet" not in probe:
            raise MissingReferenceError("the local node has only HTTP probes")
        get = probe["httpGet"]
        port = _port(get["port"], container)
        scheme = get.get("scheme", "HTTP").lower()
        return cls(
            url=f"{scheme}://{get.get('host') or pod_ip}:{port}{get.get('path', '/')}",
            headers={header["name"]: header["value"] for header in get.get("httpHeaders", ())},
            initial_delay=probe.get("initialDelaySeconds", 0),
            period=probe.get("periodSeconds", 10),
            timeout=probe.get("timeoutSeconds", 1),
            failure_threshold=probe.get("failureThreshold", 3),
            success_threshold=probe.get("successThreshold", 1),
        )


class Judge:
    """Turns single results into a verdict: only an unbroken row as long as its threshold changes it."""

    def __init__(self, failure_threshold: int, success_threshold: int) -> None:
        self._thresholds = {True: success_threshold, False: failure_threshold}
        self._last: bool | None = None
        self._row = 0
        self.verdict = Verdict.UNKNOWN

    def record(self, *, success: bool) -> Verdict:
        """Take one result into account."""
        self._row = self._row + 1 if success is self._last else 1
        self._last = success
        if self._row >= self._thresholds[success]:
            self.verdict = Verdict.SUCCESS if success else Verdict.FAILURE
        return self.verdict


def parse_probes(container: Mapping[str, Any], pod_ip: str) -> dict[str, Probe]:
    """Read all probes of a container, by the names of their fields.

    Raises:
        MissingReferenceError: one of them cannot be done.
    """
    kinds = ("startupProbe", "readinessProbe", "livenessProbe")
    return {kind: Probe.parse(container[kind], container, pod_ip) for kind in kinds if kind in container}


async def verdicts(session: aiohttp.ClientSession, probe: Probe) -> AsyncIterator[tuple[Verdict, str]]:
    """Probe for ever, and yield the verdict with the last failure's message after every attempt."""
    judge = Judge(probe.failure_threshold, probe.success_threshold)
    await asyncio.sleep(probe.initial_delay)
    while True:
        failure = await check(session, probe)
        yield judge.record(success=not failure), failure
        await asyncio.sleep(probe.period)


async def check(session: aiohttp.ClientSession, probe: Probe) -> str:
    """Ask once; the answer is why it failed, empty for a status from 200 to 399."""
    timeout = aiohttp.ClientTimeout(total=probe.timeout)
    try:
        async with session.get(
            probe.url, headers=probe.headers, timeout=timeout, ssl=False, allow_redirects=False
        ) as response:
            succeeded = HTTPStatus.OK <= response.status < HTTPStatus.BAD_REQUEST
            return "" if succeeded else f"HTTP probe failed with statuscode: {response.status}"
    except (TimeoutError, aiohttp.ClientError) as error:
        return f"HTTP probe failed: {str(error) or 'timed out'}"


def _port(port: int | str, container: Mapping[str, Any]) -> int:
    if isinstance(port, int):
        return port
    for declared in container.get("ports", ()):
        if declared.get("name") == port:
            return int(declared["containerPort"])
    raise MissingReferenceError(f"container {container['name']} has no port named {port}")
