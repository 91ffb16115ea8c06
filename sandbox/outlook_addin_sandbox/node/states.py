"""The states of a container, in the words of `containerStatuses`."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

ERROR_EXIT: Final = 128
"""Exit code of a container that could not be started."""
KILLED_EXIT: Final = 137
"""Exit code of a process that was ended by SIGKILL."""


def timestamp(moment: datetime) -> str:
    """Write a time as Kubernetes does, in whole seconds of UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Waiting:
    """Not started yet, or not again yet."""

    reason: str
    message: str = ""

    def to_json(self) -> dict[str, Any]:
        """Render as a `ContainerState`."""
        message = {"message": self.message} if self.message else {}
        return {"waiting": {"reason": self.reason, **message}}


@dataclass(frozen=True)
class Running:
    """The process runs."""

    started_at: datetime

    def to_json(self) -> dict[str, Any]:
        """Render as a `ContainerState`."""
        return {"running": {"startedAt": timestamp(self.started_at)}}


@dataclass(frozen=True)
class Terminated:
    """The process has ended."""

    exit_code: int
    reason: str
    started_at: datetime
    finished_at: datetime
    container_id: str
    message: str = ""

    def to_json(self) -> dict[str, Any]:
        """Render as a `ContainerState`."""
        message = {"message": self.message} if self.message else {}
        return {
            "terminated": {
                "exitCode": self.exit_code,
                "reason": self.reason,
                "startedAt": timestamp(self.started_at),
                "finishedAt": timestamp(self.finished_at),
                "containerID": self.container_id,
                **message,
            }
        }


State = Waiting | Running | Terminated


@dataclass
class ContainerState:
    """All that a Pod's status says about one container."""

    name: str
    image: str
    state: State
    last: Terminated | None = None
    restarts: int = 0
    ready: bool = False
    started: bool = False
    container_id: str = ""

    def to_json(self) -> dict[str, Any]:
        """Render as a `ContainerStatus`."""
        return {
            "name": self.name,
            "image": self.image,
            "imageID": "",
            "containerID": self.container_id,
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restarts,
            "state": self.state.to_json(),
            "lastState": self.last.to_json() if self.last else {},
        }
