"""The way in by the Gateway API (gateway-api.sigs.k8s.io/api-types/httproute)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_operator.addin.objects.labels import metadata
from outlook_addin_operator.addin.spec import Owner
from outlook_addin_operator.keys import Object


def build(owner: Owner, config: AddinConfig, settings: Mapping[str, Any]) -> Object:
    """Return the HTTPRoute for the host and path of the deployment URL."""
    url = urlsplit(config.base_url)
    return {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": metadata(owner, owner.name, settings.get("annotations")),
        "spec": {
            "parentRefs": settings["parentRefs"],
            "hostnames": [url.hostname],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": url.path}}],
                    "backendRefs": [{"name": owner.name, "port": 80}],
                }
            ],
        },
    }
