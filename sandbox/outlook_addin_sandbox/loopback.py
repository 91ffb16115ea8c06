"""Names below `localhost`, which browsers resolve by themselves and Python does not (RFC 6761)."""

import socket

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

LOOPBACK = "127.0.0.1"


def is_loopback(host: str) -> bool:
    """Tell whether a host name means this machine."""
    name = host.lower().rstrip(".")
    return name in {"localhost", LOOPBACK} or name.endswith(".localhost")


class LoopbackResolver(AbstractResolver):
    """Resolves `localhost` and `*.localhost` to 127.0.0.1, and everything else as usual."""

    def __init__(self) -> None:
        self._others = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of `host`."""
        if not is_loopback(host):
            return await self._others.resolve(host, port, family)
        return [
            ResolveResult(
                hostname=host,
                host=LOOPBACK,
                port=port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Release what the usual resolver holds."""
        await self._others.close()
