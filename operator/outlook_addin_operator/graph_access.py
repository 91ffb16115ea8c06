"""One Graph client per add-in and tenant, kept for as long as what it was made from stays the same."""

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from outlook_addin_core.clients.graph_subscriptions import GraphSubscriptions
from outlook_addin_core.clients.http import make_client, trust
from outlook_addin_core.clients.tokens import TokenSource
from outlook_addin_core.domain.clock import Clock
from outlook_addin_operator.addin.spec import GRAPH_SECRET, AddinView
from outlook_addin_operator.credentials import Credentials
from outlook_addin_operator.ratelimit import TokenBucket

RETIREMENT: Final = 300.0
"""Seconds that a replaced client lives on, for calls that still use it."""


@dataclass
class GraphAccess:
    """What a reconcile needs to work on subscriptions in one tenant."""

    subscriptions: GraphSubscriptions
    bucket: TokenBucket
    client: httpx2.AsyncClient
    tokens: TokenSource
    fingerprint: str

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.aclose()
        await self.tokens.aclose()


class GraphAccessCache:
    """Makes and keeps the clients.

    Args:
        observe: Is told every request to Graph and Entra.
    """

    def __init__(self, clock: Clock, observe: Callable[[str, str], None]) -> None:
        self._clock = clock
        self._observe = observe
        self._entries: dict[tuple[str, str], GraphAccess] = {}
        self._buckets: dict[tuple[str, str], TokenBucket] = {}
        self._retired: list[tuple[float, GraphAccess]] = []
        self._folder = Path(tempfile.mkdtemp(prefix="outlook-addin-ca-"))

    def get(self, view: AddinView, tenant_id: str, credentials: Credentials) -> GraphAccess:
        """Return the client of an add-in in a tenant; a new one when its secret or settings changed.

        Raises:
            ssl.SSLError: The CA bundle holds no certificates.
        """
        place = (view.owner.uid, tenant_id)
        fingerprint = _fingerprint(view, credentials)
        known = self._entries.get(place)
        if known is not None and known.fingerprint == fingerprint:
            return known
        made = self._make(view, tenant_id, credentials, fingerprint)
        if known is not None:
            self._retired.append((self._clock.monotonic() + RETIREMENT, known))
        self._entries[place] = made
        return made

    async def close_retired(self) -> None:
        """Close clients that were replaced some minutes ago."""
        now = self._clock.monotonic()
        due = [access for at, access in self._retired if at <= now]
        self._retired = [(at, access) for at, access in self._retired if at > now]
        for access in due:
            await access.aclose()

    async def aclose(self) -> None:
        """Close all clients."""
        for access in [*self._entries.values(), *(access for _, access in self._retired)]:
            await access.aclose()
        self._entries.clear()
        self._retired.clear()

    def _make(
        self, view: AddinView, tenant_id: str, credentials: Credentials, fingerprint: str
    ) -> GraphAccess:
        config, bundle = view.config, self._bundle(credentials.ca_bundle)
        proxy = view.spec.get("proxy") or {}
        authority = config.tenant_authority(tenant_id)
        graph_proxy, entra_proxy = proxy_for(config.graph_url, proxy), proxy_for(authority, proxy)
        context = trust(bundle)
        client = make_client(
            base_url=config.graph_url,
            ca_bundle=bundle,
            transport=httpx2.AsyncHTTPTransport(verify=context, proxy=graph_proxy) if graph_proxy else None,
        )
        tokens = TokenSource(
            authority,
            config.client_id,
            credentials.values[GRAPH_SECRET],
            f"{config.graph_url}/.default",
            ca_bundle=bundle,
            transport=httpx2.HTTPTransport(verify=context, proxy=entra_proxy) if entra_proxy else None,
            observe=self._observe,
        )
        bucket = self._buckets.setdefault((config.client_id, tenant_id), TokenBucket(self._clock))
        subscriptions = GraphSubscriptions(client, tokens, observe=self._observe)
        return GraphAccess(subscriptions, bucket, client, tokens, fingerprint)

    def _bundle(self, pem: str | None) -> Path | None:
        """Return a file with the certificates: TLS libraries read authorities from files."""
        if pem is None:
            return None
        path = self._folder / f"{hashlib.sha256(pem.encode()).hexdigest()[:16]}.pem"
        if not path.exists():
            path.write_text(pem)
        return path


def proxy_for(url: str, proxy: Mapping[str, Any]) -> str | None:
    """Return the proxy that leads to a URL, by the customary meaning of NO_PROXY; None for none."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    chosen: str | None = proxy.get("httpsProxy" if parts.scheme == "https" else "httpProxy")
    excluded = [item.strip().lower() for item in (proxy.get("noProxy") or "").split(",")]
    return None if any(_matches(host, item) for item in excluded if item) else chosen


def _matches(host: str, pattern: str) -> bool:
    domain = pattern.removeprefix("*").removeprefix(".")
    return pattern == "*" or host == domain or host.endswith(f".{domain}")


def _fingerprint(view: AddinView, credentials: Credentials) -> str:
    config = view.config
    parts = (config.client_id, config.authority, config.graph_url, str(view.spec.get("proxy")))
    return hashlib.sha256("\0".join((*parts, credentials.fingerprint)).encode()).hexdigest()
