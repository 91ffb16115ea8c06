import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_GUID: Final = re.compile("-".join(f"[0-9a-f]{{{digits}}}" for digits in (8, 4, 4, 4, 12)))


@dataclass(frozen=True, order=True)
class Mailbox:
    """One mailbox, named by the directory ids of its tenant and its user; addresses change, these do not.

    Both are GUIDs and are kept in lower case, so that equal mailboxes are equal values.

    Raises:
        ValueError: One of the ids is not a GUID.
    """

    tenant_id: str
    user_id: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "tenant_id", guid(self.tenant_id))
        object.__setattr__(self, "user_id", guid(self.user_id))

    @property
    def resource(self) -> str:
        """The Graph resource whose changes are subscribed to (object id, never the address)."""
        return f"users/{self.user_id}/events"

    @property
    def log_id(self) -> str:
        """A short pseudonym for logs: the same for the same mailbox, and saying nothing about it."""
        return self._digest()[:10]

    def _digest(self) -> str:
        return hashlib.sha256(f"{self.tenant_id}/{self.user_id}".encode()).hexdigest()


def subscription_name(addin: str, mailbox: Mailbox) -> str:
    """Return the name of the mailbox's CalendarSubscription.

    It follows from the mailbox alone, so that two makers meet in one object instead of making two.
    """
    return f"{addin}-{mailbox.log_id}"


def age_of(body: Mapping[str, Any]) -> str:
    """Return what sorts CalendarSubscriptions, older ones first; of one second, the first by name.

    Of several for one mailbox the first one serves it, wherever that is decided.
    """
    return f"{body['metadata']['creationTimestamp']}/{body['metadata']['name']}"


def guid(text: object) -> str:
    """Return a GUID in lower case with its dashes.

    Raises:
        ValueError: The text is not 8-4-4-4-12 hexadecimal digits; braces and the like are refused.
    """
    normal = text.lower() if isinstance(text, str) else ""
    if not _GUID.fullmatch(normal):
        raise ValueError(f"{text!r} is not a GUID; write it as 01234567-89ab-cdef-0123-456789abcdef")
    return normal
