"""The Secret with the key that proves that a notification was asked for by us."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final

from outlook_addin_operator.addin.objects.labels import metadata
from outlook_addin_operator.addin.spec import WEBHOOK_KEY, Owner
from outlook_addin_operator.keys import Object

LENGTH: Final = 32


def name(owner: Owner) -> str:
    """Return the name of the Secret."""
    return f"{owner.name}-webhook-key"


def build(owner: Owner, key: bytes) -> Object:
    """Return the Secret; it is created once and never changed by us, because live subscriptions depend on it.

    Whoever changes the key moves the old one to ``previous``: it is accepted as well.
    """
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": metadata(owner, name(owner)),
        "stringData": {WEBHOOK_KEY: base64.urlsafe_b64encode(key).decode()},
    }


def read(secret: Mapping[str, Any] | None, name: str = WEBHOOK_KEY) -> bytes | None:
    """Return the key that a Secret holds under a name; None if there is none that can be used."""
    text = ((secret or {}).get("data") or {}).get(name)
    try:
        encoded = base64.b64decode(text or "").strip()
        key = base64.urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4))
    except (binascii.Error, ValueError):
        return None
    return key if len(key) >= LENGTH else None
