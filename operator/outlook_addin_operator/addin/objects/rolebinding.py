"""What the web server's pods may do: the role that the installation ships, in their own namespace."""

from typing import Final

from outlook_addin_operator.addin.objects.labels import metadata
from outlook_addin_operator.addin.spec import Owner
from outlook_addin_operator.keys import Object

ROLE: Final = "outlook-addin-web"


def build(owner: Owner) -> Object:
    """Return the RoleBinding; only needed while synchronisation is on."""
    return {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": metadata(owner, owner.name),
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ROLE},
        "subjects": [{"kind": "ServiceAccount", "name": owner.name, "namespace": owner.namespace}],
    }
