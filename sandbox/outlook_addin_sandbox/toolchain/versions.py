"""Versions of tools, as far as it takes to compare them."""

import re
from typing import NamedTuple, Self


class Version(NamedTuple):
    """A version's numbers; what follows them (`-rc1`, `+build`, `-dispatcher`) does not matter here."""

    major: int
    minor: int = 0
    patch: int = 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `1.26`, `v1.36.3`, `go1.26.8` or `v1.32.4-dispatcher`.

        Raises:
            ValueError: There is no number.
        """
        found = re.match(r"[a-z]*(\d+)(?:\.(\d+))?(?:\.(\d+))?", text.strip())
        if not found:
            raise ValueError(f"no version in {text!r}")
        return cls(*(int(number or 0) for number in found.groups()))

    def __str__(self) -> str:
        return ".".join(map(str, self))
