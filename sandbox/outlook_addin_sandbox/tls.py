"""A certificate authority for one machine: makes `https://localhost` trustworthy to pods that are told so.

The authority's private key is never written: it signs one server certificate and is forgotten.
"""

import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from outlook_addin_sandbox.cluster.certificates import key_usage

LIFETIME = timedelta(days=90)
SPARE = timedelta(days=2)
# OpenSSL refuses a wildcard directly below a top-level name, so the names of the demo are listed as well.
NAMES = (
    "localhost",
    "*.localhost",
    "outlook.localhost",
    "addin.localhost",
    "login.localhost",
    "graph.localhost",
)


@dataclass(frozen=True)
class DemoTls:
    """Files of the demo's certificate authority and server certificate."""

    ca: Path
    certificate: Path
    key: Path

    def server_context(self) -> ssl.SSLContext:
        """TLS settings for a simulator that listens."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def client_context(self) -> ssl.SSLContext:
        """TLS settings for a client that trusts the demo's authority and nothing else."""
        return ssl.create_default_context(cafile=str(self.ca))


def ensure(folder: Path) -> DemoTls:
    """Return the certificates in `folder`; make new ones when they are missing or about to expire."""
    files = DemoTls(folder / "ca.crt", folder / "tls.crt", folder / "tls.key")
    if not _usable(files):
        folder.mkdir(parents=True, exist_ok=True)
        _issue(files)
    return files


def _usable(files: DemoTls) -> bool:
    if not all(path.is_file() for path in (files.ca, files.certificate, files.key)):
        return False
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    return certificate.not_valid_after_utc - SPARE > datetime.now(UTC)


def _issue(files: DemoTls) -> None:
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("Outlook add-in sandbox CA")
    ca = _authority(_builder(ca_name, ca_name, ca_key.public_key()), ca_key)
    certificate = _server(_builder(_name("localhost"), ca_name, key.public_key()), ca_key)
    _write(files.key, _private(key), mode=0o600)
    _write(files.certificate, certificate.public_bytes(serialization.Encoding.PEM))
    _write(files.ca, ca.public_bytes(serialization.Encoding.PEM))


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _authority(builder: x509.CertificateBuilder, ca_key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return (
        builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(key_usage(signs_certificates=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )


def _server(builder: x509.CertificateBuilder, ca_key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in NAMES]
    names.append(x509.IPAddress(IPv4Address("127.0.0.1")))
    return (
        builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
