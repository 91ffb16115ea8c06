"""``addin.json``: the configuration of one add-in, written by the operator and read by the web server.

The names and the forms of the documented keys are those of the product's documentation (milliseconds as
strings); our own keys follow them. One class goes both ways, so that writer and reader cannot drift apart.
"""

# ruff: noqa: RUF009 - setting() declares a field, which only dataclasses.field() is known to do

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid5

from outlook_addin_core.domain import config_fields
from outlook_addin_core.domain.config_fields import ConfigError, Kind, setting

__all__ = ["AddinConfig", "ConfigError", "default_addin_id", "default_token_scope"]

DEFAULT_EXPIRATION: Final = timedelta(hours=144)
DEFAULT_GRACE: Final = timedelta(minutes=5)
DEFAULT_SWEEP_INTERVAL: Final = timedelta(minutes=15)
DEFAULT_IDLE_RETENTION: Final = timedelta(hours=720)
OFFICE_JS_URL: Final = "https://appsforoffice.microsoft.com/lib/1/hosted/office.js"
FRAME_ANCESTORS: Final = (
    "https://outlook.office.com",
    "https://outlook.office365.com",
    "https://outlook.live.com",
    "https://outlook.cloud.microsoft",
)


def default_addin_id(client_id: str) -> str:
    """Return the manifest Id of an add-in that does not choose one: the same for the same app."""
    return str(uuid5(UUID(client_id), "outlook-addin.dev"))


def default_token_scope(client_id: str) -> str:
    """Return the scope that the pane asks Entra for unless another one is configured."""
    return f"{client_id}/.default"


