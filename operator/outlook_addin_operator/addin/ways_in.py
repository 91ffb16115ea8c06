"""Whether a way in is refused by who has to open it: Gateways for an HTTPRoute, routers for a Route. Pure.

An Ingress has no conditions; nobody says that one is refused.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from outlook_addin_operator.keys import Object
from outlook_addin_operator.status import find

_ADVICE = {
    "HTTPRoute": "check spec.httpRoute.parentRefs, and which hosts and namespaces the Gateway allows",
    "Route": "check that no other Route has the host of spec.deploymentUrl",
}


def refusal(children: Mapping[str, Object]) -> str | None:
    """Return what is wrong, in a sentence; None if one at least is open or nobody has said anything yet."""
    for kind, verdicts in (("HTTPRoute", _gateways), ("Route", _routers)):
        found = list(verdicts(children[kind])) if kind in children else []
        if found and all(verdict["status"] == "False" for verdict in found):
            why = f"{found[0]['reason']}: {found[0].get('message', '')}".rstrip(". ")
            return f"The {kind} is refused ({why[:500]}); {_ADVICE[kind]}."
    return None


def _gateways(route: Object) -> Iterator[Mapping[str, Any]]:
    """Return what each Gateway says of the route as it is now."""
    for parent in (route.get("status") or {}).get("parents") or ():
        verdict = find(parent.get("conditions") or (), "Accepted")
        if verdict and verdict.get("observedGeneration") == route["metadata"].get("generation"):
            yield verdict


def _routers(route: Object) -> Iterator[Mapping[str, Any]]:
    """Return what each router says of the host as it is now."""
    for router in (route.get("status") or {}).get("ingress") or ():
        verdict = find(router.get("conditions") or (), "Admitted")
        if verdict and router.get("host") == route["spec"].get("host"):
            yield verdict
