from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Certificates:
    """An authority that nobody knows, and a key with its certificates for 127.0.0.1, all PEM."""

    authority: bytes
    server: bytes
    expired: bytes
    not_yet_valid: bytes


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    authority_key, server_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    now = datetime.now(UTC)
    authority = _certificate(
        "Test authority", authority_key.public_key(), authority_key, _authority_extensions(), now
    )
    server, expired, not_yet_valid = (
        _certificate("127.0.0.1", server_key.public_key(), authority_key, _server_extensions(), around)
        for around in (now, now - 9 * DAY, now + 9 * DAY)
    )
    private = server_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Certificates(authority, private + server, private + expired, private + not_yet_valid)


@pytest.fixture(scope="session")
def authority(certificates: Certificates) -> str:
    return certificates.authority.decode()


@pytest.fixture(scope="session")
def server_pem(certificates: Certificates) -> bytes:
    return certificates.server


def _authority_extensions() -> list[x509.ExtensionType]:
    return [x509.BasicConstraints(ca=True, path_length=None)]


def _server_extensions() -> list[x509.ExtensionType]:
    return [
        x509.BasicConstraints(ca=False, path_length=None),
        x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]),
    ]


def _certificate(
    subject: str,
    key: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePrivateKey,
    extensions: Iterable[x509.ExtensionType],
    around: datetime,
) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name("Test authority"))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(around - DAY)
        .not_valid_after(around + DAY)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
