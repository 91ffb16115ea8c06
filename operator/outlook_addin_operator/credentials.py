"""What an add-in's Secret and CA bundle say, read by name and not more often than every minute.

Secrets are neither listed nor watched: the operator sees those that an OutlookAddin names, and no other.
"""

import base64
import binascii
import hashlib
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeAlias

from outlook_addin_core.clients.certificates import holds_certificates
from outlook_addin_core.clients.credentials import (
    CERTIFICATE_KEY,
    FEDERATED_AUDIENCE,
    PRIVATE_KEY_KEY,
    ClientCertificate,
    ClientSecret,
    CredentialError,
    load_certificate,
)
from outlook_addin_core.clients.errors import Unreachable
from outlook_addin_core.domain.clock import Clock
from outlook_addin_operator.addin.objects import webhook_key
from outlook_addin_operator.addin.spec import (
    GATEWAY_SECRET,
    GRAPH_SECRET,
    PREVIOUS_WEBHOOK_KEY,
    AddinView,
    CredentialsType,
)
from outlook_addin_operator.cluster import Cluster, ClusterError, ForbiddenError
from outlook_addin_operator.keys import Object

TokenRequester: TypeAlias = Callable[[], Coroutine[Any, Any, str]]

FRESH: Final = 60.0
"""Seconds for which an answer is used again."""

_MOST = 1024
_SECRET = CredentialsType.CLIENT_SECRET
_CERTIFICATE_KEYS = (CERTIFICATE_KEY, PRIVATE_KEY_KEY)


@dataclass(frozen=True)
class Problem:
    """Why something that the spec names cannot be used, and what to do."""

    reason: str
    message: str


@dataclass(frozen=True, repr=False)
class Credentials:
    """What proves who we are. Has no representation: it must not end up in a log.

    Args:
        values: The used keys of the Secrets that are there.
        ca_bundle: PEM certificates to trust beside the system's; None if none are configured.
        webhook_key: The key of the client states; None while there is none.
        problem: What is missing, if something is.
        previous_webhook_key: The one before, which subscriptions may still carry.
        credential: The client secret or certificate; None while there is none, and with workload identity.
        federated: Asks for a token of the add-in's service account; only with workload identity.
    """

    values: Mapping[str, str]
    ca_bundle: str | None
    webhook_key: bytes | None
    problem: Problem | None
    previous_webhook_key: bytes | None = None
    credential: ClientSecret | ClientCertificate | None = None
    federated: TokenRequester | None = None

    @property
    def fingerprint(self) -> str:
        """A digest that changes with the credentials; kept in memory only."""
        parts = [*sorted(f"{key}={value}" for key, value in self.values.items()), self.ca_bundle or ""]
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()

    @property
    def expires(self) -> datetime | None:
        """When the certificate ends, if that is what we have."""
        return self.credential.expires if isinstance(self.credential, ClientCertificate) else None


