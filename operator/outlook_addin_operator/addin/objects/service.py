"""The Service in front of the web server's pods."""

from outlook_addin_operator.addin.objects.labels import metadata, selector
from outlook_addin_operator.addin.spec import Owner
from outlook_addin_operator.keys import Object


def build(owner: Owner) -> Object:
    """Return the Service: port 80 to the container's port ``http``."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(owner, owner.name),
        "spec": {
            "type": "ClusterIP",
            "selector": selector(owner),
            "ports": [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}],
        },
    }
