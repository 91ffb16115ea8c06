"""What the Gateway or the router says of a way in, and what the OutlookAddin makes of it."""

from typing import Any

import pytest

from operator_.mill import ADDIN, Mill
from outlook_addin_operator.addin.ways_in import refusal
from outlook_addin_operator.keys import Key, Object


def verdict(kind: str, status: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": "NotAllowed", "message": "Not here.", **more}


def http_route(*statuses: str, generation: int = 2) -> Object:
    conditions = [[verdict("Accepted", status, observedGeneration=generation)] for status in statuses]
    parents = [{"conditions": each} for each in conditions]
    return {"kind": "HTTPRoute", "metadata": {"generation": 2}, "status": {"parents": parents}}


def route(*statuses: str, host: str = "bank.example") -> Object:
    routers = [{"host": host, "conditions": [verdict("Admitted", status)]} for status in statuses]
    return {"kind": "Route", "spec": {"host": "bank.example"}, "metadata": {}, "status": {"ingress": routers}}


@pytest.mark.parametrize(
    ("sentence", "child", "refused"),
    [
        ("nothing is said yet", http_route(), False),
        ("accepted", http_route("True"), False),
        ("refused by the only Gateway", http_route("False"), True),
        ("one of two is enough", http_route("False", "True"), False),
        ("the Gateway has not looked yet", http_route("Unknown"), False),
        ("that was said of the route before", http_route("False", generation=1), False),
        ("admitted", route("True"), False),
        ("refused by the only router", route("False"), True),
        ("that was said of another host", route("False", host="old.example"), False),
        ("a way without conditions", {"kind": "Ingress", "metadata": {}}, False),
    ],
)
def test_who_refuses(sentence: str, child: Object, *, refused: bool) -> None:
    found = refusal({child["kind"]: child})
    assert (found is not None) == refused, sentence
    assert found is None or f"The {child['kind']} is refused (NotAllowed: Not here); check" in found


async def test_a_refused_way_in_is_told_and_so_is_that_it_opened(mill: Mill) -> None:
    addin, key = mill.cluster.objects[ADDIN], Key("Route", "bank", "addin")
    addin["spec"]["route"] = {}
    await mill.run_addin()
    live = mill.cluster.objects[key]
    for status, ready in (("False", ("False", "ExposureRefused")), ("True", ("True", "Available"))):
        live["status"] = route(status, host=live["spec"]["host"])["status"]
        assert (await mill.run_addin())["Ready"] == ready
