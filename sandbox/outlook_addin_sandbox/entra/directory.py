"""Who and what Entra knows: tenants, users, app registrations and what each tenant consented to."""

from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from outlook_addin_sandbox.entra.assertions import Certificate, FederatedCredential
from outlook_addin_sandbox.entra.errors import EntraError
from outlook_addin_sandbox.loopback import is_loopback

SHARED_TENANTS = frozenset({"common", "organizations"})
GRAPH_RESOURCE = "https://graph.microsoft.com"


@dataclass(frozen=True)
class User:
    """A person with a work account."""

    user_id: str
    tenant_id: str
    name: str
    address: str


@dataclass
class Secret:
    """A client secret; `expires` None never does."""

    text: str
    expires: datetime | None = None


@dataclass
class AppRegistration:
    """An application and its service principals."""

    client_id: str
    name: str
    secrets: list[Secret] = field(default_factory=list)
    certificates: list[Certificate] = field(default_factory=list)
    federated: list[FederatedCredential] = field(default_factory=list)
    tenants: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Tenant to granted application roles of Graph. Absent: not installed there. Empty: consent revoked."""
    scope: str = "access_as_user"
    """The delegated scope that it exposes."""
    home_tenant: str | None = None
    """Where it was registered, and where Graph shows it."""
    redirect_uris: tuple[str, ...] = ()
    """Registered redirect URIs; none registered allows any address of this machine."""

    def allows_redirect(self, uri: str) -> bool:
        """Tell whether a sign-in may return to `uri`."""
        if self.redirect_uris:
            return uri in self.redirect_uris
        parts = urlsplit(uri)
        return parts.scheme in {"http", "https"} and is_loopback(parts.hostname or "")


@dataclass
class Directory:
    """Everything that is registered."""

    tenants: set[str]
    users: dict[str, User] = field(default_factory=dict)
    apps: dict[str, AppRegistration] = field(default_factory=dict)

    def check_tenant(self, tenant: str) -> None:
        """Raise AADSTS90002 for a tenant that does not exist."""
        if tenant not in self.tenants | SHARED_TENANTS:
            raise EntraError(
                90002, f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
            )

    def app_in(self, client_id: str, tenant: str) -> AppRegistration:
        """Return the application as installed in a tenant; AADSTS700016 when it is not."""
        app = self.apps.get(client_id)
        if app is None or (tenant not in SHARED_TENANTS and tenant not in app.tenants):
            raise EntraError(
                700016,
                f"Application with identifier '{client_id}' was not found in the directory '{tenant}'. This "
                "can happen if the application has not been installed by the administrator of the tenant.",
            )
        return app

    def users_of(self, tenant: str) -> list[User]:
        """Return who can sign in at a tenant's endpoint."""
        return [user for user in self.users.values() if tenant in SHARED_TENANTS | {user.tenant_id}]

    def find_user(self, hint: str, tenant: str) -> User | None:
        """Return the user with that address or object id."""
        wanted = hint.lower()
        return next((u for u in self.users_of(tenant) if wanted in {u.address.lower(), u.user_id}), None)


def check_secret(app: AppRegistration, text: str, now: datetime) -> None:
    """Raise AADSTS7000215 for a wrong secret and AADSTS7000222 for an expired one."""
    secret = next((each for each in app.secrets if each.text == text), None)
    if secret is None:
        raise EntraError(
            7000215,
            "Invalid client secret provided. Ensure the secret being sent in the request is the client "
            f"secret value, not the client secret ID, for a secret added to app '{app.client_id}'.",
        )
    if secret.expires is not None and secret.expires <= now:
        raise EntraError(
            7000222,
            f"The provided client secret keys for app '{app.client_id}' are expired. Visit the Azure portal "
            "to create new keys for your app.",
        )
