"""Client assertions: signed by the app's own certificate, or issued by somebody whom the app trusts.

Sources: learn.microsoft.com/entra/identity-platform/certificate-credentials and
learn.microsoft.com/entra/workload-id/workload-identity-federation.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.types import Options

from outlook_addin_sandbox.entra.errors import EntraError

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ["PS256", "RS256"]
_UNCHECKED: Options = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}


@dataclass(frozen=True)
class Certificate:
    """A certificate that was uploaded to an app registration, PEM."""

    pem: str

    @property
    def parsed(self) -> x509.Certificate:
        """The certificate."""
        return x509.load_pem_x509_certificate(self.pem.encode())

    def thumbprint(self, algorithm: hashes.HashAlgorithm) -> str:
        """Return its digest as a JWT header carries it."""
        return base64.urlsafe_b64encode(self.parsed.fingerprint(algorithm)).decode().rstrip("=")


@dataclass(frozen=True)
class FederatedCredential:
    """Whose tokens an app registration accepts in place of a secret.

    Args:
        key_set: The issuer's JSON Web Key Set, which the real service fetches from it.
    """

    issuer: str
    subject: str
    key_set: Mapping[str, Any]
    audience: str = "api://AzureADTokenExchange"


@dataclass(frozen=True)
class Presented:
    """An assertion as it arrived."""

    text: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]


def read(form: Mapping[str, str]) -> Presented:
    """Take an assertion apart; nothing in it is believed yet. Raises EntraError."""
    text = form["client_assertion"]
    if form.get("client_assertion_type") != ASSERTION_TYPE:
        raise EntraError(900144, "The request must contain the parameter 'client_assertion_type'.")
    try:
        header = jwt.get_unverified_header(text)
        claims = jwt.decode(text, options={"verify_signature": False})
    except jwt.InvalidTokenError as error:
        raise EntraError(50027, "JWT token is invalid or malformed.") from error
    return Presented(text, header, claims)


def check_certificate(
    presented: Presented, certificates: list[Certificate], client_id: str, audience: str, now: datetime
) -> None:
    """Check an assertion that the app signed itself.

    Raises:
        EntraError: 700027 for an unknown key, a wrong signature or an expired certificate, 700023 for another
            audience, 700024 outside of its time.
    """
    certificate = next((each for each in certificates if _names(presented.header, each)), None)
    if certificate is None:
        raise _bad_signature("The key was not found.")
    if certificate.parsed.not_valid_after_utc <= now:
        raise _bad_signature("The key used is expired.")
    key = certificate.parsed.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or not _verifies(presented.text, key):
        raise _bad_signature("The key was found, but use of the key to verify the signature failed.")
    if presented.claims.get("aud") != audience or presented.claims.get("sub") != client_id:
        raise EntraError(700023, "Client assertion audience claim does not match Realm issuer.")
    _check_time(presented, now)


def check_federated(presented: Presented, trusted: list[FederatedCredential], now: datetime) -> None:
    """Check an assertion of another issuer.

    Raises:
        EntraError: 700211, 700213 or 700212 for an issuer, subject or audience that nobody registered, 700027
            for a wrong signature, 700024 outside of its time.
    """
    found = _match(presented.claims, trusted)
    keys = jwt.PyJWKSet.from_dict(dict(found.key_set))
    key = next((each for each in keys.keys if each.key_id == presented.header.get("kid")), None)
    if key is None or not _verifies(presented.text, key.key):
        raise _bad_signature("The key was not found at the issuer.")
    _check_time(presented, now)


def _match(claims: Mapping[str, Any], trusted: list[FederatedCredential]) -> FederatedCredential:
    audiences = claims.get("aud")
    given = {audiences} if isinstance(audiences, str) else set(audiences or ())
    candidates = list(trusted)
    for number, what, value, fits in (
        (700211, "issuer", claims.get("iss"), lambda each: each.issuer == claims.get("iss")),
        (700213, "subject", claims.get("sub"), lambda each: each.subject == claims.get("sub")),
        (700212, "audience", audiences, lambda each: given == {each.audience}),
    ):
        candidates = [each for each in candidates if fits(each)]
        if not candidates:
            raise EntraError(
                number,
                f"No matching federated identity record found for presented assertion {what} '{value}'.",
            )
    return candidates[0]


def _names(header: Mapping[str, Any], certificate: Certificate) -> bool:
    """Tell whether a header names a certificate; msal leaves the padding on, others do not."""
    if "x5t#S256" in header:
        return str(header["x5t#S256"]).rstrip("=") == certificate.thumbprint(hashes.SHA256())
    return str(header.get("x5t")).rstrip("=") == certificate.thumbprint(hashes.SHA1())  # noqa: S303 - an old form


def _verifies(text: str, key: Any) -> bool:
    try:
        jwt.decode(text, key, algorithms=ALGORITHMS, options=_UNCHECKED)
    except jwt.InvalidTokenError:
        return False
    return True


def _check_time(presented: Presented, now: datetime) -> None:
    moment, claims = now.timestamp(), presented.claims
    if not float(claims.get("nbf", 0)) - 300 <= moment < float(claims.get("exp", 0)):
        raise EntraError(700024, "Client assertion is not within its valid time range.")


def _bad_signature(reason: str) -> EntraError:
    return EntraError(700027, f"Client assertion contains an invalid signature. [Reason - {reason}]")