@dataclass(frozen=True, kw_only=True)
class AddinConfig:
    """The configuration of one add-in, complete and checked.

    Every field is one key of ``addin.json``; defaults that depend on other keys are filled in when the
    value is made.

    Raises:
        ConfigError: A value is missing or cannot be used; names the key and says what to write instead.
    """

    deployment_url: str = setting("deploymentUrl", Kind.URL)
    deployment_addin_endpoint: str = setting("deploymentAddinEndpoint", Kind.PATH, "addin")
    unblu_oauth_backend_url: str = setting("unbluOAuthBackendUrl", Kind.URL)
    client_id: str = setting("clientId", Kind.GUID)
    authority: str = setting("authority", Kind.URL, "https://login.microsoftonline.com/common")
    tenant_ids: tuple[str, ...] = setting("tenantIds", Kind.GUIDS)
    sync_server_enabled: bool = setting("syncServerEnabled", Kind.FLAG, False)
    sync_server_auth_gateway_client_id: str | None = setting("syncServerAuthGatewayClientId", Kind.TEXT, None)
    sync_server_subscription_expiration: timedelta = setting(
        "syncServerSubscriptionExpiration", Kind.MILLISECONDS, DEFAULT_EXPIRATION
    )
    sync_server_subscription_renewal_limit: timedelta | None = setting(
        "syncServerSubscriptionRenewalLimit", Kind.MILLISECONDS, None
    )
    sync_server_polling_cron_interval: str = setting(
        "syncServerPollingCronInterval", Kind.CRON, "*/1 * * * *"
    )
    log_level: str = setting("logLevel", Kind.LEVEL, "info")
    debug_mode: bool = setting("debugMode", Kind.FLAG, False)
    show_debug_pane: bool = setting("showDebugPane", Kind.FLAG, False)

    addin_id: str = setting("addinId", Kind.GUID, "")
    token_scope: str = setting("tokenScope", Kind.TEXT, "")
    graph_url: str = setting("graphUrl", Kind.URL, "https://graph.microsoft.com")
    sync_server_auth_gateway_token_url: str | None = setting("syncServerAuthGatewayTokenUrl", Kind.URL, None)
    sync_server_auth_gateway_scope: str | None = setting("syncServerAuthGatewayScope", Kind.TEXT, None)
    sync_server_deletion_grace_period: timedelta = setting(
        "syncServerDeletionGracePeriod", Kind.MILLISECONDS, DEFAULT_GRACE
    )
    sync_server_draft_grace_period: timedelta | None = setting(
        "syncServerDraftGracePeriod", Kind.MILLISECONDS, None
    )
    sync_server_sweep_interval: timedelta = setting(
        "syncServerSweepInterval", Kind.MILLISECONDS, DEFAULT_SWEEP_INTERVAL
    )
    sync_server_idle_subscription_retention: timedelta = setting(
        "syncServerIdleSubscriptionRetention", Kind.MILLISECONDS, DEFAULT_IDLE_RETENTION
    )
    sync_server_max_subscriptions: int = setting("syncServerMaxSubscriptions", Kind.COUNT, 50_000)
    office_js_url: str = setting("officeJsUrl", Kind.URL, OFFICE_JS_URL)
    frame_ancestors: tuple[str, ...] = setting("frameAncestors", Kind.TEXTS, FRAME_ANCESTORS)
    conversation_template_id: str | None = setting("conversationTemplateId", Kind.TEXT, None)
    invitation_texts: Mapping[str, str] | None = setting("invitationTexts", Kind.NAMED_TEXTS, None)

    def __post_init__(self) -> None:
        for field in fields(self):
            value = config_fields.checked(field, getattr(self, field.name))
            object.__setattr__(self, field.name, value)
        object.__setattr__(self, "addin_id", self.addin_id or default_addin_id(self.client_id))
        object.__setattr__(self, "token_scope", self.token_scope or default_token_scope(self.client_id))
        if self.sync_server_enabled and not self.sync_server_auth_gateway_client_id:
            raise ConfigError(
                "syncServerAuthGatewayClientId",
                "is needed while syncServerEnabled is true; write the client id that the Auth Gateway knows",
            )

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read ``addin.json``; keys that this version does not know are left alone.

        Raises:
            ConfigError: The text is not a JSON object, or one of its values cannot be used.
        """
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigError("addin.json", f"is not JSON ({error}); write one JSON object") from error
        if not isinstance(document, Mapping):
            raise ConfigError("addin.json", "is not a JSON object; write one in curly braces")
        return cls(**config_fields.decode(fields(cls), document))

    def to_json(self) -> str:
        """Write ``addin.json``: indented, documented keys first and in their order, unset keys left out."""
        document: dict[str, Any] = config_fields.encode(fields(self), self)
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    @property
    def base_url(self) -> str:
        """Where all of the add-in's pages live, without a slash at its end."""
        return f"{self.deployment_url}/{self.deployment_addin_endpoint}"

    @property
    def manifest_url(self) -> str:
        """Where the Microsoft 365 administrator finds the manifest."""
        return f"{self.base_url}/manifest.xml"

    def notification_url(self, installation: str) -> str:
        """Return where Graph sends change notifications; ``installation`` tells ours from others'."""
        return f"{self.base_url}/graph/notifications?installation={quote(installation, safe='')}"

    def lifecycle_url(self, installation: str) -> str:
        """Return where Graph sends lifecycle notifications."""
        return f"{self.base_url}/graph/lifecycle?installation={quote(installation, safe='')}"

    def tenant_authority(self, tenant_id: str) -> str:
        """Return the authority of one tenant: ``/common`` does not serve client credentials reliably."""
        parts = urlsplit(self.authority)
        return f"{parts.scheme}://{parts.netloc}/{tenant_id}"

    @property
    def gateway_token_url(self) -> str:
        """Where the sync server gets its token for the Auth Gateway."""
        default = f"{self.tenant_authority(self.tenant_ids[0])}/oauth2/v2.0/token"
        return self.sync_server_auth_gateway_token_url or default

    @property
    def gateway_scope(self) -> str:
        """What the sync server asks for there."""
        return self.sync_server_auth_gateway_scope or f"{self.sync_server_auth_gateway_client_id}/.default"
