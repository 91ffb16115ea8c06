"""Access tokens for services: from Entra through msal, and from any OAuth2 token endpoint.

A source belongs to one secret or certificate. Whoever reads it makes a new source when it has changed: msal
keeps tokens and, for a minute, refusals, and neither may outlive the secret that they were answers to.
"""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import httpx2
import msal  # type: ignore[import-untyped]

from outlook_addin_core.clients.credentials import ClientSecret, Credential, CredentialError, for_msal
from outlook_addin_core.clients.errors import (
    ClientError,
    CredentialsRefused,
    Denied,
    Rejected,
    ServerError,
    Unauthorized,
)
from outlook_addin_core.clients.http import (
    TIMEOUT,
    Observer,
    make_client,
    read_object,
    request,
    trust,
    unobserved,
    unreachable,
)
from outlook_addin_core.clients.refusals import aadsts_in, refusal
from outlook_addin_core.domain.clock import Clock, SystemClock

__all__ = ["CredentialsRefused", "GatewayTokenSource", "TokenSource"]

OPERATION: Final = "entra.token"
GATEWAY_OPERATION: Final = "gateway.token"
SPARE: Final = timedelta(seconds=60)
"""A token is not used in the last minute of its life: it has to outlast the request that carries it."""

_OAUTH_ERRORS: Final = frozenset(
    {
        "interaction_required",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_resource",
        "invalid_scope",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_grant_type",
    }
)

logging.getLogger("msal.oauth2cli").setLevel(logging.CRITICAL)  # it logs whole answers, which may hold tokens


class TokenSource:
    """App-only tokens of one app registration in one tenant.

    msal keeps the token until shortly before it expires; it is synchronous, so it works in a thread, one
    call at a time.

    Args:
        authority: The tenant's authority, never ``/common``, e.g. ``https://login.microsoftonline.com/<tenant>``.
        client_id: The app registration.
        credential: What proves it; a text is a client secret.
        scope: E.g. ``https://graph.microsoft.com/.default``.
        ca_bundle: Certificates (PEM) to trust in addition to the system's.
        transport: Replaces the network, for tests.
        observe: Is told the outcome of every token that was asked for.
    """

    def __init__(  # noqa: PLR0913 - what a token is asked for with
        self,
        authority: str,
        client_id: str,
        credential: Credential | str,
        scope: str,
        *,
        ca_bundle: str | None = None,
        transport: httpx2.BaseTransport | None = None,
        observe: Observer = unobserved,
    ) -> None:
        self._authority = authority
        self._client_id = client_id
        self._credential = ClientSecret(credential) if isinstance(credential, str) else credential
        self._scope = scope
        self._http = httpx2.Client(verify=trust(ca_bundle), timeout=TIMEOUT, transport=transport)
        self._observe = observe
        self._application: msal.ConfidentialClientApplication | None = None
        self._turn = asyncio.Lock()
        self._failures = 0
        self._failure: ClientError | None = None
        self._stale = False

    async def token(self) -> str:
        """Return a token that is valid now. Who waits while another's attempt fails has failed with it.

        Raises:
            CredentialsRefused: Entra does not accept the app or its secret; ``remedy`` says what to do.
            ClientError: Entra could not be reached or failed.
        """
        before = self._failures
        async with self._turn:
            if self._failure is not None and self._failures != before:
                raise self._failure
            try:
                token = _token_in(await asyncio.to_thread(self._acquire))
            except ClientError as error:
                self._failures, self._failure = self._failures + 1, error
                raise
            self._failure = None
            return token

    def forget(self) -> None:
        """Ask Entra anew next time: the token was refused before its time."""
        self._stale = True

    async def aclose(self) -> None:
        """Close the connections."""
        await asyncio.to_thread(self._http.close)

    def _acquire(self) -> Mapping[str, Any]:
        try:
            application = self._get_application()
            if self._stale:
                application.remove_tokens_for_client()
                self._stale = False
            answer: Mapping[str, Any] = application.acquire_token_for_client(scopes=[self._scope])
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            self._observe(OPERATION, "unreachable")
            raise unreachable(error, httpx2.URL(self._authority).host, OPERATION) from error
        except CredentialError as error:
            self._observe(OPERATION, "credential")
            raise CredentialsRefused(None, str(error), operation=OPERATION) from error
        except (msal.exceptions.MsalError, RuntimeError, ValueError) as error:
            self._observe(OPERATION, "error")
            message = "Entra gave no answer that can be used"
            raise ServerError(message, operation=OPERATION, excerpt=str(error)) from error
        if answer.get("token_source") != "cache":
            self._observe(OPERATION, _outcome(answer))
        return answer

    def _get_application(self) -> msal.ConfidentialClientApplication:
        """Make the application on first use: msal reads the tenant's metadata while it is made."""
        if self._application is None:
            try:
                self._application = msal.ConfidentialClientApplication(
                    self._client_id,
                    client_credential=for_msal(self._credential),
                    authority=self._authority,
                    instance_discovery=False,
                    http_client=_MsalHttp(self._http),
                )
            except ValueError as error:
                number = aadsts_in(str(error.__context__))
                if number is None:
                    raise
                raise refusal({"error_codes": [number]}, OPERATION) from error
        return self._application


