"""`kubectl outlook subscribe`: CalendarSubscriptions for people who keep them in Git. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import yaml

from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_core.domain.resources import calendar_subscription


class InputError(ValueError):
    """What was given cannot be used; the text is a sentence that says what to write."""


@dataclass(frozen=True)
class User:
    """Whose mailbox.

    Args:
        id: The object id in Entra.
        address: For people who read the object; nothing depends on it.
    """

    id: str
    address: str | None = None


def read_users(lines: Iterable[str]) -> Iterator[User]:
    """Yield who stands in lines of an object id and perhaps an address; a word with # begins a comment.

    Raises:
        InputError: A line holds something else.
    """
    for number, line in enumerate(lines, 1):
        words = [*takewhile(lambda word: not word.startswith("#"), line.split())]
        match words:
            case []:
                continue
            case [user] | [user, _]:
                yield User(user, words[1] if len(words) > 1 else None)
            case _:
                raise InputError(f"Line {number} has {len(words)} words; write an object id and an address.")


def manifests(addin: str, tenant: str, users: Iterable[User], namespace: str | None = None) -> str:
    """Return the CalendarSubscriptions of users as YAML, each once and named as the web server names it.

    Raises:
        InputError: An id is not a GUID.
    """
    try:
        addresses: dict[Mailbox, str | None] = {}
        for user in users:
            mailbox = Mailbox(tenant, user.id)
            addresses[mailbox] = addresses.get(mailbox) or user.address
        bodies = [_manifest(addin, *each, namespace) for each in addresses.items()]
    except ValueError as error:
        raise InputError(f"{error}.") from error
    if not bodies:
        raise InputError("No user is named; write object ids, or --file with a line for each.")
    text: str = yaml.safe_dump_all(bodies, sort_keys=False, explicit_start=True)
    return text


def _manifest(addin: str, mailbox: Mailbox, address: str | None, namespace: str | None) -> dict[str, Any]:
    body = calendar_subscription(addin, mailbox, address)
    if namespace:
        body["metadata"]["namespace"] = namespace
    return body
