"""Argv, environment and references of a container, worked out from objects alone."""

import base64
from typing import Any

import pytest

from outlook_addin_sandbox.node.pod_plan import (
    ContainerPlan,
    Host,
    container_plan,
    expand,
    localise,
    pre_stop_plan,
)
from outlook_addin_sandbox.node.references import MissingReferenceError, Reference, references

HOST = Host(
    pod_ip="127.20.0.1",
    host_ip="127.0.0.1",
    image_env={"PATH": "/bin", "HOME": "/local/tmp"},
    service_env={"LISTEN_ADDRESS": "127.20.0.1"},
    mounts={"/etc/app": "/local/app"},
)
SOURCES = {
    Reference("Secret", "keys"): {"data": {"TOKEN": base64.b64encode(b"s3cret").decode()}},
    Reference("ConfigMap", "plain"): {"data": {"COLOUR": "red", "SIZE": "big"}},
}


def plan(pod_spec: dict[str, Any] | None = None, **container: Any) -> ContainerPlan:
    container = {"name": "web", "command": ["serve"], **container}
    metadata = {"name": "web-1", "namespace": "team", "uid": "u-1", "labels": {"app": "web"}}
    pod = {"metadata": metadata, "spec": {"containers": [container], **(pod_spec or {})}}
    return container_plan(pod, container, SOURCES, HOST)


def test_a_container_sees_its_own_variables_over_those_of_the_image_and_nothing_of_the_caller() -> None:
    assert plan(env=[{"name": "HOME", "value": "/root"}]).env == {
        "PATH": "/bin",
        "HOME": "/root",
        "LISTEN_ADDRESS": "127.20.0.1",
    }


def test_env_from_takes_all_keys_with_a_prefix_and_env_overrides_them() -> None:
    env_from = [
        {"secretRef": {"name": "keys"}},
        {"prefix": "APP_", "configMapRef": {"name": "plain"}},
        {"secretRef": {"name": "absent", "optional": True}},
    ]
    env = plan(envFrom=env_from, env=[{"name": "APP_SIZE", "value": "small $(APP_COLOUR)"}]).env
    assert {"TOKEN": "s3cret", "APP_COLOUR": "red", "APP_SIZE": "small red"}.items() <= env.items()


@pytest.mark.parametrize(
    ("origin", "value"),
    [
        ({"secretKeyRef": {"name": "keys", "key": "TOKEN"}}, "s3cret"),
        ({"configMapKeyRef": {"name": "plain", "key": "SIZE"}}, "big"),
        ({"configMapKeyRef": {"name": "plain", "key": "absent", "optional": True}}, None),
        ({"secretKeyRef": {"name": "absent", "key": "TOKEN", "optional": True}}, None),
        ({"fieldRef": {"fieldPath": "metadata.namespace"}}, "team"),
        ({"fieldRef": {"fieldPath": "metadata.labels['app']"}}, "web"),
        ({"fieldRef": {"fieldPath": "status.podIP"}}, "10.20.0.1"),
    ],
)
def test_a_variable_takes_its_value_from_elsewhere(origin: dict[str, Any], value: str | None) -> None:
    assert plan(env=[{"name": "X", "valueFrom": origin}]).env.get("X") == value


@pytest.mark.parametrize(
    ("container", "message"),
    [
        ({"envFrom": [{"secretRef": {"name": "absent"}}]}, 'secret "absent" not found'),
        (
            {"env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "NO"}}}]},
            "couldn't find key NO",
        ),
        ({"env": [{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "spec.shoe"}}}]}, "spec.shoe"),
        ({"env": [{"name": "X", "valueFrom": {"resourceFieldRef": {}}}]}, "resourceFieldRef"),
        ({"command": []}, "needs a command"),
        ({"lifecycle": {"postStart": {}}}, "postStart"),
        ({"lifecycle": {"preStop": {"httpGet": {}}}}, "preStop"),
    ],
)
def test_what_is_missing_or_not_supported_is_named(container: dict[str, Any], message: str) -> None:
    with pytest.raises(MissingReferenceError, match=message):
        plan(**container)


def test_init_containers_are_refused() -> None:
    with pytest.raises(MissingReferenceError, match="init containers"):
        plan({"initContainers": [{"name": "first"}]})


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$(A)-$(B)", "1-$(B)"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$A ${A} $", "$A ${A} $"),
    ],
)
def test_references_expand_as_in_kubernetes(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1"}) == expanded


def test_arguments_expand_variables_and_point_to_local_files() -> None:
    built = plan(
        command=["serve", "--listen=$(LISTEN_ADDRESS)"],
        args=["$(FILE)", "--ca=/etc/app/ca.crt"],
        env=[{"name": "FILE", "value": "/etc/app/x.json"}],
    )
    assert built.argv == (
        "serve",
        "--listen=127.20.0.1",
        "/local/app/x.json",
        "--ca=/local/app/ca.crt",
    )
    assert built.env["FILE"] == "/local/app/x.json"


MOUNTS = {"/tmp": "/tmp/pod/tmp", "/etc/app": "/L/app", "/etc/app/a.json": "/L/copies/a.json"}


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("/etc/app/a.json", "/L/copies/a.json"),
        ("/etc/app/b.json", "/L/app/b.json"),
        ("open('/etc/app')", "open('/L/app')"),
        ("file:///etc/app/b", "file:///L/app/b"),
        ("/tmp/x:/etc/app", "/tmp/pod/tmp/x:/L/app"),
        ("/etc/apples", "/etc/apples"),
        ("/var/tmp", "/var/tmp"),
        ("https://host/tmp", "https://host/tmp"),
        ("/etc/app-old", "/etc/app-old"),
    ],
)
def test_only_whole_mount_paths_become_local_and_the_longest_wins(text: str, local: str) -> None:
    assert localise(text, MOUNTS) == local


def test_a_container_without_mounts_keeps_its_texts() -> None:
    assert localise("/anything", {}) == "/anything"


def test_pre_stop_is_a_wait_or_a_process_with_the_containers_variables() -> None:
    running = ContainerPlan(("serve",), {"A": "1"})
    sleep = {"lifecycle": {"preStop": {"sleep": {"seconds": 5}}}}
    drain = {"lifecycle": {"preStop": {"exec": {"command": ["drain", "/etc/app"]}}}}
    assert pre_stop_plan(sleep, running, {}) == 5.0
    assert pre_stop_plan({}, running, {}) == 0.0
    assert pre_stop_plan(drain, running, {"/etc/app": "/L"}) == ContainerPlan(("drain", "/L"), {"A": "1"})


def test_every_named_configmap_and_secret_is_found() -> None:
    container = {
        "env": [
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s1", "key": "k"}}},
            {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "c1", "key": "k"}}},
        ],
        "envFrom": [{"secretRef": {"name": "s2"}}, {"configMapRef": {"name": "c2"}}],
    }
    volumes = [
        {"name": "a", "secret": {"secretName": "s3"}},
        {"name": "b", "configMap": {"name": "c3"}},
        {"name": "c", "projected": {"sources": [{"secret": {"name": "s4"}}, {"configMap": {"name": "c4"}}]}},
        {"name": "d", "emptyDir": {}},
    ]
    found = references({"spec": {"containers": [container], "volumes": volumes}})
    assert {each.name for each in found if each.kind == "Secret"} == {"s1", "s2", "s3", "s4"}
    assert {each.name for each in found if each.kind == "ConfigMap"} == {"c1", "c2", "c3", "c4"}
