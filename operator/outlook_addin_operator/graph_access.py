"""One Graph client per add-in and tenant, kept for as long as what it was made from stays the same."""

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2

from outlook_addin_core.clients.credentials import Credential, FederatedToken
from outlook_addin_core.clients.errors import Unreachable
from outlook_addin_core.clients.graph_applications import GraphApplications
from outlook_addin_core.clients.graph_subscriptions import GraphSubscriptions
from outlook_addin_core.clients.http import TIMEOUT, make_client, trust
from outlook_addin_core.clients.tokens import TokenSource
from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.token_bucket import TokenBucket
from outlook_addin_operator.addin.spec import AddinView
from outlook_addin_operator.credentials import Credentials, TokenRequester
from outlook_addin_operator.ratelimit import ALL_TENANTS_BURST, ALL_TENANTS_RATE, Throttle
from outlook_addin_operator.subscription.replacements import Replacements

RETIREMENT: Final = 300.0
"""Seconds that a replaced client lives on, for calls that still use it."""


@dataclass
class GraphAccess:
    """What a reconcile needs to work on subscriptions in one tenant."""

    subscriptions: GraphSubscriptions
    applications: GraphApplications
    throttle: Throttle
    replacements: Replacements
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
        self._throttles: dict[tuple[str, str], Throttle] = {}
        self._all_tenants: dict[str, TokenBucket] = {}
        self._replacements: dict[tuple[str, str], Replacements] = {}
        self._retired: list[tuple[float, GraphAccess]] = []

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
            self._retire(known)
        self._entries[place] = made
        return made

    def forget(self, installation: str) -> None:
        """Let go of the clients of an add-in that is gone."""
        for place in [place for place in self._entries if place[0] == installation]:
            self._retire(self._entries.pop(place))

    def _retire(self, access: GraphAccess) -> None:
        self._retired.append((self._clock.monotonic() + RETIREMENT, access))

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
        config, bundle = view.config, credentials.ca_bundle
        proxy = view.spec.get("proxy") or {}
        authority = config.tenant_authority(tenant_id)
        graph_proxy, entra_proxy = proxy_for(config.graph_url, proxy), proxy_for(authority, proxy)
        # noProxy leads past the proxies of our own environment, too, which count if the spec has none
        decided = bool(proxy.get("httpProxy") or proxy.get("httpsProxy"))
        context = trust(bundle)
        client = make_client(
            base_url=config.graph_url,
            ca_bundle=bundle,
            transport=httpx2.AsyncHTTPTransport(verify=context, proxy=graph_proxy) if decided else None,
        )
        tokens = TokenSource(
            authority,
            config.client_id,
            _credential(credentials),
            f"{config.graph_url}/.default",
            ca_bundle=bundle,
            transport=httpx2.HTTPTransport(verify=context, proxy=entra_proxy) if decided else None,
            observe=self._observe,
        )
        throttle = self._throttles.setdefault((config.client_id, tenant_id), self._throttle(config.client_id))
        subscriptions = GraphSubscriptions(client, tokens, observe=self._observe)
        applications = GraphApplications(client, tokens, observe=self._observe)
        replacements = self._replacements.setdefault((config.client_id, tenant_id), Replacements(self._clock))
        return GraphAccess(subscriptions, applications, throttle, replacements, client, tokens, fingerprint)

    def _throttle(self, client_id: str) -> Throttle:
        """Return a tenant's limit, which knows the one over all tenants of the app registration."""
        every = TokenBucket(self._clock, ALL_TENANTS_RATE, ALL_TENANTS_BURST)
        return Throttle(self._clock, shared=self._all_tenants.setdefault(client_id, every))


def _credential(credentials: Credentials) -> Credential:
    """Return what the tokens are asked for with."""
    if credentials.federated is not None:
        return FederatedToken(_from_thread(credentials.federated))
    if credentials.credential is None:
        raise ValueError(
            "nothing is asked of Graph while the credentials have a problem"
        )  # decide() sees to it
    return credentials.credential


def _from_thread(ask: TokenRequester) -> Callable[[], str]:
    """Return a function that asks on this event loop, for msal, which works in a thread."""
    loop = asyncio.get_running_loop()

    def read() -> str:
        try:
            return asyncio.run_coroutine_threadsafe(ask(), loop).result(TIMEOUT)
        except TimeoutError as error:
            message = "the API server gave no token in time"
            raise Unreachable(message, operation="kubernetes.token") from error

    return read


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
    kind = view.credentials_type.value
    return hashlib.sha256("\0".join((*parts, kind, credentials.fingerprint)).encode()).hexdigest()
