"""What has to be written again, and what has not."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from operator_.test_objects import addin
from outlook_addin_operator.addin.drift import is_applied, marked
from outlook_addin_operator.addin.objects import deployment, networkpolicy, service
from outlook_addin_operator.keys import APPLIED, Object

LIMITS = {"limits": {"cpu": "1000m", "memory": "128Mi"}, "requests": {"cpu": "0.1"}}
VIEW = addin(resources=LIMITS, podTemplate={"nodeSelector": {"disk": "ssd"}, "tolerations": [{"key": "a"}]})


def build(**changes: Any) -> Object:
    return marked(deployment.build(VIEW, image="web:1", config_hash="h", **changes))


def served(wanted: Object) -> dict[str, Any]:
    """Return an object as an API server returns it: with defaults, a status, and empty lists left out."""
    body = copy.deepcopy(wanted)
    body["metadata"] |= {"uid": "u", "resourceVersion": "9", "generation": 4}
    body["status"] = {"replicas": 1}
    if body["kind"] == "Deployment":
        body["spec"]["revisionHistoryLimit"] = 10
        [ours] = containers(body)
        ours["terminationMessagePath"] = "/dev/termination-log"
        ours["resources"] = {"limits": {"cpu": "1", "memory": "128Mi"}, "requests": {"cpu": "100m"}}
        ours["envFrom"] = ours["envFrom"] or None
    return body


def containers(body: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = body["spec"]["template"]["spec"]["containers"]
    return found


def pod(body: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = body["spec"]["template"]["spec"]
    return found


Change = Callable[[dict[str, Any]], object]

HARMLESS: list[tuple[str, Change]] = [
    ("nothing", lambda _body: None),
    ("a sidecar", lambda body: containers(body).insert(0, {"name": "mesh", "image": "mesh:1"})),
    ("a variable", lambda body: containers(body)[0]["env"].append({"name": "X", "value": "y"})),
    ("a volume", lambda body: pod(body)["volumes"].append({"name": "x", "emptyDir": {}})),
    ("an annotation", lambda body: body["metadata"]["annotations"].update({"tool.example/seen": "yes"})),
    ("a label", lambda body: body["metadata"]["labels"].update({"team": "a"})),
    ("a field that we leave open", lambda body: body["spec"].update({"minReadySeconds": 3})),
]
DRIFT: list[tuple[str, Change]] = [
    ("another image", lambda body: containers(body)[0].update({"image": "evil"})),
    ("our container is gone", lambda body: containers(body).clear()),
    ("fewer probes", lambda body: containers(body)[0].pop("readinessProbe")),
    ("another value of a variable", lambda body: containers(body)[0]["env"][0].update({"value": "x"})),
    ("a variable is gone", lambda body: containers(body)[0]["env"].pop()),
    ("a label is gone", lambda body: body["metadata"]["labels"].popitem()),
    ("another number of pods", lambda body: body["spec"].update({"replicas": 7})),
    ("an item more in a list of ours", lambda body: pod(body)["tolerations"].append({"key": "b"})),
    ("more memory", lambda body: containers(body)[0]["resources"]["limits"].update({"memory": "1Gi"})),
    ("the owner is gone", lambda body: body["metadata"].pop("ownerReferences")),
    ("a whole part is gone", lambda body: pod(body).pop("securityContext")),
    ("the mark is gone", lambda body: body["metadata"]["annotations"].pop(APPLIED)),
]


@pytest.mark.parametrize(("sentence", "change"), HARMLESS, ids=[row[0] for row in HARMLESS])
def test_what_others_add_is_no_reason_to_write(sentence: str, change: Change) -> None:
    live = served(build())
    change(live)
    assert is_applied(live, build()), sentence


@pytest.mark.parametrize(("sentence", "change"), DRIFT, ids=[row[0] for row in DRIFT])
def test_what_others_change_of_ours_is_written_again(sentence: str, change: Change) -> None:
    live = served(build())
    change(live)
    assert not is_applied(live, build()), sentence


def test_what_is_wanted_no_more_is_written_so_that_it_goes() -> None:
    without = marked(deployment.build(addin(resources=LIMITS), image="web:1", config_hash="h"))
    live = served(build())
    assert "nodeSelector" not in pod(without)
    assert not is_applied(live, without)


def test_a_port_that_somebody_opens_in_a_policy_is_closed_and_one_of_a_service_is_theirs() -> None:
    policy = marked(networkpolicy.build(VIEW.owner, {"from": [{"podSelector": {}}]}))
    opened = served(policy)
    opened["spec"]["ingress"][0]["ports"].append({"protocol": "TCP", "port": 9999})
    assert not is_applied(opened, policy)
    front = marked(service.build(VIEW.owner))
    widened = served(front)
    widened["spec"]["ports"].append({"name": "x", "port": 81, "protocol": "TCP"})
    assert is_applied(widened, front)


def test_the_version_that_a_write_relies_on_is_not_part_of_the_mark() -> None:
    body = deployment.build(VIEW, image="web:1", config_hash="h")
    versioned = {**body, "metadata": {**body["metadata"], "resourceVersion": "7"}}
    assert marked(body)["metadata"]["annotations"] == marked(versioned)["metadata"]["annotations"]
    assert marked(versioned)["metadata"]["resourceVersion"] == "7"
