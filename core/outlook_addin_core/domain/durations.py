"""Durations in the two spellings that the product meets.

Kubernetes resources say ``36h`` or ``1h30m`` (gateway-api.sigs.k8s.io, GEP-2257, a subset of Go's format);
``addin.json`` says milliseconds as a string, as its documentation does.
"""

import re
from datetime import timedelta

_UNITS = {
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
_PART = re.compile(r"([0-9]{1,5})(h|ms|m|s)", re.ASCII)
_WHOLE = re.compile(r"(?:[0-9]{1,5}(?:h|ms|m|s)){1,4}", re.ASCII)
_MILLISECONDS = re.compile(r"[0-9]{1,14}", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """Read a Go/GEP-2257 duration such as ``36h``, ``1h30m``, ``90s`` or ``500ms``.

    Raises:
        ValueError: The text is anything else.
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(
            f"{text!r} is not a duration; write hours, minutes and seconds such as 36h, 1h30m or 90s"
        )
    return sum((int(count) * _UNITS[unit] for count, unit in _PART.findall(text)), start=timedelta())


def parse_milliseconds(value: str | int) -> timedelta:
    """Read whole milliseconds, given as a number or as its digits.

    Raises:
        ValueError: The value is negative, a fraction or not a number.
    """
    text = str(value)
    if isinstance(value, bool) or not _MILLISECONDS.fullmatch(text):
        raise ValueError(
            f'{value!r} is not a number of milliseconds; write for example "36000000" for 10 hours'
        )
    return timedelta(milliseconds=int(text))


def format_milliseconds(duration: timedelta) -> str:
    """Write a duration as whole milliseconds; what is finer is cut off."""
    return str(duration // timedelta(milliseconds=1))
