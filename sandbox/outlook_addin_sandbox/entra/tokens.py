"""Signed tokens (RS256 JWTs in the v2.0 form) and the key that others verify them with."""

import base64
import hashlib
import json
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from outlook_addin_sandbox.entra.directory import User
from outlook_addin_sandbox.serving import Clock

LIFETIME = timedelta(seconds=3599)


class InvalidTokenError(Exception):
    """A bearer token that Entra did not issue, or that has expired."""


class TokenIssuer:
    """Issues and verifies the tokens of every tenant with one key.

    Args:
        origin: scheme, host and port of Entra; issuers are `{origin}/{tenant}/v2.0`.
        now: the clock behind `iat` and `exp`.
    """

    def __init__(self, origin: str, now: Clock) -> None:
        self.origin = origin
        self._now = now
        self._key = _signing_key()
        numbers = str(self._key.public_key().public_numbers().n)
        self._key_id = hashlib.sha256(numbers.encode()).hexdigest()[:27]

    def issuer(self, tenant: str) -> str:
        """Return the issuer of a tenant's tokens."""
        return f"{self.origin}/{tenant}/v2.0"

    def key_set(self) -> dict[str, Any]:
        """Return the JSON Web Key Set."""
        key = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**key, "kid": self._key_id, "use": "sig", "alg": "RS256"}]}

    def for_app(self, tenant: str, client_id: str, audience: str, roles: tuple[str, ...]) -> str:
        """Return an app-only access token; without roles the claim is absent, as in the real service."""
        claims = {"aud": audience, "azp": client_id, "azpacr": "1", "idtyp": "app"}
        principal = service_principal_id(tenant, client_id)
        granted = {"roles": list(roles)} if roles else {}
        return self._sign(tenant, {**claims, **granted, "oid": principal, "sub": principal})

    def for_user(self, user: User, client_id: str, audience: str, scope: str) -> str:
        """Return a delegated access token."""
        return self._sign(
            user.tenant_id,
            {"aud": audience, "azp": client_id, "azpacr": "0", "scp": scope, **_person(user, client_id)},
        )

    def identity(self, user: User, client_id: str, nonce: str | None) -> str:
        """Return an ID token."""
        extra = {"nonce": nonce} if nonce else {}
        return self._sign(user.tenant_id, {"aud": client_id, **_person(user, client_id), **extra})

    def verify(self, token: str) -> dict[str, Any]:
        """Return the claims of a token that this issuer signed and that has not expired.

        Raises:
            InvalidTokenError: it is neither.
        """
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key.public_key(),
                algorithms=["RS256"],
                options={"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError as error:
            raise InvalidTokenError("The token is not valid.") from error
        if claims["exp"] <= self._now().timestamp():
            raise InvalidTokenError("Lifetime validation failed, the token is expired.")
        return claims

    def _sign(self, tenant: str, claims: dict[str, Any]) -> str:
        issued = int(self._now().timestamp())
        common = {
            "iss": self.issuer(tenant),
            "iat": issued,
            "nbf": issued,
            "exp": issued + int(LIFETIME.total_seconds()),
            "tid": tenant,
            "uti": uuid4().hex,
            "ver": "2.0",
        }
        return jwt.encode({**common, **claims}, self._key, algorithm="RS256", headers={"kid": self._key_id})


@cache
def _signing_key() -> rsa.RSAPrivateKey:
    """Return the key of this process: making one takes longer than most tests."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def service_principal_id(tenant: str, client_id: str) -> str:
    """Return a GUID that stands for the application in that tenant."""
    return _guid(f"{tenant}/{client_id}")


def client_info(user: User) -> str:
    """Return the account identifier that MSAL asks for with `client_info=1`."""
    text = json.dumps({"uid": user.user_id, "utid": user.tenant_id})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _person(user: User, client_id: str) -> dict[str, str]:
    return {
        "oid": user.user_id,
        "sub": _guid(f"{client_id}/{user.user_id}"),
        "name": user.name,
        "preferred_username": user.address,
    }


def _guid(text: str) -> str:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"
