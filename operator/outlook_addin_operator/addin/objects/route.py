"""The way in by an OpenShift Route (docs.openshift.com, route.openshift.io/v1)."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_operator.addin.objects.labels import metadata
from outlook_addin_operator.addin.spec import Owner
from outlook_addin_operator.keys import Object


def build(owner: Owner, config: AddinConfig, settings: Mapping[str, Any]) -> Object:
    """Return the Route for the host and path of the deployment URL; plain HTTP is redirected."""
    url = urlsplit(config.base_url)
    return {
        "apiVersion": "route.openshift.io/v1",
        "kind": "Route",
        "metadata": metadata(owner, owner.name, settings.get("annotations")),
        "spec": {
            "host": url.hostname,
            "path": url.path,
            "to": {"kind": "Service", "name": owner.name, "weight": 100},
            "port": {"targetPort": "http"},
            "tls": {
                "termination": settings.get("termination", "edge"),
                "insecureEdgeTerminationPolicy": "Redirect",
            },
        },
    }
