"""The words of the invitation that goes into an event: what a ConfigMap holds of them. Pure.

Either all of its texts are used or none: half a change would reach some agents and not others.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from outlook_addin_core.domain.config import AddinConfig, ConfigError
from outlook_addin_operator.addin.objects.configmap import FILE
from outlook_addin_operator.credentials import Problem
from outlook_addin_operator.keys import Object

LINK: Final = "{link}"
MOST_TEXTS: Final = 20
LONGEST_TEXT: Final = 8 * 1024
"""Bytes. All texts together are sent to every pane."""

_LANGUAGE: Final = re.compile(r"default|[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8})*")
_MEANWHILE: Final = "Until then invitations keep the words that they have."


@dataclass(frozen=True)
class Invitation:
    """What the ConfigMap says.

    Args:
        texts: By language; None if no ConfigMap is named or it cannot be used.
        problem: Why it cannot be used.
    """

    texts: Mapping[str, str] | None = None
    problem: Problem | None = None


def interpret(name: str, body: Mapping[str, Any] | None) -> Invitation:
    """Return the texts of the ConfigMap of that name, or what is wrong with the first that cannot be used."""
    if body is None:
        what = "does not exist; create it with a text under default, or under a language such as de"
        return _unusable("InvitationTextNotFound", name, what)
    texts = body.get("data") or {}
    fault = next(_faults(texts, body.get("binaryData") or {}), None)
    return Invitation(texts) if fault is None else _unusable("InvalidInvitationText", name, fault)


def applied_texts(config_map: Object | None) -> Mapping[str, str] | None:
    """Return the texts that stand in the ``addin.json`` that pods have."""
    written = ((config_map or {}).get("data") or {}).get(FILE, "")
    try:
        return AddinConfig.from_json(written).invitation_texts
    except ConfigError:
        return None


def _unusable(reason: str, name: str, what: str) -> Invitation:
    message = f"spec.client.invitationTextRef: ConfigMap {name} {what}. {_MEANWHILE}"
    return Invitation(problem=Problem(reason, message))


def _faults(texts: Mapping[str, str], binary: Mapping[str, str]) -> Iterator[str]:
    for key in sorted(binary):
        yield f"holds no text but bytes under the key {key}; save it as UTF-8"
    if not texts:
        yield "holds no text; add one under default, or under a language such as de"
    if len(texts) > MOST_TEXTS:
        yield f"holds {len(texts)} texts; keep {MOST_TEXTS} at most"
    known: set[str] = set()
    for key, text in sorted(texts.items()):
        if not _LANGUAGE.fullmatch(key):
            yield f"has the key {key}, which is no language; name it like de or de-CH, or default"
        if key.lower() in known:
            yield f"has the key {key} twice, in capital and small letters; keep one"
        known.add(key.lower())
        if not text.strip():
            yield f"has nothing under the key {key}; write a text, or remove the key"
        if (size := len(text.encode())) > LONGEST_TEXT:
            yield f"holds {size} bytes under the key {key}; shorten the text to {LONGEST_TEXT}"
        if text.count(LINK) > 1:
            yield f"has {LINK} more than once under the key {key}; keep one"
