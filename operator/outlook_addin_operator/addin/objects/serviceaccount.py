"""Who the web server's pods are."""

from outlook_addin_operator.addin.objects.labels import metadata
from outlook_addin_operator.addin.spec import Owner
from outlook_addin_operator.keys import Object


def build(owner: Owner) -> Object:
    """Return the ServiceAccount; its token is mounted only where the pod asks for it."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": metadata(owner, owner.name),
        "automountServiceAccountToken": False,
    }
