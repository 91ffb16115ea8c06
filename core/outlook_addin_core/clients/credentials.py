"""How an app proves to Entra who it is: by a secret, a certificate, or another party's token about it.

A secret and a certificate are values; whoever reads them makes new ones when they have been rotated. A
federated token is read anew whenever Entra is asked, because it is replaced every hour.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeAlias, assert_never

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

FEDERATED_AUDIENCE: Final = "api://AzureADTokenExchange"
"""The audience of a federated token.

Source: learn.microsoft.com/entra/workload-id/workload-identity-federation.
"""

CERTIFICATE_KEY: Final = "tls.crt"
PRIVATE_KEY_KEY: Final = "tls.key"
"""The keys of a Secret of type kubernetes.io/tls."""


class CredentialError(ValueError):
    """A credential cannot be used; the text says what to do, and holds nothing secret."""


@dataclass(frozen=True, repr=False)
class ClientSecret:
    """A client secret. Has no representation: it must not end up in a log."""

    text: str


@dataclass(frozen=True, repr=False)
class ClientCertificate:
    """A certificate and its private key, both PEM. Has no representation, see above.

    Args:
        expires: When the certificate ends.
    """

    certificate: str
    private_key: str
    expires: datetime


@dataclass(frozen=True, repr=False)
class FederatedToken:
    """A token of another issuer that Entra trusts for this app.

    Args:
        read: Returns the token of now; called in a thread; may raise CredentialError.
    """

    read: Callable[[], str]


Credential: TypeAlias = ClientSecret | ClientCertificate | FederatedToken


def load_certificate(certificate: str, private_key: str) -> ClientCertificate:
    """Return a certificate after a look whether both parts can be read and belong together.

    Raises:
        CredentialError: They cannot, or do not.
    """
    try:
        found = x509.load_pem_x509_certificate(certificate.encode())
    except ValueError as error:
        raise CredentialError(f"{CERTIFICATE_KEY} is no PEM certificate") from error
    try:
        key = load_pem_private_key(private_key.encode(), password=None)
    except (TypeError, ValueError) as error:
        raise CredentialError(f"{PRIVATE_KEY_KEY} is no PEM private key without a password") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise CredentialError(f"{PRIVATE_KEY_KEY} is no RSA key; Entra takes no other")
    if key.public_key() != found.public_key():
        raise CredentialError(f"{PRIVATE_KEY_KEY} does not belong to {CERTIFICATE_KEY}")
    return ClientCertificate(certificate, private_key, found.not_valid_after_utc.astimezone(UTC))


def from_environment(environ: Mapping[str, str]) -> Credential | None:
    """Return what a pod was given to prove itself with; None if it was given nothing.

    Raises:
        CredentialError: The certificate cannot be used.
    """
    if token_file := environ.get("AZURE_FEDERATED_TOKEN_FILE"):
        return FederatedToken(lambda: _read(Path(token_file)))
    if folder := environ.get("CLIENT_CERTIFICATE_DIR"):
        return load_certificate(_read(Path(folder, CERTIFICATE_KEY)), _read(Path(folder, PRIVATE_KEY_KEY)))
    secret = environ.get("CLIENT_SECRET", "").strip()  # files made by echo end in a line break
    return ClientSecret(secret) if secret else None


def for_msal(credential: Credential) -> str | dict[str, Any]:
    """Return a credential in msal's terms; it signs with PS256 and names the certificate by x5t#S256."""
    match credential:
        case ClientSecret():
            return credential.text
        case ClientCertificate():
            return {
                "private_key": credential.private_key,
                "public_certificate": credential.certificate,
            }
        case FederatedToken():
            return {"client_assertion": credential.read}
        case _:
            assert_never(credential)


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError as error:
        raise CredentialError(f"{path.name} cannot be read ({error.strerror}); check the volume") from error
