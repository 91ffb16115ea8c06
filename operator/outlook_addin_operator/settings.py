"""What the operator is told by its environment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

DEFAULT_WEB_IMAGE: Final = "outlook-addin-web:0.1.0"


@dataclass(frozen=True)
class Settings:
    """The operator's settings, all from environment variables."""

    web_image: str = DEFAULT_WEB_IMAGE
    """WEB_IMAGE: the web server's image for OutlookAddins that name none."""

    listen_address: str = "0.0.0.0"  # noqa: S104 - inside a pod, whose network decides who gets in
    """LISTEN_ADDRESS: where metrics are served."""

    metrics_port: int = 8081
    """METRICS_PORT: the port of metrics; 0 switches them off."""

    instance: str = "outlook-addin-operator"
    """POD_ID: who reports Events."""

    workers: int = 16
    """WORKERS: how many objects are worked on at once."""

    namespace: str | None = None
    """POD_NAMESPACE: where the Lease is; None for the namespace that the API server's configuration names."""

    lease_duration: float = 30.0
    """LEASE_DURATION: seconds after which another operator takes over; 0 for an operator that is alone."""

    compare_interval: float = 6 * 3600.0
    """COMPARE_INTERVAL: seconds between two comparisons with what Graph has; 0 for none."""

    namespaces: tuple[str, ...] = ()
    """WATCH_NAMESPACES: the namespaces that Kopf is told to watch, with commas between; empty for all."""

    @property
    def sees_lease(self) -> bool:
        """Whether the Lease is among what is watched."""
        return not self.namespaces or self.namespace in self.namespaces

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings.

        Raises:
            ValueError: A number is none.
        """
        return cls(
            web_image=environ.get("WEB_IMAGE") or cls.web_image,
            listen_address=environ.get("LISTEN_ADDRESS") or cls.listen_address,
            metrics_port=int(environ.get("METRICS_PORT") or cls.metrics_port),
            instance=(environ.get("POD_ID") or cls.instance)[:128],
            workers=max(1, int(environ.get("WORKERS") or cls.workers)),
            namespace=environ.get("POD_NAMESPACE") or None,
            namespaces=tuple(filter(None, environ.get("WATCH_NAMESPACES", "").replace(" ", "").split(","))),
            lease_duration=_seconds(environ, "LEASE_DURATION", cls.lease_duration, least=1),
            compare_interval=_seconds(environ, "COMPARE_INTERVAL", cls.compare_interval, least=0.1),
        )


def _seconds(environ: Mapping[str, str], name: str, default: float, *, least: float) -> float:
    """Read a span; 0 stays 0, and all else is at least ``least``."""
    given = float(environ[name]) if environ.get(name) else default
    return max(least, given) if given > 0 else 0.0
