"""What all objects of an OutlookAddin have in common: names, labels, and whom they belong to."""

from typing import Any, Final

from outlook_addin_core.domain.resources import ADDIN, API_VERSION, MANAGED_BY
from outlook_addin_operator.addin.spec import Owner
from outlook_addin_operator.keys import FIELD_MANAGER

COMPONENT: Final = "outlook-addin"
CONTAINER: Final = "outlook-addin"


def selector(owner: Owner) -> dict[str, str]:
    """Return what picks the pods of this OutlookAddin, and of no other in the namespace."""
    return {"component": COMPONENT, "app.kubernetes.io/instance": owner.name}


def labels(owner: Owner) -> dict[str, str]:
    """Return the labels of every child; nothing is copied from the OutlookAddin.

    Copied labels would make GitOps tools take the children for theirs.
    """
    return {
        **selector(owner),
        "app.kubernetes.io/name": COMPONENT,
        "app.kubernetes.io/component": "web",
        "app.kubernetes.io/part-of": COMPONENT,
        MANAGED_BY: FIELD_MANAGER,
    }


def metadata(owner: Owner, name: str, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the metadata of a child that is deleted together with its OutlookAddin."""
    result: dict[str, Any] = {
        "name": name,
        "namespace": owner.namespace,
        "labels": labels(owner),
        "ownerReferences": [
            {
                "apiVersion": API_VERSION,
                "kind": ADDIN,
                "name": owner.name,
                "uid": owner.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    if annotations:
        result["annotations"] = annotations
    return result
