"""Who is calling: access tokens that Entra issued to an agent for this add-in, and nothing else.

Accepted are v2.0 user tokens of one of the configured tenants for our own app registration. The rules are
those of learn.microsoft.com/entra/identity-platform/claims-validation; each refusal says in words what is
wrong, because the first person to read it is somebody who sets the app registration up.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

import httpx2
import jwt
from jwt.types import Options

from outlook_addin_core.clients.errors import ClientError, ServerError
from outlook_addin_core.clients.http import Observer, read_object, request, unobserved
from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_core.domain.mailbox import Mailbox

ALGORITHM: Final = "RS256"
PERSONAL_TENANT: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"
"""The tenant of all personal accounts (learn.microsoft.com/entra/identity-platform/id-token-claims)."""
LEEWAY: Final = timedelta(minutes=1)
LONGEST_TOKEN: Final = 16_384
LONGEST_ADDRESS: Final = 320
KEYS_LIVE: Final = timedelta(hours=24)
KEYS_REST: Final = timedelta(minutes=1)
"""An unknown key id has the keys fetched again, but not more often than this."""
KEYS_RETRY: Final = timedelta(seconds=5)
"""How long Entra is left alone when they could not be had."""

_OPTIONS: Final[Options] = {
    "require": ["exp", "iss", "aud", "tid", "oid"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}
"""Times are compared with our own clock."""


class TokenRefused(Exception):  # noqa: N818 - says what happened
    """The token does not prove who is calling; the text says why and is fit for the caller's eyes."""


@dataclass(frozen=True)
class Caller:
    """The agent that a token speaks for.

    Args:
        address: For people who look at the CalendarSubscription; never for logs.
    """

    mailbox: Mailbox
    address: str | None


@dataclass(frozen=True)
class _Issuer:
    name: str
    keys: Mapping[str, jwt.PyJWK]
    fetched: float


@dataclass
class _Tenant:
    """What is known of a tenant's keys.

    Args:
        turn: Held by whoever asks for them.
        rests_until: When they may be asked for again, in monotonic seconds.
    """

    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    issuer: _Issuer | None = None
    rests_until: float = 0.0


