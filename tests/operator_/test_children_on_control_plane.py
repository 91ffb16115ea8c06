"""What the operator makes beside the web server, and what it leaves to others, on a real API server."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from outlook_addin_sandbox.cluster.kubectl import ESTABLISHED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from operator_.conftest import Here
    from outlook_addin_sandbox.cluster.control_plane import ControlPlane

    Build = Callable[..., dict[str, Any]]

PARTS: dict[str, Any] = {
    "autoscaling": {"maxReplicas": 3},
    "disruptionBudget": {"minAvailable": 1},
    "networkPolicy": {"from": [{"namespaceSelector": {}}]},
    "podMonitor": {"interval": "30s"},
    "httpRoute": {"parentRefs": [{"name": "gate"}]},
}
KINDS = {
    "hpa": "autoscaling",
    "pdb": "disruptionBudget",
    "networkpolicy": "networkPolicy",
    "podmonitors.monitoring.coreos.com": "podMonitor",
    "httproutes.gateway.networking.k8s.io": "httpRoute",
}
FOREIGN_KINDS = (
    ("monitoring.coreos.com", "PodMonitor", "podmonitors"),
    ("gateway.networking.k8s.io", "HTTPRoute", "httproutes"),
    ("route.openshift.io", "Route", "routes"),
)


def crd(group: str, kind: str, plural: str) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"kind": kind, "plural": plural, "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, a stand-in"},
        },
        "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": [version]},
    }


@pytest.fixture
def foreign_kinds(control_plane: ControlPlane) -> Iterator[None]:
    """The kinds of the Gateway API, OpenShift and the Prometheus Operator, for the time of one test."""
    items = [crd(*kind) for kind in FOREIGN_KINDS]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    names = [f"crd/{item['metadata']['name']}" for item in items]
    control_plane.kubectl("apply", "-f", "-", input_text=text)
    control_plane.kubectl("wait", ESTABLISHED, *names, "--timeout=30s")
    yield
    control_plane.kubectl("delete", *names, "--timeout=30s")


def condition(body: dict[str, Any], kind: str) -> tuple[str, str] | None:
    for item in body.get("status", {}).get("conditions", ()):
        if item["type"] == kind:
            return item["status"], item["reason"]
    return None


async def patch(here: Here, kind: str, name: str, **spec: Any) -> None:
    await here.kubectl("patch", kind, name, "--type=merge", "-p", json.dumps({"spec": spec}))


async def rolled(here: Here, level: str) -> dict[str, Any]:
    """Change the configuration, and return the Deployment once it has been applied again."""
    before = await here.get("deployment", "desk")
    assert before is not None
    await patch(here, "oaddin", "desk", logLevel=level)
    known = config_hash(before)
    return await here.until("deployment", "desk", lambda body: config_hash(body) != known)


def config_hash(deployment: dict[str, Any]) -> str:
    annotations = deployment["spec"]["template"]["metadata"]["annotations"]
    value: str = annotations["outlook-addin.dev/config-hash"]
    return value


async def owners_of_replicas(here: Here) -> set[str]:
    text = await here.kubectl("get", "deployment", "desk", "--show-managed-fields", "-o", "json")
    return {
        entry["manager"]
        for entry in json.loads(text)["metadata"]["managedFields"]
        if "f:replicas" in entry["fieldsV1"].get("f:spec", {})
    }


@pytest.mark.usefixtures("foreign_kinds")
async def test_every_part_is_made_when_asked_for_and_removed_when_not(here: Here, addin: Build) -> None:
    await here.apply(addin(sync=False, proxy={}, **PARTS))
    for kind in KINDS:
        child = await here.until(kind, "desk", lambda _body: True)
        assert child["metadata"]["ownerReferences"][0]["controller"] is True
    await here.make_pods_ready()
    await here.until("oaddin", "desk", lambda body: condition(body, "Ready") == ("True", "Available"))
    await patch(here, "oaddin", "desk", **dict.fromkeys(PARTS), route={})
    for kind in KINDS:
        await here.until_gone(kind, "desk")
    await here.until("routes.route.openshift.io", "desk", lambda body: body["spec"]["to"]["name"] == "desk")


async def test_a_part_that_the_cluster_does_not_serve_is_named_and_holds_nothing_up(
    here: Here, addin: Build
) -> None:
    await here.apply(addin(sync=False, proxy={}, podMonitor={}))
    await here.make_pods_ready()
    body = await here.until("oaddin", "desk", lambda body: condition(body, "Ready") == ("True", "Available"))
    assert condition(body, "PartUnavailable") == ("True", "KindNotServed")
    assert condition(body, "Stalled") is None
    await patch(here, "oaddin", "desk", podMonitor=None)
    await here.until("oaddin", "desk", lambda body: condition(body, "PartUnavailable") is None)


async def test_changed_words_of_invitations_roll_the_pods_and_missing_ones_leave_them_alone(
    here: Here, addin: Build
) -> None:
    async def applied() -> tuple[str, Any]:
        deployment, config_map = await here.get("deployment", "desk"), await here.get("cm", "desk-config")
        assert deployment is not None
        assert config_map is not None
        return config_hash(deployment), json.loads(config_map["data"]["addin.json"]).get("invitationTexts")

    def words(text: str) -> dict[str, Any]:
        metadata = {"name": "words"}
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"default": text}}

    reference = {"invitationTextRef": {"name": "words"}}
    await here.apply(words("Welcome"), addin(sync=False, proxy={}, client=reference))
    await here.make_pods_ready()
    await here.until("oaddin", "desk", lambda body: condition(body, "Ready") == ("True", "Available"))
    first, texts = await applied()
    assert texts == {"default": "Welcome"}
    await here.apply(words("Good morning"))
    await here.kubectl("annotate", "oaddin", "desk", "look=again")
    await here.until("deployment", "desk", lambda body: config_hash(body) != first)
    await here.make_pods_ready()
    second = await applied()
    assert second[1] == {"default": "Good morning"}
    await here.kubectl("delete", "cm", "words")
    await here.kubectl("annotate", "oaddin", "desk", "look=once-more", "--overwrite")
    missing = ("False", "InvitationTextNotFound")
    await here.until("oaddin", "desk", lambda body: condition(body, "Ready") == missing)
    assert await applied() == second


async def test_the_number_of_pods_is_handed_to_the_autoscaler_and_back_without_a_jump(
    here: Here, addin: Build
) -> None:
    await here.apply(addin(sync=False, proxy={}, replicas=2))
    await here.until("deployment", "desk", lambda body: body["spec"]["replicas"] == 2)
    seen: list[int] = []

    async def follow() -> None:
        while True:
            body = await here.get("deployment", "desk")
            seen.append(body["spec"]["replicas"] if body else -1)
            await asyncio.sleep(0.1)

    following = asyncio.create_task(follow())
    await patch(here, "oaddin", "desk", autoscaling={"minReplicas": 3, "maxReplicas": 5})
    await here.until("deployment", "desk", lambda body: body["spec"]["replicas"] == 3)
    await rolled(here, "debug")
    assert await owners_of_replicas(here) == {"kube-controller-manager"}
    await rolled(here, "info")
    following.cancel()
    assert sorted(seen) == seen
    assert set(seen) <= {2, 3}
    await patch(here, "oaddin", "desk", autoscaling=None)
    await here.until("deployment", "desk", lambda body: body["spec"]["replicas"] == 2)
    assert await owners_of_replicas(here) == {"outlook-addin-operator"}


async def test_an_autoscaler_of_somebody_else_scales_the_addin_and_not_its_deployment(
    here: Here, addin: Build
) -> None:
    await here.apply(addin(sync=False, proxy={}))
    await here.until("deployment", "desk", lambda body: body["spec"]["replicas"] == 1)
    await here.kubectl("scale", "oaddin", "desk", "--replicas=3")
    await here.until("deployment", "desk", lambda body: body["spec"]["replicas"] == 3)
    await here.kubectl("scale", "deployment", "desk", "--replicas=7")
    await here.until("deployment", "desk", lambda body: body["spec"]["replicas"] == 3)


async def test_what_others_add_to_a_child_stays(here: Here, addin: Build) -> None:
    await here.apply(addin(sync=False, proxy={}))
    await here.until("deployment", "desk", lambda _body: True)
    sidecar = {"name": "mesh", "image": "mesh:1"}
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "desk", "annotations": {"tool.example/seen": "yes"}},
        "spec": {"template": {"spec": {"containers": [sidecar]}}},
    }
    await here.kubectl("apply", "--server-side", "--field-manager=mesh", "-f", "-", text=json.dumps(body))
    await here.kubectl("annotate", "service", "desk", "cloud.example/balancer=inner")
    deployment = await rolled(here, "debug")
    assert deployment["metadata"]["annotations"]["tool.example/seen"] == "yes"
    containers = deployment["spec"]["template"]["spec"]["containers"]
    assert {item["name"]: item["image"] for item in containers} == {
        "outlook-addin": "web:test",
        "mesh": "mesh:1",
    }
    service = await here.get("service", "desk")
    assert service is not None
    assert service["metadata"]["annotations"]["cloud.example/balancer"] == "inner"


async def test_what_an_older_version_named_otherwise_is_removed_and_nothing_else(
    here: Here, addin: Build
) -> None:
    await here.apply(addin(sync=False, proxy={}))
    current = await here.until("configmap", "desk-config", lambda _body: True)
    labels, owners = current["metadata"]["labels"], current["metadata"]["ownerReferences"]
    for name, references in (("desk-old", owners), ("desk-copy", [])):
        metadata = {"name": name, "labels": labels, "ownerReferences": references}
        await here.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata})
    await here.until_gone("configmap", "desk-old")
    assert await here.get("configmap", "desk-copy") is not None
    assert await here.get("configmap", "desk-config") is not None


async def test_a_deployment_handed_over_with_another_selector_is_left_to_a_person(
    here: Here, addin: Build
) -> None:
    template = {
        "metadata": {"labels": {"app": "old"}},
        "spec": {"containers": [{"name": "outlook-addin", "image": "old"}]},
    }
    old = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "desk", "annotations": {"outlook-addin.dev/adopt": "true"}},
        "spec": {"selector": {"matchLabels": {"app": "old"}}, "template": template},
    }
    await here.apply(old, addin(sync=False, proxy={}))
    body = await here.until(
        "oaddin", "desk", lambda body: condition(body, "Stalled") == ("True", "ImmutableField")
    )
    [ready] = [item for item in body["status"]["conditions"] if item["type"] == "Ready"]
    assert "kubectl delete deployment/desk" in ready["message"]
    await here.kubectl("delete", "deployment", "desk")
    await here.kubectl("annotate", "oaddin", "desk", "look=again")
    await here.make_pods_ready()
    await here.until("oaddin", "desk", lambda body: condition(body, "Stalled") is None)


async def test_a_role_binding_to_another_role_is_made_anew(
    here: Here, addin: Build, credentials: list[dict[str, Any]]
) -> None:
    other = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "desk", "annotations": {"outlook-addin.dev/adopt": "true"}},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
    }
    await here.apply(other, *credentials, addin())
    await here.until("rolebinding", "desk", lambda body: body["roleRef"]["name"] == "outlook-addin-web")


async def test_a_suspended_addin_is_left_as_it_is_until_it_is_resumed(here: Here, addin: Build) -> None:
    await here.apply(addin(sync=False, proxy={}))
    await here.make_pods_ready()
    await here.until("oaddin", "desk", lambda body: condition(body, "Ready") == ("True", "Available"))
    await patch(here, "oaddin", "desk", suspend=True)
    await here.until("oaddin", "desk", lambda body: condition(body, "Suspended") is not None)
    before = await here.get("deployment", "desk")
    assert before is not None
    await here.kubectl("delete", "service", "desk")
    await patch(here, "oaddin", "desk", logLevel="debug")
    body = await here.until(
        "oaddin", "desk", lambda body: body["status"]["observedGeneration"] == body["metadata"]["generation"]
    )
    assert condition(body, "Ready") == ("True", "Available")
    after = await here.get("deployment", "desk")
    assert after is not None
    assert after["metadata"]["generation"] == before["metadata"]["generation"]
    assert await here.get("service", "desk") is None
    await patch(here, "oaddin", "desk", suspend=False)
    await here.until("service", "desk", lambda _body: True)
    await here.until("deployment", "desk", lambda body: config_hash(body) != config_hash(before))


async def test_an_addin_that_is_made_anew_takes_its_name_back_by_itself(here: Here, addin: Build) -> None:
    owner = {"apiVersion": "outlook-addin.dev/v1alpha1", "kind": "OutlookAddin", "name": "desk"}
    gone = {**owner, "uid": "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "controller": True}
    left = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "desk", "ownerReferences": [gone]},
        "spec": {"ports": [{"port": 1}]},
    }
    await here.apply(left, addin(sync=False, proxy={}))
    # the garbage collector does this, as soon as it knows of the kind
    await here.kubectl("delete", "service", "desk", "--ignore-not-found")
    service = await here.until("service", "desk", lambda _body: True)
    body = await here.get("oaddin", "desk")
    assert body is not None
    assert service["metadata"]["ownerReferences"][0]["uid"] == body["metadata"]["uid"]
    assert condition(body, "Stalled") is None
