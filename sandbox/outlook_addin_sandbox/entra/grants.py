"""The token endpoint's three grants: client credentials, authorization code with PKCE, refresh token."""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from outlook_addin_sandbox.entra import assertions
from outlook_addin_sandbox.entra.directory import (
    GRAPH_RESOURCE,
    SHARED_TENANTS,
    AppRegistration,
    Directory,
    User,
    check_secret,
)
from outlook_addin_sandbox.entra.errors import EntraError
from outlook_addin_sandbox.entra.tokens import LIFETIME, TokenIssuer, client_info
from outlook_addin_sandbox.serving import Clock

CODE_LIFETIME = timedelta(minutes=10)
OPENID_SCOPES = frozenset({"openid", "profile", "email", "offline_access"})


@dataclass(frozen=True)
class PendingCode:
    """A sign-in that waits for its code to be redeemed."""

    user: User
    client_id: str
    redirect_uri: str
    scope: str
    challenge: str
    nonce: str | None
    expires: datetime


class Grants:
    """Turns what a client presents into tokens.

    Args:
        directory: users and applications.
        issuer: signs the tokens.
        now: the clock for expiry.
        graph_urls: further names of Graph, for instance the address of its simulator.
    """

    def __init__(self, directory: Directory, issuer: TokenIssuer, now: Clock, graph_urls: set[str]) -> None:
        self._directory = directory
        self._issuer = issuer
        self._now = now
        self._graph_urls = graph_urls
        self._codes: dict[str, PendingCode] = {}
        self._refresh_tokens: dict[str, tuple[User, str]] = {}

    def redeem(self, tenant: str, form: Mapping[str, str]) -> dict[str, Any]:
        """Answer a token request.

        Raises:
            EntraError: the request is refused.
        """
        self._directory.check_tenant(tenant)
        app = self._directory.app_in(_required(form, "client_id"), tenant)
        match _required(form, "grant_type"):
            case "client_credentials":
                return self._client_credentials(tenant, app, form)
            case "authorization_code":
                return self._authorization_code(app, form)
            case "refresh_token":
                return self._refresh(app, form)
            case other:
                raise EntraError(70003, f"The app requested an unsupported grant type '{other}'.")

    def code_for(self, user: User, request: Mapping[str, str]) -> str:
        """Remember a completed sign-in and return its code."""
        code = secrets.token_urlsafe(32)
        self._codes[code] = PendingCode(
            user=user,
            client_id=request["client_id"],
            redirect_uri=request["redirect_uri"],
            scope=request.get("scope", ""),
            challenge=request["code_challenge"],
            nonce=request.get("nonce"),
            expires=self._now() + CODE_LIFETIME,
        )
        return code

    def tokens_for(self, user: User, app: AppRegistration, scope: str, nonce: str | None) -> dict[str, Any]:
        """Return access, ID and refresh token of a signed-in user."""
        audience, granted = self._delegated(app, scope)
        refresh_token = secrets.token_urlsafe(48)
        self._refresh_tokens[refresh_token] = (user, app.client_id)
        seconds = int(LIFETIME.total_seconds())
        return {
            "token_type": "Bearer",
            "scope": f"{audience}/{granted} openid profile email offline_access",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": self._issuer.for_user(user, app.client_id, audience, granted),
            "refresh_token": refresh_token,
            "id_token": self._issuer.identity(user, app.client_id, nonce),
            "client_info": client_info(user),
        }

    def _client_credentials(
        self, tenant: str, app: AppRegistration, form: Mapping[str, str]
    ) -> dict[str, Any]:
        if tenant in SHARED_TENANTS:
            raise EntraError(90002, f"Tenant '{tenant}' cannot issue app-only tokens; name a tenant.")
        self._authenticate(tenant, app, form)
        resource = self._app_only_resource(_required(form, "scope"))
        roles = app.tenants[tenant] if self._is_graph(resource) else ()
        seconds = int(LIFETIME.total_seconds())
        return {
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": self._issuer.for_app(tenant, app.client_id, resource, roles),
        }

    def _authenticate(self, tenant: str, app: AppRegistration, form: Mapping[str, str]) -> None:
        """Check what the application proves itself with."""
        if "client_secret" in form:
            check_secret(app, form["client_secret"], self._now())
        elif "client_assertion" in form:
            presented = assertions.read(form)
            if presented.claims.get("iss") == app.client_id:
                audience = f"{self._issuer.origin}/{tenant}/oauth2/v2.0/token"
                assertions.check_certificate(
                    presented, app.certificates, app.client_id, audience, self._now()
                )
            else:
                assertions.check_federated(presented, app.federated, self._now())
        else:
            raise EntraError(
                7000218,
                "The request body must contain the parameter 'client_assertion' or 'client_secret'.",
            )

    def _authorization_code(self, app: AppRegistration, form: Mapping[str, str]) -> dict[str, Any]:
        pending = self._codes.pop(_required(form, "code"), None)
        if pending is None or pending.expires <= self._now() or pending.client_id != app.client_id:
            raise EntraError(
                70008, "The provided authorization code or refresh token has expired or was used."
            )
        if pending.redirect_uri != form.get("redirect_uri"):
            raise EntraError(
                50011, "The redirect URI of the request is not the one that the code was issued for."
            )
        if _challenge(form.get("code_verifier", "")) != pending.challenge:
            raise EntraError(
                501481, "The Code_Verifier does not match the code_challenge of the authorization."
            )
        return self.tokens_for(pending.user, app, form.get("scope") or pending.scope, pending.nonce)

    def _refresh(self, app: AppRegistration, form: Mapping[str, str]) -> dict[str, Any]:
        user, client_id = self._refresh_tokens.get(_required(form, "refresh_token"), (None, ""))
        if user is None or client_id != app.client_id:
            raise EntraError(
                70008, "The provided authorization code or refresh token has expired or was used."
            )
        return self.tokens_for(user, app, form.get("scope", ""), None)

    def _app_only_resource(self, scope: str) -> str:
        resource, separator, rest = scope.rpartition("/")
        if not separator or rest != ".default" or not self._known(resource):
            raise EntraError(
                70011,
                f"The provided request must include a 'scope' input parameter. The provided value '{scope}' "
                "is not valid: an app-only scope is a known resource followed by '/.default'.",
            )
        return resource.removeprefix("api://")

    def _delegated(self, app: AppRegistration, scope: str) -> tuple[str, str]:
        """Return audience and granted scope; plain sign-in gets a token for the application itself."""
        wanted = [each for each in scope.split() if each not in OPENID_SCOPES]
        if not wanted:
            return app.client_id, app.scope
        resource, separator, name = wanted[0].rpartition("/")
        target = self._directory.apps.get(resource.removeprefix("api://"))
        if not separator or target is None or name not in {".default", target.scope}:
            raise EntraError(
                70011, f"The provided value for the input parameter 'scope' is not valid: '{scope}'."
            )
        return target.client_id, target.scope

    def _known(self, resource: str) -> bool:
        return self._is_graph(resource) or resource.removeprefix("api://") in self._directory.apps

    def _is_graph(self, resource: str) -> bool:
        return resource.rstrip("/") in self._graph_urls | {GRAPH_RESOURCE}


def _required(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise EntraError(900144, f"The request body must contain the following parameter: '{name}'.")
    return form[name]


def _challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
