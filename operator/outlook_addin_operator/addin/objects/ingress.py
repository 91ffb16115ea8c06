"""The way in by an Ingress (kubernetes.io/docs/concepts/services-networking/ingress)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_operator.addin.objects.labels import metadata
from outlook_addin_operator.addin.spec import Owner
from outlook_addin_operator.keys import Object


def build(owner: Owner, config: AddinConfig, settings: Mapping[str, Any]) -> Object:
    """Return the Ingress for the host and path of the deployment URL."""
    url = urlsplit(config.base_url)
    backend = {"service": {"name": owner.name, "port": {"name": "http"}}}
    path = {"path": url.path, "pathType": "Prefix", "backend": backend}
    spec: dict[str, Any] = {"rules": [{"host": url.hostname, "http": {"paths": [path]}}]}
    if settings.get("className"):
        spec["ingressClassName"] = settings["className"]
    if settings.get("tlsSecretName"):
        spec["tls"] = [{"hosts": [url.hostname], "secretName": settings["tlsSecretName"]}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": metadata(owner, owner.name, settings.get("annotations")),
        "spec": spec,
    }
