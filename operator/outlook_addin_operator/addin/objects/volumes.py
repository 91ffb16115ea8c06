"""What the web server finds in its file system."""

from typing import Any, Final

from outlook_addin_operator.addin.objects.configmap import FILE
from outlook_addin_operator.addin.spec import AddinView

CONFIG_FILES: Final = (
    f"/home/node/app/addin/config/{FILE}",
    f"/home/node/app/addin/configuration/{FILE}",
)
"""Both paths at which the product's documentation mounts the configuration."""

TOKEN_DIR: Final = "/var/run/secrets/outlook-addin.dev/serviceaccount"  # noqa: S105 - a folder
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
    if view.ca_bundle_ref:
        result.append({"name": "ca", "mountPath": CA_DIR, "readOnly": True})
    return result


def _identity() -> list[dict[str, Any]]:
    """Return what a client of the API server needs: a short-lived token, its authority, the namespace."""
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    return [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": TOKEN_SECONDS}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