class CredentialsReader:
    """Reads the credentials of add-ins."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._read: dict[tuple[str, str, str], tuple[float, Object | None]] = {}
        self._complete: dict[str, Credentials] = {}

    async def read_to_clean_up(self, view: AddinView) -> Credentials:
        """Return the credentials of an add-in; those of before if its Secrets went together with it."""
        found = await self.read(view)
        return found if found.problem is None else self._complete.get(view.owner.uid, found)

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
        certificate = await self._certificate(view, secret)
        found = interpret(view, secret, own, bundle, certificate)
        if view.credentials_type is CredentialsType.WORKLOAD_IDENTITY:
            found = replace(found, federated=partial(self._federated, namespace, view.owner.name))
        if found.problem is None:
            self._keep(view, found)
        return found

    def _keep(self, view: AddinView, found: Credentials) -> None:
        if len(self._complete) >= _MOST:
            self._complete.clear()
        self._complete[view.owner.uid] = found

    async def _certificate(self, view: AddinView, secret: Object | None) -> Object | None:
        """Return the Secret with the certificate: the same one unless the spec names another."""
        if view.credentials_type is not CredentialsType.CERTIFICATE:
            return None
        if view.certificate_secret_name == view.secret_name:
            return secret
        return await self._get("Secret", view.owner.namespace, view.certificate_secret_name)

    async def _federated(self, namespace: str, name: str) -> str:
        try:
            return await self._cluster.service_account_token(namespace, name, audience=FEDERATED_AUDIENCE)
        except ForbiddenError as error:
            raise CredentialError(
                "the operator may not ask for tokens of service accounts; install the component "
                "manifests/components/workload-identity"
            ) from error
        except ClusterError as error:
            message = "no token of the service account is to be had"
            raise Unreachable(message, operation="kubernetes.token", excerpt=str(error)) from error

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
    certificate: Mapping[str, Any] | None = None,
) -> Credentials:
    """Return what the objects hold, and what is missing for synchronisation."""
    values = _values(view, secret, certificate)
    reference = view.ca_bundle_ref
    ca_bundle = ((bundle or {}).get("data") or {}).get(reference[1]) if reference else None
    problem = _missing(view, secret, certificate, values) or no_bundle(view, ca_bundle)
    credential: ClientSecret | ClientCertificate | None = None
    if problem is None:
        credential, problem = _credential(view, values)
    return Credentials(
        values=values,
        ca_bundle=ca_bundle,
        webhook_key=webhook_key.read(own),
        problem=problem,
        previous_webhook_key=webhook_key.read(own, PREVIOUS_WEBHOOK_KEY),
        credential=credential,
    )


def _values(
    view: AddinView, secret: Mapping[str, Any] | None, certificate: Mapping[str, Any] | None
) -> dict[str, str]:
    """Return what is there of what is used."""
    own: tuple[str, ...] = (GATEWAY_SECRET,)
    if view.credentials_type is _SECRET:
        own = (GRAPH_SECRET, GATEWAY_SECRET, *_tracing_keys(view, secret))
    found = {key: text for key in own if (text := _text(secret, key))}
    if view.credentials_type is CredentialsType.CERTIFICATE:
        found |= {key: text for key in _CERTIFICATE_KEYS if (text := _text(certificate, key))}
    return found


def _tracing_keys(view: AddinView, secret: Mapping[str, Any] | None) -> list[str]:
    """Return the settings of OpenTelemetry, which the pods take from the Secret as variables."""
    stored = (secret or {}).get("data") or {}
    return sorted(key for key in stored if key.startswith("OTEL_")) if view.spec.get("tracing") else []


def _missing(
    view: AddinView,
    secret: Mapping[str, Any] | None,
    certificate: Mapping[str, Any] | None,
    values: Mapping[str, str],
) -> Problem | None:
    """Name the first Secret that does not exist or lacks something."""
    needed: list[tuple[str, Mapping[str, Any] | None, tuple[str, ...]]] = [
        (view.secret_name, secret, (GATEWAY_SECRET,))
    ]
    if view.credentials_type is _SECRET:
        needed = [(view.secret_name, secret, (GRAPH_SECRET, GATEWAY_SECRET))]
    elif view.credentials_type is CredentialsType.CERTIFICATE:
        needed.append((view.certificate_secret_name, certificate, _CERTIFICATE_KEYS))
    for name, body, keys in needed:
        if body is None:
            message = f"Secret {name} does not exist; create it with {' and '.join(keys)}."
            return Problem("SecretNotFound", message)
        missing = " and ".join(key for key in keys if key not in values)
        if missing:
            return Problem("SecretKeyMissing", f"Secret {name} has no value for {missing}; add it.")
    return None


def no_bundle(view: AddinView, ca_bundle: str | None) -> Problem | None:
    """Say that the CA bundle is missing or unreadable, if one is asked for; no pod starts without it."""
    if not view.ca_bundle_ref:
        return None
    name, key = view.ca_bundle_ref
    if not ca_bundle:
        return Problem("CABundleNotFound", f"ConfigMap {name} with the key {key} does not exist; create it.")
    if not holds_certificates(ca_bundle):
        message = f"ConfigMap {name} holds no readable PEM certificates under the key {key}; correct it."
        return Problem("InvalidCABundle", message)
    return None


def _credential(
    view: AddinView, values: Mapping[str, str]
) -> tuple[ClientSecret | ClientCertificate | None, Problem | None]:
    match view.credentials_type:
        case CredentialsType.CLIENT_SECRET:
            return ClientSecret(values[GRAPH_SECRET]), None
        case CredentialsType.WORKLOAD_IDENTITY:
            return None, None
        case CredentialsType.CERTIFICATE:
            try:
                return load_certificate(values[CERTIFICATE_KEY], values[PRIVATE_KEY_KEY]), None
            except CredentialError as error:
                message = f"Secret {view.certificate_secret_name} cannot be used: {error}."
                return None, Problem("CertificateInvalid", message)


def _text(secret: Mapping[str, Any] | None, key: str) -> str:
    encoded = ((secret or {}).get("data") or {}).get(key) or ""
    try:
        return base64.b64decode(encoded).decode().strip()
    except (binascii.Error, ValueError):
        return ""
