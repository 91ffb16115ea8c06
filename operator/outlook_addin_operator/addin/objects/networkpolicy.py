"""Who may talk to the pods, and to whom they may talk.

Source: kubernetes.io/docs/concepts/services-networking/network-policies.
"""

from collections.abc import Mapping
from typing import Any, Final

from outlook_addin_operator.addin.objects.labels import metadata, selector
from outlook_addin_operator.addin.spec import Owner
from outlook_addin_operator.keys import Object

ANY_POD: Final[list[dict[str, Any]]] = [{"namespaceSelector": {}}]
DNS: Final = [{"protocol": protocol, "port": port} for port in (53, 5353) for protocol in ("UDP", "TCP")]
"""Where names are looked up. OpenShift's DNS pods listen on 5353, and policies look behind the Service."""


def build(owner: Owner, settings: Mapping[str, Any]) -> Object:
    """Return the NetworkPolicy.

    The add-in's port is open to ``from`` (everybody unless set: who calls it comes from the internet by way
    of a proxy that only the platform knows), metrics to ``metricsFrom`` (pods of the cluster unless set).
    What the pods may call is limited only where ``to`` says whom; names can always be looked up then.
    """
    spec: dict[str, Any] = {
        "podSelector": {"matchLabels": selector(owner)},
        "policyTypes": ["Ingress"],
        "ingress": [
            _ingress("http", settings.get("from")),
            _ingress("metrics", settings.get("metricsFrom", ANY_POD)),
        ],
    }
    if "to" in settings:
        spec["policyTypes"].append("Egress")
        spec["egress"] = [{"ports": DNS}, *({"to": [peer]} for peer in settings["to"])]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(owner, owner.name),
        "spec": spec,
    }


def _ingress(port: str, peers: list[dict[str, Any]] | None) -> dict[str, Any]:
    rule: dict[str, Any] = {"ports": [{"protocol": "TCP", "port": port}]}
    return {**rule, "from": peers} if peers else rule
