"""What Entra's refusals mean in words (learn.microsoft.com, Microsoft Entra authentication error codes)."""

import re
from collections.abc import Mapping
from typing import Any, Final

from outlook_addin_core.clients.errors import ClientError, CredentialsRefused, ServerError

_NUMBER = re.compile(r"AADSTS(\d{4,8})")

REMEDIES: Final[Mapping[int, str]] = {
    7000215: "the client secret is wrong; put the secret's value, not its id, into the Secret",
    7000222: "the client secret has expired; create a new one and put it into the Secret",
    700016: "the app is not known in this tenant; let its administrator consent, check clientId",
    90002: "the tenant does not exist; check tenantIds and authority",
    70011: "the scope is not valid; check the scope, it has to end in /.default",
    700027: "the client assertion's signature is wrong: the certificate has expired, or the app registration "
    "does not know it; renew it, and upload it there",
    700023: "the client assertion is meant for somebody else; check authority",
    700024: "the client assertion is too old or too new; check the clock of the cluster's nodes",
    700025: "the app is registered as a public client; make it a confidential one",
    700211: "no federated credential of the app names this cluster's issuer; add one with the issuer of the "
    "service account tokens",
    700212: "no federated credential of the app has this audience; it has to be api://AzureADTokenExchange",
    700213: "no federated credential of the app names this service account; add one with the subject "
    "system:serviceaccount:NAMESPACE:NAME of the OutlookAddin",
    7000218: "the app proved itself with nothing; check credentials.type and the Secret",
    7000229: "the app has no service principal in this tenant; let its administrator consent",
    500011: "the resource is not known in this tenant; check graphUrl, which differs by national cloud",
    900023: "the tenant's id is not valid; check tenantIds",
    7000112: "the app is disabled; enable it in the directory",
    53003: "a conditional access policy blocks the app; exempt it or allow the cluster's addresses",
}

_BY_NAME: Final[Mapping[str, str]] = {
    "invalid_client": "the client id or its secret is not accepted; check both",
    "unauthorized_client": "the client may not use the client credentials grant; allow it",
    "invalid_scope": "the scope is not valid; check the configured scope",
}

_TRANSIENT = frozenset({"temporarily_unavailable", "server_error"})


def refusal(answer: Mapping[str, Any], operation: str) -> ClientError:
    """Return the error for an answer without a token; ``error_codes`` counts before ``error``."""
    name, text = str(answer.get("error") or ""), str(answer.get("error_description") or "")
    codes = answer.get("error_codes") or ()
    number = (
        next((code for code in codes if code in REMEDIES), None) or next(iter(codes), None) or aadsts_in(text)
    )
    if number not in REMEDIES and name in _TRANSIENT:
        return ServerError("no token at the moment", operation=operation, code=name, excerpt=text)
    fallback = _BY_NAME.get(name, "no token is given; see the sign-in logs of the identity provider")
    return CredentialsRefused(number, REMEDIES.get(number or 0, fallback), operation=operation, excerpt=text)


def aadsts_in(text: str) -> int | None:
    """Return the first AADSTS number in a text."""
    match = _NUMBER.search(text)
    return int(match[1]) if match else None