class UserTokens:
    """Verifies access tokens; keys are fetched from the tenant's OpenID configuration and kept for a day.

    Args:
        config: Names the app registration, the tenants and the authority.
        client: Made with the authority's URL.
    """

    def __init__(
        self, config: AddinConfig, client: httpx2.AsyncClient, clock: Clock, *, observe: Observer = unobserved
    ) -> None:
        self._config = config
        self._client = client
        self._clock = clock
        self._observe = observe
        self._tenants = {tenant_id: _Tenant() for tenant_id in config.tenant_ids}

    async def verify(self, token: str) -> Caller:
        """Return whose token it is.

        Raises:
            TokenRefused: It is not one that we accept.
            ClientError: Entra's keys cannot be had.
        """
        kid, tenant_id = self._peek(token)
        issuer, key = await self._key(tenant_id, kid)
        claims = self._checked(token, key, issuer)
        self._check_times(claims)
        self._check_delegated(claims)
        return _caller(claims)

    def _peek(self, token: str) -> tuple[str, str]:
        """Return the key id and the tenant that an unverified token names, if they may be asked about."""
        if len(token) > LONGEST_TOKEN:
            raise TokenRefused("The token is too long.")
        if not token.isascii():
            raise TokenRefused("The token is not a JSON Web Token.")
        try:
            header = jwt.get_unverified_header(token)
            claims = jwt.decode(token, options={"verify_signature": False})
        except jwt.InvalidTokenError as error:
            raise TokenRefused("The token is not a JSON Web Token.") from error
        if header.get("alg") != ALGORITHM:
            raise TokenRefused(f"The token is not signed with {ALGORITHM}.")
        tenant_id = str(claims.get("tid") or "").lower()
        if tenant_id == PERSONAL_TENANT:
            raise TokenRefused(
                "Personal Microsoft accounts cannot use this add-in; sign in with a work account."
            )
        if tenant_id not in self._tenants:
            raise TokenRefused("The token's tenant is not among the tenantIds of this add-in.")
        return str(header.get("kid") or ""), tenant_id

    def _checked(self, token: str, key: jwt.PyJWK, issuer: str) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=self._config.client_id,
                issuer=issuer,
                options=_OPTIONS,
            )
        except jwt.InvalidAudienceError as error:
            raise TokenRefused(
                "The token was issued for another application; its audience must be the clientId. "
                "Send the access token, and set the app registration to access tokens of version 2."
            ) from error
        except jwt.InvalidIssuerError as error:
            raise TokenRefused(
                "The token was not issued by its tenant's v2.0 endpoint; "
                "set the app registration to access tokens of version 2."
            ) from error
        except jwt.MissingRequiredClaimError as error:
            raise TokenRefused(f"The token lacks the claim {error.claim}.") from error
        except jwt.InvalidTokenError as error:
            raise TokenRefused("The token's signature is not valid.") from error
        return claims

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now, leeway = self._clock.now().timestamp(), LEEWAY.total_seconds()
        expires, begins = claims["exp"], claims.get("nbf", 0)
        if not isinstance(expires, (int, float)) or not isinstance(begins, (int, float)):
            raise TokenRefused("The token's times are not numbers.")
        if now >= expires + leeway:
            raise TokenRefused("The token has expired.")
        if now < begins - leeway:
            raise TokenRefused("The token is not valid yet; compare the clocks.")

    def _check_delegated(self, claims: Mapping[str, Any]) -> None:
        """A user token carries the scopes that the user granted; an app-only token has none."""
        if claims.get("ver") != "2.0":
            raise TokenRefused("The token is not of version 2.0; set the app registration to version 2.")
        scopes = claims.get("scp")
        if claims.get("idtyp") == "app" or not isinstance(scopes, str) or not scopes.strip():
            raise TokenRefused("The token speaks for an application, not for a person.")
        wanted = self._config.token_scope.rpartition("/")[2]
        if wanted != ".default" and wanted not in scopes.split():
            raise TokenRefused(f"The token lacks the scope {wanted}.")

    async def _key(self, tenant_id: str, kid: str) -> tuple[str, jwt.PyJWK]:
        """Whoever names a key that is known waits for nobody; of all others of a tenant, one asks for all."""
        tenant = self._tenants[tenant_id]
        if self._is_due(tenant, kid):
            async with tenant.turn:
                if self._is_due(tenant, kid):
                    await self._refresh(tenant_id, tenant)
        if tenant.issuer is None:
            raise ServerError("the tenant's keys could not be had a moment ago", operation="entra.keys")
        if kid not in tenant.issuer.keys:
            raise TokenRefused("The token is signed with a key that its tenant does not publish.")
        return tenant.issuer.name, tenant.issuer.keys[kid]

    def _is_due(self, tenant: _Tenant, kid: str) -> bool:
        now, issuer = self._clock.monotonic(), tenant.issuer
        if now < tenant.rests_until:
            return False
        return issuer is None or kid not in issuer.keys or now - issuer.fetched > KEYS_LIVE.total_seconds()

    async def _refresh(self, tenant_id: str, tenant: _Tenant) -> None:
        """Fetch the keys; while Entra cannot be asked, those that are known go on being used."""
        rest = KEYS_RETRY
        try:
            tenant.issuer, rest = await self._fetch(tenant_id), KEYS_REST
        except ClientError:
            if tenant.issuer is None:
                raise
        finally:
            tenant.rests_until = self._clock.monotonic() + rest.total_seconds()

    async def _fetch(self, tenant_id: str) -> _Issuer:
        url = f"{self._config.tenant_authority(tenant_id)}/v2.0/.well-known/openid-configuration"
        document = await self._json(url, "entra.discovery")
        name, keys_url = document.get("issuer"), document.get("jwks_uri")
        if not isinstance(name, str) or not isinstance(keys_url, str):
            raise ServerError(
                "the OpenID configuration lacks issuer or jwks_uri", operation="entra.discovery"
            )
        keys = (await self._json(keys_url, "entra.keys")).get("keys")
        return _Issuer(name, _usable_keys(keys), self._clock.monotonic())

    async def _json(self, url: str, operation: str) -> dict[str, Any]:
        response = await request(self._client, "GET", url, operation=operation, observe=self._observe)
        return read_object(response, operation)


def _usable_keys(keys: Any) -> dict[str, jwt.PyJWK]:
    """Return the RSA keys by their ids; keys of kinds that we do not know are none of our business."""
    found: dict[str, jwt.PyJWK] = {}
    for item in keys if isinstance(keys, list) else ():
        if isinstance(item, dict) and item.get("kty") == "RSA" and item.get("use", "sig") == "sig":
            try:
                found[str(item["kid"])] = jwt.PyJWK(item, ALGORITHM)
            except (KeyError, jwt.PyJWTError):
                continue
    return found


def _caller(claims: Mapping[str, Any]) -> Caller:
    try:
        mailbox = Mailbox(str(claims["tid"]).lower(), str(claims["oid"]).lower())
    except ValueError as error:
        raise TokenRefused("The token's tid or oid is not a GUID.") from error
    address = claims.get("preferred_username")
    usable = isinstance(address, str) and 0 < len(address) <= LONGEST_ADDRESS
    return Caller(mailbox, str(address) if usable else None)
