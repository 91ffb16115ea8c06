"""The rights of a service account, as the manifests write them and as the API server tells them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from outlook_addin_sandbox.cluster.kubectl import Kubectl


@dataclass(frozen=True, order=True)
class Right:
    """May `verb` this resource; only under `name` unless that is empty."""

    verb: str
    group: str
    resource: str
    name: str = ""


def of_rules(rules: Iterable[Mapping[str, Any]]) -> set[Right]:
    """Take rules apart."""
    return {
        Right(*parts)
        for rule in rules
        for parts in product(
            rule["verbs"], rule["apiGroups"], rule["resources"], rule.get("resourceNames") or [""]
        )
    }


def bound(bodies: Sequence[Mapping[str, Any]], account: str, *, everywhere: bool | None = None) -> set[Right]:
    """Return what the installation's bindings give to a service account.

    Args:
        bodies: The objects of the installation.
        account: Its name.
        everywhere: True for the whole cluster only, False for single namespaces only.
    """
    roles = {
        (each["kind"], each["metadata"]["name"]): each for each in bodies if each["kind"].endswith("Role")
    }
    found: set[Right] = set()
    for binding in bodies:
        if not binding["kind"].endswith("RoleBinding"):
            continue
        if everywhere is not None and everywhere != (binding["kind"] == "ClusterRoleBinding"):
            continue
        if account in {subject["name"] for subject in binding["subjects"]}:
            reference = binding["roleRef"]
            found |= of_rules(roles[reference["kind"], reference["name"]]["rules"])
    return found


def told(kubectl: Kubectl, user: str, namespace: str) -> set[Right]:
    """Return what the API server says that a user may do in a namespace: `kubectl auth can-i --list`."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    answer = kubectl("create", "--raw", path, "-f", "-", f"--as={user}", input_text=json.dumps(review))
    status = json.loads(answer)["status"]
    assert not status["incomplete"], status
    return of_rules(status["resourceRules"])
