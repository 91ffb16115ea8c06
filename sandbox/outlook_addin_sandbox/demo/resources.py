"""What the demo applies to the cluster, as a platform engineer would write it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

JSON = dict[str, Any]

DELETION_GRACE = timedelta(seconds=10)
"""How long a deleted event can be restored: long enough for two clicks, short enough to watch."""


@dataclass(frozen=True)
class Addresses:
    """Where the parts of the demo listen, as the add-in is told."""

    addin: str
    gateway: str
    authority: str
    graph: str
    outlook: str


@dataclass(frozen=True)
class Registration:
    """What the administrator of Microsoft 365 registered."""

    client_id: str
    client_secret: str
    tenant_ids: tuple[str, ...]
    gateway_client_id: str
    gateway_client_secret: str


def secret(registration: Registration) -> JSON:
    """The two client secrets, under the names the product documents."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "outlook-addin-secrets"},
        "type": "Opaque",
        "stringData": {
            "CLIENT_SECRET": registration.client_secret,
            "SYNCSERVER_AUTH_GATEWAY_CLIENT_SECRET": registration.gateway_client_secret,
        },
    }


def ca_bundle(pem: str) -> JSON:
    """The certificate authority of the simulated Microsoft 365."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "demo-ca"},
        "data": {"ca.crt": pem},
    }


INVITATION = ("We look forward to meeting you by video.", "Please have your passport at hand.")
"""The bank's own words before and after the link in an event."""


def invitation_text() -> JSON:
    """Those words, where the OutlookAddin looks for them."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "demo-invitation"},
        "data": {"default": "\n\n{link}\n\n".join(INVITATION)},
    }


def outlook_addin(addresses: Addresses, registration: Registration) -> JSON:
    """The OutlookAddin of the demo; its short times make renewal and deletion visible while one watches."""
    return {
        "apiVersion": "outlook-addin.dev/v1alpha1",
        "kind": "OutlookAddin",
        "metadata": {"name": "outlook-addin"},
        "spec": {
            "deploymentUrl": addresses.addin,
            "unbluOAuthBackendUrl": addresses.gateway,
            "clientId": registration.client_id,
            "authority": addresses.authority,
            "tenantIds": list(registration.tenant_ids),
            "graphUrl": addresses.graph,
            "syncServer": {
                "enabled": True,
                "authGateway": {"clientId": registration.gateway_client_id},
                "subscriptionRenewalLimit": "5s",
                "deletionGracePeriod": f"{DELETION_GRACE.seconds}s",
            },
            "client": {
                "officeJsUrl": f"{addresses.outlook}/office.js",
                "frameAncestors": [addresses.outlook],
                "invitationTextRef": {"name": "demo-invitation"},
            },
            "proxy": {"caBundleRef": {"name": "demo-ca"}},
        },
    }


def on_the_local_node(manifest: JSON, node: str) -> JSON:
    """Ask for the local node, in a cluster that has other nodes too."""
    if manifest["kind"] == "Deployment":
        manifest["spec"]["template"]["spec"]["nodeSelector"] = {"kubernetes.io/hostname": node}
    return manifest
