"""The kinds of values in ``addin.json``: how each is written, read and checked."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, field
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Any
from urllib.parse import urlsplit

from cronsim import CronSim, CronSimError

from outlook_addin_core.domain.durations import format_milliseconds, parse_milliseconds
from outlook_addin_core.domain.mailbox import guid

_LEVELS = ("debug", "info", "warning", "error")
_PATH = re.compile(r"[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)*")
_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


class ConfigError(ValueError):
    """A configuration value cannot be used.

    Args:
        key: The key as it is written in ``addin.json``.
        problem: What is wrong with it and what to write instead.
    """

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key} {problem}")
        self.key = key


class Kind(Enum):
    """What a key holds."""

    TEXT = auto()
    TEXTS = auto()
    NAMED_TEXTS = auto()
    FLAG = auto()
    COUNT = auto()
    URL = auto()
    PATH = auto()
    GUID = auto()
    GUIDS = auto()
    MILLISECONDS = auto()
    CRON = auto()
    LEVEL = auto()


def setting(key: str, kind: Kind, default: Any = MISSING) -> Any:
    """Declare a field of the configuration: its key in ``addin.json``, its kind and its default."""
    return field(default=default, metadata={"key": key, "kind": kind})


def decode(declared: Iterable[Field[Any]], document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that a JSON object gives; null is the same as absent.

    Raises:
        ConfigError: A key without a default is absent, or milliseconds cannot be read.
    """
    arguments: dict[str, Any] = {}
    for item in declared:
        key = item.metadata["key"]
        if document.get(key) is not None:
            arguments[item.name] = _from_json(item, document[key])
        elif item.default is MISSING:
            raise ConfigError(key, f"is missing; write {_EXAMPLES[item.metadata['kind']]}")
    return arguments


def encode(declared: Iterable[Field[Any]], config: object) -> dict[str, Any]:
    """Return the JSON object of a configuration; what is None is left out."""
    document = {item.metadata["key"]: getattr(config, item.name) for item in declared}
    return {key: _to_json(value) for key, value in document.items() if value is not None}


def checked(item: Field[Any], value: Any) -> Any:
    """Return a field's value in its normal form.

    Raises:
        ConfigError: The value is not of the field's kind.
    """
    if type(value) is type(item.default) and value == item.default:
        return value
    kind: Kind = item.metadata["kind"]
    try:
        return _CHECKS[kind](value)
    except (TypeError, ValueError, AttributeError, StopIteration) as error:
        raise ConfigError(item.metadata["key"], f"is {value!r}; write {_EXAMPLES[kind]}") from error


def _from_json(item: Field[Any], value: Any) -> Any:
    if item.metadata["kind"] is not Kind.MILLISECONDS:
        return value
    try:
        return parse_milliseconds(value)
    except ValueError as error:
        raise ConfigError(
            item.metadata["key"], f"is {value!r}; write {_EXAMPLES[Kind.MILLISECONDS]}"
        ) from error


def _to_json(value: Any) -> Any:
    if isinstance(value, timedelta):
        return format_milliseconds(value)
    return list(value) if isinstance(value, tuple) else value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(value)
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not value:
        raise ValueError(value)
    return tuple(_text(item) for item in value)


def _named_texts(value: Any) -> dict[str, str]:
    if not value:
        raise ValueError(value)
    return {_text(name): _text(text) for name, text in sorted(value.items())}


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(value)
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(value)
    return value


def _url(value: Any) -> str:
    parts = urlsplit(_text(value))
    host = parts.hostname or ""
    local = host in {"localhost", "127.0.0.1", "::1"} or host.endswith(".localhost")
    if not host or parts.scheme not in ({"http", "https"} if local else {"https"}):
        raise ValueError(value)
    if parts.query or parts.fragment or parts.username is not None:
        raise ValueError(value)
    _ = parts.port  # raises ValueError if it is no port
    return str(value).rstrip("/")


def _path(value: Any) -> str:
    path = _text(value).strip("/")
    if not _PATH.fullmatch(path) or any(part in {".", ".."} for part in path.split("/")):
        raise ValueError(value)
    return path


def _duration(value: Any) -> timedelta:
    if not isinstance(value, timedelta) or value < timedelta(0):
        raise ValueError(value)
    return value


def _cron(value: Any) -> str:
    if len(_text(value).split()) != 5:  # noqa: PLR2004 - UNIX cron has five fields; a sixth would mean seconds
        raise ValueError(value)
    try:
        next(CronSim(value, _ANY_TIME))
    except CronSimError as error:
        raise ValueError(value) from error
    return str(value)


def _level(value: Any) -> str:
    if value not in _LEVELS:
        raise ValueError(value)
    return str(value)


_CHECKS: Mapping[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: _text,
    Kind.TEXTS: _texts,
    Kind.NAMED_TEXTS: _named_texts,
    Kind.FLAG: _flag,
    Kind.COUNT: _count,
    Kind.URL: _url,
    Kind.PATH: _path,
    Kind.GUID: guid,
    Kind.GUIDS: lambda value: tuple(guid(item) for item in _texts(value)),
    Kind.MILLISECONDS: _duration,
    Kind.CRON: _cron,
    Kind.LEVEL: _level,
}

_EXAMPLES: Mapping[Kind, str] = {
    Kind.TEXT: "a text that is not empty",
    Kind.TEXTS: "a list of texts, at least one",
    Kind.NAMED_TEXTS: "an object of texts, at least one, none of them empty",
    Kind.FLAG: "true or false, without quotes",
    Kind.COUNT: "a whole number of 1 or more, without quotes",
    Kind.URL: "an https URL such as https://outlook.bank.example (http only for localhost and *.localhost)",
    Kind.PATH: "a path such as addin: letters, digits, dots, dashes and slashes between",
    Kind.GUID: "a GUID such as 01234567-89ab-cdef-0123-456789abcdef",
    Kind.GUIDS: "a list of GUIDs, at least one, such as [01234567-89ab-cdef-0123-456789abcdef]",
    Kind.MILLISECONDS: 'milliseconds in quotes such as "36000000" for 10 hours',
    Kind.CRON: 'five UNIX cron fields such as "*/1 * * * *"',
    Kind.LEVEL: "one of debug, info, warning, error",
}
