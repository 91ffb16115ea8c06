"""How an Outlook event and an Unblu conversation find each other.

The event's custom properties hold ``{v, uuid}`` and nothing that is trusted: the conversation is looked up
by a source id that is built from the *verified* tenant and mailbox, so a forged property can only name
conversations of the mailbox it stands in.
"""

import json
import re
from dataclasses import dataclass
from html import unescape
from typing import Final, Self
from urllib.parse import unquote
from uuid import UUID

from outlook_addin_core.domain.mailbox import Mailbox, guid

MAX_PROPERTY_LENGTH = 2_500
"""Characters that Outlook stores in an add-in's custom properties (learn.microsoft.com, MS-OXCEXT 2.2.5)."""

BLOCK_ID: Final = "outlook-addin-unblu-"
"""What the invitation's id in an event's body begins with; the link's UUID follows."""

_PUBLIC_STRINGS = "00020329-0000-0000-c000-000000000046"
_SCHEME = "outlook"
_VERSIONS = (1, "1")


@dataclass(frozen=True)
class SourceId:
    """The unique id of an add-in's conversation: ``outlook:<addin>:<tenant>:<mailbox>:<uuid>``."""

    addin_id: str
    mailbox: Mailbox
    uuid: UUID

    def __str__(self) -> str:
        return f"{self.prefix(self.addin_id, self.mailbox)}{self.uuid}"

    @staticmethod
    def prefix(addin_id: str, mailbox: Mailbox) -> str:
        """Return what all source ids of one mailbox begin with."""
        return f"{SourceId.prefix_of_all(addin_id)}{mailbox.tenant_id}:{mailbox.user_id}:"

    @staticmethod
    def prefix_of_all(addin_id: str) -> str:
        """Return what all source ids of one add-in begin with."""
        return f"{_SCHEME}:{addin_id.lower()}:"

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Return the parts of a source id, or None for conversations that other sources have made."""
        parts = text.split(":")
        if len(parts) != 5 or parts[0] != _SCHEME:  # noqa: PLR2004 - the five parts of the documented form
            return None
        try:
            return cls(guid(parts[1]), Mailbox(parts[2], parts[3]), UUID(guid(parts[4])))
        except ValueError:
            return None


def custom_property_id(addin_id: str) -> str:
    """Return the Graph id of the extended property that holds the add-in's custom properties.

    Source: learn.microsoft.com, MS-OXCEXT 2.2.5: ``cecp-`` and the manifest's Id in lower case, without
    braces.
    """
    return f"String {{{_PUBLIC_STRINGS}}} Name cecp-{addin_id.lower()}"


def parse_link(json_text: str) -> UUID | None:
    """Return the link's UUID from an event's custom properties, or None if there is none that can be read."""
    if len(json_text) > MAX_PROPERTY_LENGTH:
        return None
    try:
        properties = json.loads(json_text)
        if not isinstance(properties, dict) or properties.get("v") not in _VERSIONS:
            return None
        return UUID(guid(properties["uuid"]))
    except (ValueError, KeyError, RecursionError):
        return None


def leads_to(text: str, uuid: UUID, public_link: str | None) -> bool:
    """Whether an event's body or location leads to the conversation.

    By the pane's own block, whose id carries the UUID, or by the public link that somebody has pasted: as
    text, in HTML, or inside another address.
    """
    if f"{BLOCK_ID}{uuid}" in text.lower():
        return True
    if not public_link:
        return False
    plain = unescape(text)
    whole = re.compile(rf"{re.escape(public_link)}(?![\w-])")
    return any(whole.search(each) for each in (plain, unquote(plain)))
