"""Endpoints that answer slowly: Graph delays their notifications, or drops them.

Source of the rules: learn.microsoft.com/graph/change-notifications-delivery-webhooks, as of April 2026.
`slow`: more than 10 % of the answers within ten minutes took longer than 3 s; new notifications wait for
ten minutes. `drop`: more than 15 % took longer than 10 s; new notifications are lost for ten minutes. Then
the next few tell whether it has become better.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from outlook_addin_sandbox.graph.faults import GraphFaults

SLOW_SHARE = 0.10
DROP_SHARE = 0.15


@dataclass
class _Endpoint:
    """What is known about one endpoint; times are those of the event loop, in seconds."""

    answers: deque[tuple[float, float]] = field(default_factory=deque)
    """When each answer came, and how long it took."""
    state: str = "ok"
    since: float = 0.0


class EndpointStates:
    """Knows how each endpoint is treated.

    Args:
        faults: the state that was set by hand, which counts first, and the limits.
    """

    def __init__(self, faults: GraphFaults) -> None:
        self._faults = faults
        self._endpoints: dict[str, _Endpoint] = {}

    def of(self, url: str, now: float) -> str:
        """Return `ok`, `slow` or `drop`."""
        if self._faults.endpoint_state != "ok" or not self._faults.automatic_endpoint_states:
            return self._faults.endpoint_state
        endpoint = self._endpoint(url)
        if endpoint.state != "ok" and now - endpoint.since >= self._faults.state_window:
            endpoint.state, endpoint.since = "ok", now
            endpoint.answers.clear()
        return endpoint.state

    def note(self, url: str, took: float, now: float) -> None:
        """Take note of an answer, or of the time after which none was waited for any longer."""
        endpoint = self._endpoint(url)
        endpoint.answers.append((now, took))
        while endpoint.answers[0][0] <= now - self._faults.state_window:
            endpoint.answers.popleft()
        state = self._judged(endpoint)
        if endpoint.state == "ok" or state == "drop":
            if state != endpoint.state:
                endpoint.since = now
            endpoint.state = state

    def _judged(self, endpoint: _Endpoint) -> str:
        times = [took for _, took in endpoint.answers]
        if _share(each >= self._faults.retry_timeout for each in times) > DROP_SHARE:
            return "drop"
        if _share(each >= self._faults.first_timeout for each in times) > SLOW_SHARE:
            return "slow"
        return "ok"

    def _endpoint(self, url: str) -> _Endpoint:
        parts = urlsplit(url)
        key = parts.netloc if self._faults.endpoint_is_host else f"{parts.netloc}{parts.path}"
        return self._endpoints.setdefault(key, _Endpoint())


def _share(holds: Iterator[bool]) -> float:
    found = list(holds)
    return sum(found) / len(found)
