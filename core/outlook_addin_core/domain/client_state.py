"""The ``clientState`` of a Graph subscription: proof of origin without any store.

Graph signs nothing; all that a notification proves is that its sender knows the subscription's clientState.
Ours carries the mailbox together with a message authentication code over it, so every replica can check every
notification alone, before and after a restart:

    base64url( tenant (16 bytes) ‖ user (16 bytes) ‖ HMAC-SHA256(key, tenant ‖ user) )

That is 86 characters; Graph allows 128 (learn.microsoft.com/graph/api/resources/subscription).
"""

import base64
import hmac
from collections.abc import Sequence
from functools import lru_cache
from typing import Final
from uuid import UUID

from outlook_addin_core.domain.mailbox import Mailbox

_LENGTH: Final = 86
_ID: Final = 16
_REMEMBERED: Final = 4_096
"""Mailboxes, some 500 bytes each."""


def issue(key: bytes, mailbox: Mailbox) -> str:
    """Return the state that proves, to whoever holds the key, that a notification concerns this mailbox."""
    return _state(key, UUID(mailbox.tenant_id).bytes + UUID(mailbox.user_id).bytes).decode()


def verify(keys: Sequence[bytes], state: str) -> Mailbox | None:
    """Return the mailbox that the state was issued for with one of the keys, or None for anything else.

    Every state is computed anew and compared as a whole, with every key, so that the time tells a forger
    nothing. Remembered is no verdict but only what the two ids of a genuine state are as a mailbox.
    """
    if len(state) != _LENGTH or not state.isascii():
        return None
    given = state.encode()
    try:
        ids = base64.urlsafe_b64decode(given + b"==")[: 2 * _ID]
    except ValueError:
        return None
    matches = [hmac.compare_digest(_state(key, ids), given) for key in keys]
    return _mailbox(ids) if any(matches) else None


def _state(key: bytes, ids: bytes) -> bytes:
    return base64.urlsafe_b64encode(ids + hmac.digest(key, ids, "sha256")).rstrip(b"=")


@lru_cache(_REMEMBERED)
def _mailbox(ids: bytes) -> Mailbox:
    return Mailbox(str(UUID(bytes=ids[:_ID])), str(UUID(bytes=ids[_ID:])))
