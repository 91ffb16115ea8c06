"""The ``clientState`` of a Graph subscription: proof of origin without any store.

Graph signs nothing; all that a notification proves is that its sender knows the subscription's clientState.
Ours carries the mailbox together with a message authentication code over it, so every replica can check every
notification alone, before and after a restart:

    base64url( tenant (16 bytes) ‖ user (16 bytes) ‖ HMAC-SHA256(key, tenant ‖ user) )

That is 86 characters; Graph allows 128 (learn.microsoft.com/graph/api/resources/subscription).
"""

import base64
import binascii
import hmac
from collections.abc import Sequence
from uuid import UUID

from outlook_addin_core.domain.mailbox import Mailbox

_LENGTH = 86
_ID = 16


def issue(key: bytes, mailbox: Mailbox) -> str:
    """Return the state that proves, to whoever holds the key, that a notification concerns this mailbox."""
    ids = UUID(mailbox.tenant_id).bytes + UUID(mailbox.user_id).bytes
    return base64.urlsafe_b64encode(ids + hmac.digest(key, ids, "sha256")).rstrip(b"=").decode()


def verify(keys: Sequence[bytes], state: str) -> Mailbox | None:
    """Return the mailbox that the state was issued for with one of the keys, or None for anything else.

    The comparison takes the same time wherever a forgery goes wrong, and every key is tried.
    """
    mailbox = _claimed(state)
    if mailbox is None:
        return None
    given = state.encode()
    matches = [hmac.compare_digest(issue(key, mailbox).encode(), given) for key in keys]
    return mailbox if any(matches) else None


def _claimed(state: str) -> Mailbox | None:
    if len(state) != _LENGTH:
        return None
    try:
        raw = base64.b64decode(state + "==", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return Mailbox(str(UUID(bytes=raw[:_ID])), str(UUID(bytes=raw[_ID : 2 * _ID])))
