"""What the process is told by its environment; what the add-in is, stands in ``addin.json``."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from outlook_addin_core.clients.certificates import holds_certificates
from outlook_addin_core.domain.config import AddinConfig

if TYPE_CHECKING:
    from outlook_addin_core.clients.credentials import Credential

CONFIG_PATH: Final = "/home/node/app/addin/config/addin.json"
KEY_LENGTH: Final = 32
_PORTS: Final = range(65_536)


class SettingsError(ValueError):
    """The environment is not usable; the text is one sentence that says what to change."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The process's environment.

    Args:
        config_path: The rendered ``addin.json``.
        addin_name: The OutlookAddin that this server belongs to.
        namespace: Where it lives.
        webhook_keys: What the clientState of Graph subscriptions is signed with; only while syncing.
        client_secret: Of the app registration, for Graph; only while syncing.
        credential: What the app proves itself to Entra with; the client secret unless given.
        gateway_client_secret: Of the sync server at the Auth Gateway; only while syncing.
        ca_bundle: Certificates (PEM) to trust in addition to the system's.
        listen_address: Where both ports listen.
        port: The add-in's pages, webhooks and API.
        metrics_port: ``/metrics``, which no Service publishes.
    """

    config_path: Path
    addin_name: str
    namespace: str
    webhook_keys: tuple[bytes, ...] = field(default=(), repr=False)
    client_secret: str = field(default="", repr=False)
    gateway_client_secret: str = field(default="", repr=False)
    credential: "Credential | None" = field(default=None, repr=False)
    ca_bundle: str | None = None
    listen_address: str = "0.0.0.0"  # noqa: S104 - a pod listens on all of its addresses
    port: int = 8080
    metrics_port: int = 8081

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read the environment.

        Raises:
            SettingsError: A variable cannot be used; names it and what to write instead.
        """
        return cls(
            config_path=Path(environ.get("ADDIN_CONFIG") or CONFIG_PATH),
            addin_name=environ.get("ADDIN_NAME", ""),
            namespace=environ.get("POD_NAMESPACE", ""),
            webhook_keys=_webhook_keys(environ),
            client_secret=environ.get("CLIENT_SECRET", "").strip(),
            credential=_credential(environ),
            gateway_client_secret=environ.get("SYNCSERVER_AUTH_GATEWAY_CLIENT_SECRET", "").strip(),
            ca_bundle=_ca_bundle(environ),
            listen_address=environ.get("LISTEN_ADDRESS") or "0.0.0.0",  # noqa: S104 - see above
            port=_port(environ, "PORT", 8080),
            metrics_port=_port(environ, "METRICS_PORT", 8081),
        )

    def check(self, config: AddinConfig) -> None:
        """Check that the environment holds what the configuration asks for.

        Raises:
            SettingsError: A variable is missing.
        """
        if not config.sync_server_enabled:
            return
        needed = {
            "ADDIN_NAME": self.addin_name,
            "POD_NAMESPACE": self.namespace,
            "WEBHOOK_KEY": self.webhook_keys,
            "CLIENT_SECRET": self.credential or self.client_secret,
            "SYNCSERVER_AUTH_GATEWAY_CLIENT_SECRET": self.gateway_client_secret,
        }
        missing = [name for name, value in needed.items() if not value]
        if missing:
            raise SettingsError(f"{', '.join(missing)} must be set while syncServerEnabled is true.")


def _ca_bundle(environ: Mapping[str, str]) -> str | None:
    path = environ.get("CA_BUNDLE")
    if not path:
        return None
    try:
        bundle = Path(path).read_text("utf-8", errors="replace")
    except OSError as error:
        raise SettingsError(f"CA_BUNDLE names {path}, which cannot be read: {error.strerror}.") from error
    if not holds_certificates(bundle):
        raise SettingsError(f"CA_BUNDLE names {path}, which holds no readable PEM certificates.")
    return bundle


def load_config(path: Path) -> AddinConfig:
    """Read ``addin.json``.

    Raises:
        SettingsError: There is no such file.
        ConfigError: Its content cannot be used.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise SettingsError(f"ADDIN_CONFIG names {path}, which cannot be read ({error.strerror}).") from error
    return AddinConfig.from_json(text)


def _credential(environ: Mapping[str, str]) -> "Credential | None":
    """Return the certificate or federated token that was given; a client secret comes by itself."""
    if not any(environ.get(name) for name in ("AZURE_FEDERATED_TOKEN_FILE", "CLIENT_CERTIFICATE_DIR")):
        return None
    # cryptography costs memory that an add-in with a client secret need not pay here
    from outlook_addin_core.clients.credentials import from_environment  # noqa: PLC0415 - see above

    try:
        return from_environment(environ)
    except ValueError as error:
        raise SettingsError(f"CLIENT_CERTIFICATE_DIR cannot be used: {error}.") from error


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name) or str(default)
    if not (text.isascii() and text.isdigit() and int(text) in _PORTS):
        raise SettingsError(f"{name} is {text!r}; write a port number between 0 and 65535.")
    return int(text)


def _webhook_keys(environ: Mapping[str, str]) -> tuple[bytes, ...]:
    """Return the key in use and, while keys are being exchanged, the one before it."""
    names = ("WEBHOOK_KEY", "WEBHOOK_KEY_PREVIOUS")
    return tuple(_webhook_key(name, text) for name in names if (text := environ.get(name, "").strip()))


def _webhook_key(name: str, text: str) -> bytes:
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < KEY_LENGTH:
        raise SettingsError(f"{name} is not base64url text of {KEY_LENGTH} bytes or more.")
    return key
