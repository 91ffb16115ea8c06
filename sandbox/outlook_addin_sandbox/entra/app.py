"""The HTTPS endpoints of the simulated Entra ID."""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from socket import socket
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from outlook_addin_sandbox.entra.directory import SHARED_TENANTS, AppRegistration, Directory
from outlook_addin_sandbox.entra.errors import EntraError
from outlook_addin_sandbox.entra.grants import Grants
from outlook_addin_sandbox.entra.sign_in import SignIn
from outlook_addin_sandbox.entra.tokens import TokenIssuer
from outlook_addin_sandbox.serving import Clock, Simulator, Switches, read_json

OPEN = {"Access-Control-Allow-Origin": "*"}


@dataclass
class EntraFaults(Switches):
    """Switches of the simulated Entra ID."""

    outage: bool = False
    """Token requests end in 503."""
    throttled: bool = False
    """Token requests end in 429 with Retry-After."""
    retry_after: int = 5
    """Seconds that a throttled or broken answer asks to wait."""


class Entra(Simulator):
    """Microsoft Entra ID for made-up tenants.

    Args:
        listener: the socket to serve.
        tls: TLS settings; MSAL accepts only https.
        now: the clock behind every expiry.
        directory: tenants, users and applications.
    """

    def __init__(self, listener: socket, tls: ssl.SSLContext, now: Clock, directory: Directory) -> None:
        self._faults = EntraFaults()
        super().__init__(listener, tls, now)
        self.directory = directory
        self.tokens = TokenIssuer(self.origin, now)
        self.graph_urls: set[str] = set()
        """Addresses under which Graph is known besides its real one."""
        self._grants = Grants(directory, self.tokens, now, self.graph_urls)
        self._sign_in = SignIn(directory, self._grants)
        self._routes()

    @property
    def faults(self) -> EntraFaults:
        """Behaviours and faults that can be switched."""
        return self._faults

    @property
    def url(self) -> str:
        """Scheme, host and port; an authority is this and a tenant."""
        return self.origin

    @property
    def apps(self) -> dict[str, AppRegistration]:
        """App registrations by client id; change secrets, consent and roles here."""
        return self.directory.apps

    def error(self, status: int, code: str, message: str, headers: Mapping[str, str]) -> web.Response:
        """Return an OAuth error."""
        body = {"error": code, "error_description": message, "error_codes": []}
        return web.json_response(body, status=status, headers={**OPEN, **headers})

    def naa_token(self, user_id: str, scopes: list[str], client_id: str) -> dict[str, Any]:
        """Return what the host's token broker (nested app authentication) hands to an add-in.

        Args:
            user_id: object id or address of the signed-in person.
            scopes: what the add-in asks for.
            client_id: application id of the add-in.

        Raises:
            EntraError: unknown person, application not in the tenant, or bad scope.
        """
        user = self.directory.find_user(user_id, "common")
        if user is None:
            raise EntraError(50058, "Nobody with that name is signed in.")
        app = self.directory.app_in(client_id, user.tenant_id)
        tokens = self._grants.tokens_for(user, app, " ".join(scopes), None)
        authority = f"{self.origin}/{user.tenant_id}"
        account = {
            "homeAccountId": f"{user.user_id}.{user.tenant_id}",
            "environment": f"localhost:{self.port}",
            "tenantId": user.tenant_id,
            "username": user.address,
            "localAccountId": user.user_id,
            "name": user.name,
        }
        kept = {name: tokens[name] for name in ("access_token", "id_token", "expires_in", "scope")}
        return {**kept, "authority": authority, "account": account}

    def _routes(self) -> None:
        self.app.add_routes(
            [
                web.get("/{tenant}/v2.0/.well-known/openid-configuration", self._discovery),
                web.get("/{tenant}/discovery/v2.0/keys", self._keys),
                web.get("/{tenant}/oauth2/v2.0/authorize", self._authorize),
                web.post("/{tenant}/oauth2/v2.0/token", self._token),
                web.get("/{tenant}/oauth2/v2.0/logout", self._logout),
                web.get("/{tenant}/adminconsent", self._admin_consent),
                web.post("/_sim/naa-token", self._naa_token),
                web.options("/{path:.*}", _preflight),
            ]
        )

    async def _discovery(self, request: web.Request) -> web.Response:
        tenant = request.match_info["tenant"]
        try:
            self.directory.check_tenant(tenant)
        except EntraError as error:
            return self._refuse(error)
        endpoints = f"{self.origin}/{tenant}/oauth2/v2.0"
        document = {
            "issuer": self.tokens.issuer("{tenantid}" if tenant in SHARED_TENANTS else tenant),
            "authorization_endpoint": f"{endpoints}/authorize",
            "token_endpoint": f"{endpoints}/token",
            "end_session_endpoint": f"{endpoints}/logout",
            "jwks_uri": f"{self.origin}/{tenant}/discovery/v2.0/keys",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query", "fragment"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
            "scopes_supported": ["openid", "profile", "email", "offline_access"],
        }
        return web.json_response(document, headers=OPEN)

    async def _keys(self, _: web.Request) -> web.Response:
        return web.json_response(self.tokens.key_set(), headers=OPEN)

    async def _authorize(self, request: web.Request) -> web.Response:
        try:
            return self._sign_in.authorize(request.match_info["tenant"], request)
        except EntraError as error:
            return self._refuse(error)

    async def _token(self, request: web.Request) -> web.Response:
        try:
            self._check_health()
            form = {name: str(value) for name, value in (await request.post()).items()}
            answer = self._grants.redeem(request.match_info["tenant"], form)
        except EntraError as error:
            return self._refuse(error)
        return web.json_response(answer, headers={**OPEN, "Cache-Control": "no-store"})

    async def _logout(self, request: web.Request) -> web.Response:
        target = request.query.get("post_logout_redirect_uri")
        response = (
            web.Response(status=302, headers={"Location": target}) if target else web.Response(text="Bye.")
        )
        response.del_cookie("sandbox_session")
        return response

    async def _admin_consent(self, request: web.Request) -> web.Response:
        """Install the application in a tenant with the roles that it has elsewhere, as administrators do."""
        tenant, query = request.match_info["tenant"], request.query
        app = self.apps.get(query.get("client_id", ""))
        if tenant not in self.directory.tenants or app is None:
            return self._refuse(EntraError(90002, "Name a tenant and an application that exist."))
        app.tenants[tenant] = max(app.tenants.values(), key=len, default=())
        answer = urlencode({"admin_consent": "True", "tenant": tenant, "state": query.get("state", "")})
        target = query.get("redirect_uri")
        if target is None or not app.allows_redirect(target):
            return web.Response(text="Consent given.")
        return web.Response(status=302, headers={"Location": f"{target}?{answer}"})

    async def _naa_token(self, request: web.Request) -> web.Response:
        body = await read_json(request) or {}
        try:
            answer = self.naa_token(
                str(body.get("user", "")), list(body.get("scopes", [])), str(body.get("clientId", ""))
            )
        except EntraError as error:
            return self._refuse(error)
        return web.json_response(answer, headers=OPEN)

    def _check_health(self) -> None:
        if self.faults.outage:
            raise EntraError(90033, "A transient error has occurred. Please try again.")
        if self.faults.throttled:
            raise EntraError(50196, "The server terminated an operation because it encountered a loop.")

    def _refuse(self, error: EntraError) -> web.Response:
        transient = error.error == "temporarily_unavailable"
        headers = {"Retry-After": str(self.faults.retry_after)} if transient else {}
        return web.json_response(error.body(self.now()), status=error.status, headers={**OPEN, **headers})


async def _preflight(request: web.Request) -> web.Response:
    asked = request.headers.get("Access-Control-Request-Headers", "content-type")
    allowed = {"Access-Control-Allow-Headers": asked, "Access-Control-Allow-Methods": "GET, POST, OPTIONS"}
    return web.Response(status=204, headers={**OPEN, **allowed, "Access-Control-Max-Age": "600"})