class _MsalHttp:
    """The HTTP client as msal calls it: signed assertions are bytes, which a form has to carry as text."""

    def __init__(self, client: httpx2.Client) -> None:
        self._client = client

    def get(self, url: str, **options: Any) -> httpx2.Response:
        return self._client.get(url, **options)

    def post(self, url: str, *, data: Mapping[str, Any] | None = None, **options: Any) -> httpx2.Response:
        form = {
            key: value.decode() if isinstance(value, bytes) else value for key, value in (data or {}).items()
        }
        return self._client.post(url, data=form, **options)

    def close(self) -> None:
        self._client.close()


class GatewayTokenSource:
    """Tokens of a plain OAuth2 token endpoint by client credentials (RFC 6749 4.4), for the Auth Gateway.

    Args:
        token_url: The token endpoint.
        client_id: Our client there.
        secret: Its secret.
        scope: What to ask for; empty for nothing in particular.
        ca_bundle: Certificates (PEM) to trust in addition to the system's.
        clock: Tells when a token has expired.
        transport: Replaces the network, for tests.
        observe: Is told the outcome of every token that was asked for.
    """

    def __init__(  # noqa: PLR0913 - what a token is asked for with
        self,
        token_url: str,
        client_id: str,
        secret: str,
        scope: str,
        *,
        ca_bundle: str | None = None,
        clock: Clock | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        observe: Observer = unobserved,
    ) -> None:
        self._url = token_url
        self._form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
        if scope:
            self._form["scope"] = scope
        self._client = make_client(base_url=token_url, ca_bundle=ca_bundle, transport=transport)
        self._clock = clock or SystemClock()
        self._observe = observe
        self._turn = asyncio.Lock()
        self._token = ""
        self._expires = 0.0

    async def token(self) -> str:
        """Return a token that is valid for another minute at least.

        Raises:
            CredentialsRefused: The endpoint does not accept the client.
            ClientError: It could not be reached, or failed.
        """
        async with self._turn:
            if not self._token or self._clock.monotonic() >= self._expires:
                await self._fetch()
            return self._token

    def forget(self) -> None:
        """Ask anew next time: the token was refused before its time."""
        self._token = ""

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _fetch(self) -> None:
        asked = self._clock.monotonic()
        try:
            response = await request(
                self._client,
                "POST",
                self._url,
                operation=GATEWAY_OPERATION,
                data=self._form,
                observe=self._observe,
            )
        except (Rejected, Unauthorized, Denied) as error:
            raise _gateway_refusal(error) from error
        answer = read_object(response, GATEWAY_OPERATION)
        token = answer.get("access_token")
        if not isinstance(token, str) or not token:
            raise ServerError("the answer holds no token", operation=GATEWAY_OPERATION)
        self._token = token
        self._expires = asked + _lifetime(answer.get("expires_in")) - SPARE.total_seconds()


def _token_in(answer: Mapping[str, Any]) -> str:
    token = answer.get("access_token")
    if isinstance(token, str):
        return token
    raise refusal(answer, OPERATION)


def _outcome(answer: Mapping[str, Any]) -> str:
    """Return what is counted: a word of OAuth's own, and nothing else that somebody may have put there."""
    error = answer.get("error")
    if not error:
        return "200"
    return error if error in _OAUTH_ERRORS else "error"


def _gateway_refusal(error: ClientError) -> ClientError:
    answer = {"error": error.code, "error_description": error.excerpt}
    return refusal(answer, GATEWAY_OPERATION)


def _lifetime(value: Any) -> float:
    """Return the seconds that a token lives; without a word about it, it is used once."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0
