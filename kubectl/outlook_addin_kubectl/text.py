"""Tables and times as kubectl prints them. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

NONE: Final = "<none>"

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return lines with aligned columns, and no space at their ends."""
    written = [[plain(cell) for cell in row] for row in (head, *rows)]
    widths = [max(map(len, column)) for column in zip(*written, strict=True)]
    return "\n".join("   ".join(map(str.ljust, row, widths)).rstrip() for row in written)


def plain(text: str) -> str:
    """Write out what would steer a terminal: an object may have been written by anybody."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def span(length: timedelta) -> str:
    """Write a length of time by its two largest units, such as 2d4h; less than a second is 0s."""
    seconds = int(length.total_seconds())
    parts: list[tuple[int, str]] = []
    for unit, size in _UNITS:
        count, seconds = divmod(seconds, size)
        if parts or count:
            parts.append((count, unit))
    return "".join(f"{count}{unit}" for count, unit in parts[:2] if count) or "0s"


def relative(moment: str | None, now: datetime) -> str:
    """Say how far away a moment of a status is, such as in 2d4h or 3m ago."""
    if moment is None:
        return NONE
    length = datetime.fromisoformat(moment) - now
    return f"in {span(length)}" if length >= timedelta(0) else f"{span(-length)} ago"


def count(number: int, noun: str) -> str:
    """Write a number with its noun."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
