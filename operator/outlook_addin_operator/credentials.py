"""What an add-in's Secret and CA bundle say, read by name and not more often than every minute.

Secrets are neither listed nor watched: the operator sees those that an OutlookAddin names, and no other.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from outlook_addin_core.domain.clock import Clock
from outlook_addin_operator.addin.objects import webhook_key
from outlook_addin_operator.addin.spec import GATEWAY_SECRET, GRAPH_SECRET, PREVIOUS_WEBHOOK_KEY, AddinView
from outlook_addin_operator.cluster import Cluster
from outlook_addin_operator.keys import Object

FRESH: Final = 60.0
"""Seconds for which an answer is used again."""

_MOST = 1024


@dataclass(frozen=True)
class Problem:
    """Why the credentials cannot be used, and what to do."""

    reason: str
    message: str


@dataclass(frozen=True, repr=False)
class Credentials:
    """What proves who we are. Has no representation: it must not end up in a log.

    Args:
        values: The used keys of the Secret that are there.
        ca_bundle: PEM certificates to trust beside the system's; None if none are configured.
        webhook_key: The key of the client states; None while there is none.
        previous_webhook_key: The one before, which subscriptions may still carry.
        problem: What is missing, if something is.
    """

    values: Mapping[str, str]
    ca_bundle: str | None
    webhook_key: bytes | None
    problem: Problem | None
    previous_webhook_key: bytes | None = None

    @property
    def fingerprint(self) -> str:
        """A digest that changes with the credentials; kept in memory only."""
        parts = [*sorted(f"{key}={value}" for key, value in self.values.items()), self.ca_bundle or ""]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class CredentialsReader:
    """Reads the credentials of add-ins."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._read: dict[tuple[str, str, str], tuple[float, Object | None]] = {}

    async def read(self, view: AddinView, *, fresh: bool = False) -> Credentials:
        """Return the credentials of an add-in.

        Args:
            view: The add-in.
            fresh: Whether to read again what was read less than a minute ago.
        """
        if fresh:
            self._forget(view.owner.namespace)
        namespace = view.owner.namespace
        secret = await self._get("Secret", namespace, view.secret_name)
        own = await self._get("Secret", namespace, webhook_key.name(view.owner))
        bundle = (
            await self._get("ConfigMap", namespace, view.ca_bundle_ref[0]) if view.ca_bundle_ref else None
        )
        return interpret(view, secret, own, bundle)

    async def _get(self, kind: str, namespace: str, name: str) -> Object | None:
        place, now = (kind, namespace, name), self._clock.monotonic()
        known = self._read.get(place)
        if known is not None and now - known[0] < FRESH:
            return known[1]
        body = await self._cluster.get(kind, namespace, name)
        if len(self._read) >= _MOST:
            self._read.clear()
        self._read[place] = (now, body)
        return body

    def _forget(self, namespace: str) -> None:
        self._read = {place: value for place, value in self._read.items() if place[1] != namespace}


def interpret(
    view: AddinView,
    secret: Mapping[str, Any] | None,
    own: Mapping[str, Any] | None,
    bundle: Mapping[str, Any] | None,
) -> Credentials:
    """Return what the objects hold, and what is missing for synchronisation."""
    values = {key: text for key in (GRAPH_SECRET, GATEWAY_SECRET) if (text := _text(secret, key))}
    reference = view.ca_bundle_ref
    ca_bundle = ((bundle or {}).get("data") or {}).get(reference[1]) if reference else None
    return Credentials(
        values=values,
        ca_bundle=ca_bundle,
        webhook_key=webhook_key.read(own),
        problem=_problem(view, secret, values, ca_bundle),
        previous_webhook_key=webhook_key.read(own, PREVIOUS_WEBHOOK_KEY),
    )


def _problem(
    view: AddinView, secret: Mapping[str, Any] | None, values: Mapping[str, str], ca_bundle: str | None
) -> Problem | None:
    if secret is None:
        message = (
            f"Secret {view.secret_name} does not exist; create it with {GRAPH_SECRET} and {GATEWAY_SECRET}."
        )
        return Problem("SecretNotFound", message)
    missing = [key for key in (GRAPH_SECRET, GATEWAY_SECRET) if key not in values]
    if missing:
        keys = " and ".join(missing)
        return Problem("SecretKeyMissing", f"Secret {view.secret_name} has no value for {keys}; add it.")
    if view.ca_bundle_ref and not ca_bundle:
        name, key = view.ca_bundle_ref
        return Problem("CABundleNotFound", f"ConfigMap {name} with the key {key} does not exist; create it.")
    return None


def _text(secret: Mapping[str, Any] | None, key: str) -> str:
    encoded = ((secret or {}).get("data") or {}).get(key) or ""
    try:
        return base64.b64decode(encoded).decode().strip()
    except (binascii.Error, ValueError):
        return ""
