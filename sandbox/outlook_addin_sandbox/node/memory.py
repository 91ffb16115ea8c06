"""Memory limits: what the processes of a container use, and the end of those that use too much."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Final

from outlook_addin_sandbox.node.processes import process_table

_SUFFIXES: Final[Mapping[str, int | Decimal]] = {
    **{f"{prefix}i": 1024 ** int(power) for power, prefix in enumerate("KMGTPE", start=1)},
    **{prefix: 1000 ** int(power) for power, prefix in enumerate(["", "k", "M", "G", "T", "P", "E"])},
    "m": Decimal("0.001"),
}


def quantity(text: str) -> Decimal:
    """Read a Kubernetes quantity such as `128Mi`, `1G`, `100m` or `1e3`."""
    for suffix in sorted(_SUFFIXES, key=len, reverse=True):
        if suffix and text.endswith(suffix):
            return Decimal(text.removesuffix(suffix)) * Decimal(_SUFFIXES[suffix])
    return Decimal(text)


class MemoryWatch:
    """Looks at all sessions once a second; `peaks` holds the most that each has used, in bytes."""

    def __init__(self) -> None:
        self.peaks: dict[int, int] = {}
        self._limits: dict[int, tuple[Decimal, Callable[[], None]]] = {}

    @contextlib.contextmanager
    def limited(self, session: int, limit: Decimal, exceeded: Callable[[], None]) -> Iterator[None]:
        """Call `exceeded` whenever the session is found to use more than the limit."""
        self.peaks[session] = 0
        self._limits[session] = (limit, exceeded)
        try:
            yield
        finally:
            del self._limits[session]

    async def run(self) -> None:
        """Look every second, for ever."""
        while True:
            self.look()
            await asyncio.sleep(1)

    def look(self) -> None:
        """Compare every limited session with its limit once."""
        used: Counter[int] = Counter()
        for info in process_table():
            used[info.session] += info.rss
        for session, (limit, exceeded) in list(self._limits.items()):
            self.peaks[session] = max(self.peaks[session], used[session])
            if used[session] > limit:
                exceeded()
