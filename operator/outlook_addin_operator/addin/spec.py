"""What the spec of an OutlookAddin means: its configuration, its names, its image."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, Final
from urllib.parse import quote

from outlook_addin_core.domain.config import AddinConfig, ConfigError
from outlook_addin_core.domain.durations import parse_duration
from outlook_addin_operator.keys import is_deleting

GRAPH_SECRET: Final = "CLIENT_SECRET"  # noqa: S105 - the name of a key
GATEWAY_SECRET: Final = "SYNCSERVER_AUTH_GATEWAY_CLIENT_SECRET"  # noqa: S105 - the name of a key
DEFAULT_SECRET_NAME: Final = "outlook-addin-secrets"  # noqa: S105 - the name of an object
WEBHOOK_KEY: Final = "key"
PREVIOUS_WEBHOOK_KEY: Final = "previous"


class CredentialsType(Enum):
    """The values of spec.credentials.type."""

    CLIENT_SECRET = "ClientSecret"  # noqa: S105 - a name
    CERTIFICATE = "Certificate"
    WORKLOAD_IDENTITY = "WorkloadIdentity"


@dataclass(frozen=True)
class Owner:
    """The OutlookAddin as its children name it."""

    name: str
    namespace: str
    uid: str


@dataclass(frozen=True)
class AddinView:
    """An OutlookAddin as everybody but its own builders sees it.

    Args:
        installation: Its uid: marks the Graph subscriptions that are ours.
        spec: As it stands in the object, defaults filled in by the API server.
    """

    owner: Owner
    config: AddinConfig
    spec: Mapping[str, Any]
    deleting: bool

    @property
    def installation(self) -> str:
        """What marks our Graph subscriptions: the object's uid."""
        return self.owner.uid

    @property
    def sync_enabled(self) -> bool:
        """Whether changes in Outlook are carried into Unblu."""
        return self.config.sync_server_enabled

    @property
    def suspended(self) -> bool:
        """Whether the objects of this add-in are left as they are."""
        return bool(self.spec.get("suspend"))

    @property
    def secret_name(self) -> str:
        """The Secret that holds the client secrets."""
        reference = self.spec.get("credentials", {}).get("secretRef", {})
        return str(reference.get("name") or DEFAULT_SECRET_NAME)

    @property
    def credentials_type(self) -> CredentialsType:
        """How the app proves to Entra who it is."""
        return CredentialsType((self.spec.get("credentials") or {}).get("type") or "ClientSecret")

    @property
    def certificate_secret_name(self) -> str:
        """The Secret that holds the certificate and its key."""
        reference = (self.spec.get("credentials") or {}).get("certificateRef") or {}
        return str(reference.get("name") or self.secret_name)

    @property
    def ca_bundle_ref(self) -> tuple[str, str] | None:
        """The ConfigMap and its key with certificates to trust, if there is one."""
        reference = (self.spec.get("proxy") or {}).get("caBundleRef")
        return (reference["name"], reference.get("key") or "ca.crt") if reference else None

    @property
    def invitation_text_ref(self) -> str | None:
        """The ConfigMap with the words of invitations, if there is one."""
        reference = (self.spec.get("client") or {}).get("invitationTextRef")
        return str(reference["name"]) if reference else None


def view(body: Mapping[str, Any]) -> AddinView:
    """Read an OutlookAddin.

    Raises:
        ConfigError: A value passed the schema and still cannot be used; names the key and the remedy.
    """
    metadata = body["metadata"]
    owner = Owner(metadata["name"], metadata["namespace"], metadata["uid"])
    return AddinView(owner, config_of(body["spec"]), body["spec"], is_deleting(body))


def config_of(spec: Mapping[str, Any]) -> AddinConfig:
    """Return the configuration that a spec asks for. Raises ConfigError."""
    sync, client = spec.get("syncServer") or {}, spec.get("client") or {}
    gateway = sync.get("authGateway") or {}
    given = {
        "deployment_url": spec["deploymentUrl"],
        "deployment_addin_endpoint": spec.get("deploymentAddinEndpoint"),
        "unblu_oauth_backend_url": spec["unbluOAuthBackendUrl"],
        "client_id": spec["clientId"],
        "authority": spec.get("authority"),
        "tenant_ids": tuple(spec["tenantIds"]),
        "sync_server_enabled": sync.get("enabled"),
        "sync_server_auth_gateway_client_id": gateway.get("clientId"),
        "sync_server_auth_gateway_token_url": gateway.get("tokenUrl"),
        "sync_server_auth_gateway_scope": gateway.get("scope"),
        "sync_server_subscription_expiration": _duration(sync, "subscriptionExpiration"),
        "sync_server_subscription_renewal_limit": _duration(sync, "subscriptionRenewalLimit"),
        "sync_server_polling_cron_interval": sync.get("pollingCronInterval"),
        "sync_server_deletion_grace_period": _duration(sync, "deletionGracePeriod"),
        "sync_server_draft_grace_period": _duration(sync, "draftGracePeriod"),
        "sync_server_sweep_interval": _duration(sync, "sweepInterval"),
        "sync_server_idle_subscription_retention": _duration(sync, "idleSubscriptionRetention"),
        "sync_server_max_subscriptions": sync.get("maxSubscriptions"),
        "log_level": spec.get("logLevel"),
        "debug_mode": spec.get("debugMode"),
        "show_debug_pane": spec.get("showDebugPane"),
        "addin_id": spec.get("addinId"),
        "token_scope": spec.get("tokenScope"),
        "graph_url": spec.get("graphUrl"),
        "office_js_url": client.get("officeJsUrl"),
        "frame_ancestors": tuple(client["frameAncestors"]) if client.get("frameAncestors") else None,
        "conversation_template_id": client.get("conversationTemplateId"),
    }
    return AddinConfig(**{name: value for name, value in given.items() if value is not None})


def admin_consent_urls(config: AddinConfig) -> list[str]:
    """Return, per tenant, where its administrator grants the permissions.

    Source: learn.microsoft.com/entra/identity-platform/v2-admin-consent.
    """
    redirect = quote(f"{config.base_url}/auth.html", safe="")
    return [
        f"{config.tenant_authority(tenant)}/adminconsent?client_id={config.client_id}&redirect_uri={redirect}"
        for tenant in config.tenant_ids
    ]


def _duration(values: Mapping[str, Any], key: str) -> timedelta | None:
    text = values.get(key)
    if text is None:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise ConfigError(f"syncServer.{key}", str(error)) from error
