"""`/v1.0/applications`: an app registration as its credentials are shown to whoever may read it.

Sources: learn.microsoft.com/graph/api/application-get and application-list, resources/passwordcredential and
resources/keycredential. The registration is visible in its home tenant only.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from aiohttp import web
from cryptography.hazmat.primitives import hashes

from outlook_addin_sandbox.entra.assertions import Certificate
from outlook_addin_sandbox.entra.directory import AppRegistration, Secret
from outlook_addin_sandbox.graph.access import Caller
from outlook_addin_sandbox.graph.errors import GraphError, bad_request, user_not_found
from outlook_addin_sandbox.graph.faults import GraphFaults

ROLES = frozenset(
    {
        "Application.Read.All",
        "Application.ReadWrite.All",
        "Application.ReadWrite.OwnedBy",
        "Directory.Read.All",
    }
)
HINT_LENGTH = 3
NEVER_ENDS = datetime(2299, 12, 30, tzinfo=UTC)
"""Graph always tells an end; this one stands for a secret that has none here."""
_BY_KEY = re.compile(r"\(appId='(?P<id>[^']*)'\)")
_BY_FILTER = re.compile(r"appId eq '(?P<id>[^']*)'")


class ApplicationApi:
    """Shows app registrations.

    Args:
        apps: registrations by client id.
        faults: switches.
    """

    def __init__(self, apps: Mapping[str, AppRegistration], faults: GraphFaults) -> None:
        self._apps = apps
        self._faults = faults

    async def read(self, request: web.Request, caller: Caller) -> web.Response:
        """GET of one registration by its client id, or of a list with at most one.

        Raises:
            GraphError: 403 without the permission, 404 in another tenant than the registration's home.
        """
        if not caller.roles & ROLES:
            message = "Insufficient privileges to complete the operation."
            raise GraphError(403, "Authorization_RequestDenied", message)
        key, names = request.match_info["key"], request.query.get("$select", "")
        if not key:
            found = self._visible(caller, _client_id(_BY_FILTER, request.query.get("$filter", "")))
            return web.json_response({"value": [_json(each, names) for each in found]})
        if not self._faults.application_by_key:
            raise bad_request(f"Resource not found for the segment 'applications{key}'.", "BadRequest")
        client_id = _client_id(_BY_KEY, key)
        found = self._visible(caller, client_id)
        if not found:
            raise user_not_found(client_id)
        return web.json_response(_json(found[0], names))

    def _visible(self, caller: Caller, client_id: str) -> list[AppRegistration]:
        app = self._apps.get(client_id)
        return [app] if app is not None and app.home_tenant == caller.tenant_id else []


def _client_id(pattern: re.Pattern[str], text: str) -> str:
    match = pattern.fullmatch(text)
    if match is None:
        raise bad_request(f"Registrations are found by appId only, not by '{text}'.", "Request_BadRequest")
    return match["id"]


def _json(app: AppRegistration, names: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": _key(app.client_id),
        "appId": app.client_id,
        "displayName": app.name,
        "passwordCredentials": [_secret(each) for each in app.secrets],
        "keyCredentials": [_certificate(each) for each in app.certificates],
    }
    return {name: value for name, value in body.items() if not names or name in _listed(names)}


def _listed(names: str) -> Iterable[str]:
    return [each.strip() for each in names.split(",")]


def _secret(secret: Secret) -> dict[str, Any]:
    return {
        "customKeyIdentifier": None,
        "displayName": "Secret",
        "endDateTime": _stamp(secret.expires or NEVER_ENDS),
        "hint": secret.text[:HINT_LENGTH],
        "keyId": _key(secret.text),
        "secretText": None,
        "startDateTime": None,
    }


def _certificate(certificate: Certificate) -> dict[str, Any]:
    thumbprint = certificate.parsed.fingerprint(hashes.SHA1())  # noqa: S303 - that is how Graph names them
    return {
        "customKeyIdentifier": base64.b64encode(thumbprint).decode(),
        "displayName": certificate.parsed.subject.rfc4514_string(),
        "endDateTime": _stamp(certificate.parsed.not_valid_after_utc),
        "key": None,
        "keyId": _key(thumbprint.hex()),
        "startDateTime": _stamp(certificate.parsed.not_valid_before_utc),
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    }


def _key(name: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"https://sandbox.example/credentials/{name}"))


def _stamp(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
