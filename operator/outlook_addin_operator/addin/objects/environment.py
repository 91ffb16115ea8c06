"""The environment of the web server's container."""

from typing import Any, Final

from outlook_addin_operator.addin.objects import webhook_key
from outlook_addin_operator.addin.objects.volumes import (
    CA_DIR,
    CERTIFICATE_DIR,
    CONFIG_FILES,
    FEDERATED_DIR,
    FEDERATED_FILE,
    TOKEN_DIR,
)
from outlook_addin_operator.addin.spec import (
    GATEWAY_SECRET,
    PREVIOUS_WEBHOOK_KEY,
    WEBHOOK_KEY,
    AddinView,
    CredentialsType,
)

API_SERVER: Final = "kubernetes.default.svc,$(KUBERNETES_SERVICE_HOST)"
"""Never behind the proxy; the kubelet fills in the address."""


def env(view: AddinView) -> list[dict[str, Any]]:
    """Return the variables, in an order that does not change."""
    return [
        {"name": "ADDIN_CONFIG", "value": CONFIG_FILES[0]},
        {"name": "ADDIN_NAME", "value": view.owner.name},
        _field("POD_NAMESPACE", "metadata.namespace"),
        _field("POD_NAME", "metadata.name"),
        *(_sync(view) if view.sync_enabled else []),
        *_proxy(view),
        *_tracing(view),
    ]


def env_from(view: AddinView) -> list[dict[str, Any]]:
    """Return the Secret whose keys become variables; without synchronisation nobody needs it.

    A Secret with a certificate is not taken as a whole: a private key has no business in the environment.
    """
    if view.credentials_type is not CredentialsType.CLIENT_SECRET:
        return []
    return [{"secretRef": {"name": view.secret_name, "optional": not view.sync_enabled}}]


def _sync(view: AddinView) -> list[dict[str, Any]]:
    reference = {"name": webhook_key.name(view.owner), "key": WEBHOOK_KEY}
    previous = {**reference, "key": PREVIOUS_WEBHOOK_KEY}
    return [
        {"name": "WEBHOOK_KEY", "valueFrom": {"secretKeyRef": reference}},
        {"name": "WEBHOOK_KEY_PREVIOUS", "valueFrom": {"secretKeyRef": {**previous, "optional": True}}},
        {"name": "SERVICE_ACCOUNT_DIR", "value": TOKEN_DIR},
        *_identity(view),
    ]


def _identity(view: AddinView) -> list[dict[str, Any]]:
    """Return what tells the pod how it proves to Entra who it is; the client secret comes by itself."""
    gateway = {"secretKeyRef": {"name": view.secret_name, "key": GATEWAY_SECRET}}
    gateway_secret = {"name": GATEWAY_SECRET, "valueFrom": gateway}
    match view.credentials_type:
        case CredentialsType.CLIENT_SECRET:
            return []
        case CredentialsType.CERTIFICATE:
            return [gateway_secret, {"name": "CLIENT_CERTIFICATE_DIR", "value": CERTIFICATE_DIR}]
        case CredentialsType.WORKLOAD_IDENTITY:
            token_file = f"{FEDERATED_DIR}/{FEDERATED_FILE}"
            return [gateway_secret, {"name": "AZURE_FEDERATED_TOKEN_FILE", "value": token_file}]


def _proxy(view: AddinView) -> list[dict[str, Any]]:
    proxy = view.spec.get("proxy") or {}
    values = {"HTTP_PROXY": proxy.get("httpProxy"), "HTTPS_PROXY": proxy.get("httpsProxy")}
    if any(values.values()):
        values["NO_PROXY"] = ",".join(filter(None, [proxy.get("noProxy"), API_SERVER]))
    if view.ca_bundle_ref:
        values["CA_BUNDLE"] = f"{CA_DIR}/ca.crt"
    return [{"name": name, "value": value} for name, value in values.items() if value]


def _tracing(view: AddinView) -> list[dict[str, Any]]:
    endpoint = (view.spec.get("tracing") or {}).get("endpoint")
    return [{"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": endpoint}] if endpoint else []


def _field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}
