"""What the web server finds in its file system."""

from typing import Any, Final

from outlook_addin_core.clients.credentials import CERTIFICATE_KEY, FEDERATED_AUDIENCE, PRIVATE_KEY_KEY
from outlook_addin_operator.addin.objects.configmap import FILE
from outlook_addin_operator.addin.spec import AddinView, CredentialsType

CONFIG_FILES: Final = (
    f"/home/node/app/addin/config/{FILE}",
    f"/home/node/app/addin/configuration/{FILE}",
)
"""Both paths at which the product's documentation mounts the configuration."""

TOKEN_DIR: Final = "/var/run/secrets/outlook-addin.dev/serviceaccount"  # noqa: S105 - a folder
FEDERATED_DIR: Final = "/var/run/secrets/outlook-addin.dev/entra"
FEDERATED_FILE: Final = "token"
CERTIFICATE_DIR: Final = "/etc/outlook-addin/certificate"
CA_DIR: Final = "/etc/outlook-addin/ca"
TOKEN_SECONDS: Final = 3607


def volumes(view: AddinView, config_map: str) -> list[dict[str, Any]]:
    """Return the pod's volumes."""
    result: list[dict[str, Any]] = [
        {"name": "config", "configMap": {"name": config_map}},
        {"name": "tmp", "emptyDir": {}},
    ]
    if view.sync_enabled:
        result.append({"name": "service-account", "projected": {"sources": _identity()}})
        result += _proof(view)
    if view.ca_bundle_ref:
        name, key = view.ca_bundle_ref
        items = [{"key": key, "path": "ca.crt"}]
        result.append({"name": "ca", "configMap": {"name": name, "items": items}})
    return result


def mounts(view: AddinView) -> list[dict[str, Any]]:
    """Return where the container sees them."""
    result: list[dict[str, Any]] = [
        {"name": "config", "mountPath": path, "subPath": FILE, "readOnly": True} for path in CONFIG_FILES
    ]
    result.append({"name": "tmp", "mountPath": "/tmp"})  # noqa: S108 - an empty volume of the pod's own
    if view.sync_enabled:
        result.append({"name": "service-account", "mountPath": TOKEN_DIR, "readOnly": True})
        result += [
            {"name": volume["name"], "mountPath": _PLACES[volume["name"]], "readOnly": True}
            for volume in _proof(view)
        ]
    if view.ca_bundle_ref:
        result.append({"name": "ca", "mountPath": CA_DIR, "readOnly": True})
    return result


def _proof(view: AddinView) -> list[dict[str, Any]]:
    """Return the volume with what the pod proves to Entra who it is by, unless that is a client secret."""
    match view.credentials_type:
        case CredentialsType.CLIENT_SECRET:
            return []
        case CredentialsType.CERTIFICATE:
            items = [{"key": key, "path": key} for key in (CERTIFICATE_KEY, PRIVATE_KEY_KEY)]
            secret = {"secretName": view.certificate_secret_name, "items": items}
            return [{"name": "certificate", "secret": secret}]
        case CredentialsType.WORKLOAD_IDENTITY:
            token = {
                "path": FEDERATED_FILE,
                "audience": FEDERATED_AUDIENCE,
                "expirationSeconds": TOKEN_SECONDS,
            }
            return [{"name": "entra", "projected": {"sources": [{"serviceAccountToken": token}]}}]


_PLACES = {"certificate": CERTIFICATE_DIR, "entra": FEDERATED_DIR}


def _identity() -> list[dict[str, Any]]:
    """Return what a client of the API server needs: a short-lived token, its authority, the namespace."""
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    return [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_SECONDS}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
