"""One HTTP client for all services, and one place where answers become results or typed errors.

Nothing here retries: a failure goes up with its ``retry_after``, and whoever holds the schedule decides.
"""

import os
from collections.abc import Callable, Mapping
from functools import lru_cache
from ssl import SSLCertVerificationError, SSLContext
from typing import Any, Final, Protocol, TypeAlias

import httpx2

from outlook_addin_core.clients.answers import failure
from outlook_addin_core.clients.certificates import add_authorities
from outlook_addin_core.clients.errors import ServerError, Unauthorized, Unreachable
from outlook_addin_core.clients.tracing import answered, calling, failed

TIMEOUT: Final = 20.0
"""Seconds to wait for an answer; Graph calls us back for up to ten before it answers a create."""

_UNTRUSTED: Final = "is not trusted; add its authority to the CA bundle"
_CERTIFICATES: Final = (
    ("has expired", "has expired; have it renewed"),
    ("not yet valid", "is not valid yet; check the clocks"),
    ("mismatch", "is for another name; correct the URL, or the certificate"),
)
"""What OpenSSL says (X509_verify_cert_error_string(3)) and what it means; all else is a missing authority."""

Observer: TypeAlias = Callable[[str, str], None]
"""Is told the operation and its outcome, an HTTP status or ``unreachable``, e.g. to count them."""


class TokenProvider(Protocol):
    """Whatever knows the access token to send."""

    async def token(self) -> str:
        """Return a token that is valid now; raises a ClientError if there is none to be had."""
        ...


def unobserved(operation: str, outcome: str) -> None:
    """Take no notice."""


def trust(ca_bundle: str | None, *, trust_env: bool = True) -> SSLContext:
    """Return what certificates are checked against: the system's authorities and those of a PEM bundle.

    All who trust the same share it: each costs a megabyte and some 40 ms, and tenants may be many.

    Raises:
        ssl.SSLError: The bundle holds no certificates.
    """
    system = tuple(os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR")) if trust_env else ()
    return _context(ca_bundle, system, trust_env=trust_env)


@lru_cache(maxsize=16)
def _context(ca_bundle: str | None, _system: tuple[str | None, ...], *, trust_env: bool) -> SSLContext:
    context = httpx2.create_ssl_context(trust_env=trust_env)
    if ca_bundle is not None:
        add_authorities(context, ca_bundle)
    return context


def make_client(
    *,
    base_url: str,
    ca_bundle: str | None = None,
    trust_env: bool = True,
    timeout: float = TIMEOUT,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> httpx2.AsyncClient:
    """Return a client for one service; the caller closes it.

    Args:
        base_url: Where the service is, without the version part of its paths.
        ca_bundle: Certificates (PEM) to trust in addition to the system's.
        trust_env: Whether HTTP_PROXY, HTTPS_PROXY and NO_PROXY count.
        timeout: Seconds for each of connecting, sending and receiving.
        transport: Replaces the network, for tests.
    """
    return httpx2.AsyncClient(
        base_url=base_url,
        verify=trust(ca_bundle, trust_env=trust_env),
        trust_env=trust_env,
        timeout=timeout,
        transport=transport,
    )


async def request(  # noqa: PLR0913 - what a request consists of, by name
    client: httpx2.AsyncClient,
    method: str,
    url: str,
    *,
    operation: str,
    token_source: TokenProvider | None = None,
    params: Mapping[str, str | int] | None = None,
    json: Any = None,
    data: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    observe: Observer = unobserved,
) -> httpx2.Response:
    """Send one request and return its answer if it is a success (2xx).

    Raises:
        ClientError: The one of its kinds that fits, see ``clients/errors.py``.
    """
    headers = dict(headers or {})
    if token_source is not None:
        headers["Authorization"] = f"Bearer {await token_source.token()}"
    with calling(operation, method, client.base_url.host) as span:
        try:
            response = await client.request(
                method, url, params=params, json=json, data=data, headers=headers, follow_redirects=False
            )
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            failed(span, "unreachable")
            observe(operation, "unreachable")
            raise unreachable(error, client.base_url.host, operation) from error
        answered(span, response.status_code)
    observe(operation, str(response.status_code))
    if response.is_success:
        return response
    problem = failure(response, operation)
    if isinstance(problem, Unauthorized):
        _forget(token_source)
    raise problem


def read_object(response: httpx2.Response, operation: str) -> dict[str, Any]:
    """Return the JSON object that a response holds.

    Raises:
        ServerError: It holds anything else.
    """
    try:
        body = response.json()
    except (ValueError, RecursionError) as error:
        raise ServerError("the answer is not JSON", operation=operation) from error
    if not isinstance(body, dict):
        raise ServerError("the answer is not a JSON object", operation=operation)
    return body


def unreachable(error: Exception, host: str, operation: str) -> Unreachable:
    """Return the error that says, in words, why a host gave no answer."""
    if isinstance(error, httpx2.TimeoutException):
        message = f"{host} did not answer in time"
    elif isinstance(error, httpx2.ProxyError):
        message = f"the proxy did not let us through to {host}; check the proxy and what it permits"
    elif (refused := _refused_certificate(error)) is not None:
        message = f"the certificate of {host} {refused}"
    else:
        message = f"{host} cannot be reached ({type(error).__name__})"
    return Unreachable(message, operation=operation)


def _refused_certificate(error: BaseException | None) -> str | None:
    """Say what is wrong with a certificate; the transport wraps what TLS said, and its text survives."""
    while error is not None:
        text = str(error)
        if isinstance(error, SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in text:
            return next((words for said, words in _CERTIFICATES if said in text), _UNTRUSTED)
        error = error.__cause__ or error.__context__
    return None


def _forget(token_source: TokenProvider | None) -> None:
    """A token that was refused is not sent again, if its source can forget it."""
    forget = getattr(token_source, "forget", None)
    if callable(forget):
        forget()
