"""What one container of a Pod is started with: argv and environment, worked out from objects alone.

The rules are those of kubernetes.io/docs/tasks/inject-data-application: `envFrom` first and `env` over it,
`$(NAME)` expands to what is defined before, `$$` is a dollar sign, and a reference that is not optional
must exist.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from outlook_addin_sandbox.node.addresses import shown
from outlook_addin_sandbox.node.references import MissingReferenceError, Reference, Sources, data_of

_METADATA_ITEM: Final = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")
_EXPANSION: Final = re.compile(r"\$(?:\$|\(([^)]*)\))")


@dataclass(frozen=True)
class Host:
    """What the node adds to every container."""

    pod_ip: str
    host_ip: str
    image_env: Mapping[str, str]
    """Variables that an image would have set, such as PATH; the Pod's own come over them."""
    service_env: Mapping[str, str]
    """Variables of the node and its API server; the Pod's own come over them and may expand them."""
    mounts: Mapping[str, str]
    """Local path of each mount path of the container."""


@dataclass(frozen=True)
class ContainerPlan:
    """A process to start."""

    argv: tuple[str, ...]
    env: Mapping[str, str]


def container_plan(
    pod: Mapping[str, Any], container: Mapping[str, Any], sources: Sources, host: Host
) -> ContainerPlan:
    """Say which process stands for a container.

    Raises:
        MissingReferenceError: a needed ConfigMap, Secret, key or field does not exist, or no command.
    """
    _refuse_unsupported(pod, container)
    declared = environment(pod, container, sources, host)
    env = {name: localise(value, host.mounts) for name, value in declared.items()}
    words = (*container["command"], *container.get("args", ()))
    argv = tuple(localise(expand(word, declared), host.mounts) for word in words)
    return ContainerPlan(argv, {**host.image_env, **env})


def pre_stop_plan(
    container: Mapping[str, Any], plan: ContainerPlan, mounts: Mapping[str, str]
) -> ContainerPlan | float:
    """Say what happens before the container is asked to end: another process, or a wait in seconds."""
    action = container.get("lifecycle", {}).get("preStop", {})
    if "exec" in action:
        return ContainerPlan(tuple(localise(word, mounts) for word in action["exec"]["command"]), plan.env)
    return float(action.get("sleep", {}).get("seconds", 0))


def environment(
    pod: Mapping[str, Any], container: Mapping[str, Any], sources: Sources, host: Host
) -> dict[str, str]:
    """Compute the variables of node and Pod for a container, with paths as they stand in the Pod."""
    env = dict(host.service_env)
    for source in container.get("envFrom", ()):
        env.update(_env_from(source, sources))
    for variable in container.get("env", ()):
        value = _value(pod, variable, sources, host, env)
        if value is not None and not _means_own_address(variable["name"], value):
            env[variable["name"]] = value
    return env


def _means_own_address(name: str, value: str) -> bool:
    """Without network namespaces, "every address of the Pod" must stay the one that the node gave it."""
    return name == "LISTEN_ADDRESS" and value in {"0.0.0.0", "::"}


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by the variable's value, `$$` by `$`, and leave unknown names as they stand."""

    def substitute(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return variables.get(match[1], match[0])

    return _EXPANSION.sub(substitute, text)


def localise(text: str, mounts: Mapping[str, str]) -> str:
    """Replace whole mount paths in a text by their local paths, in one pass and the longest first."""
    if not mounts:
        return text
    longest_first = sorted((path.rstrip("/") for path in mounts), key=len, reverse=True)
    paths = "|".join(re.escape(path) for path in longest_first)
    local = {path.rstrip("/"): target for path, target in mounts.items()}
    return re.sub(rf"(?<![\w.-])(?:{paths})(?![\w.-])", lambda match: local[match[0]], text)


def field(pod: Mapping[str, Any], path: str, host: Host) -> str:
    """Read a downward API field.

    Raises:
        MissingReferenceError: the field is not one that a kubelet offers.
    """
    metadata, spec = pod["metadata"], pod["spec"]
    if match := _METADATA_ITEM.fullmatch(path):
        return str(metadata.get(match[1], {}).get(match[2], ""))
    if path in {"metadata.labels", "metadata.annotations"}:
        items = metadata.get(path.removeprefix("metadata."), {})
        return "\n".join(f'{key}="{value}"' for key, value in sorted(items.items()))
    values = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
        "status.podIP": shown(host.pod_ip),
        "status.podIPs": shown(host.pod_ip),
        "status.hostIP": host.host_ip,
        "status.hostIPs": host.host_ip,
    }
    if path not in values:
        raise MissingReferenceError(f"unsupported fieldPath {path}")
    return str(values[path])


def _refuse_unsupported(pod: Mapping[str, Any], container: Mapping[str, Any]) -> None:
    lifecycle = container.get("lifecycle", {})
    refused = {
        "the local node ignores images, so the container needs a command": not container.get("command"),
        "the local node runs no init containers": "initContainers" in pod["spec"],
        "the local node has no postStart": "postStart" in lifecycle,
        "the local node has only exec and sleep for preStop": "httpGet" in lifecycle.get("preStop", {}),
    }
    for reason, present in refused.items():
        if present:
            raise MissingReferenceError(reason)


def _env_from(source: Mapping[str, Any], sources: Sources) -> Iterator[tuple[str, str]]:
    kind, key = ("Secret", "secretRef") if "secretRef" in source else ("ConfigMap", "configMapRef")
    wanted = source[key]
    data = data_of(Reference(kind, wanted["name"]), sources, optional=wanted.get("optional", False))
    for name, value in data.items():
        yield source.get("prefix", "") + name, value.decode()


def _value(
    pod: Mapping[str, Any],
    variable: Mapping[str, Any],
    sources: Sources,
    host: Host,
    defined: Mapping[str, str],
) -> str | None:
    origin = variable.get("valueFrom")
    if not origin:
        return expand(variable.get("value", ""), defined)
    if "fieldRef" in origin:
        return field(pod, origin["fieldRef"]["fieldPath"], host)
    for kind, selector in (("Secret", "secretKeyRef"), ("ConfigMap", "configMapKeyRef")):
        if selector in origin:
            return _key(Reference(kind, origin[selector]["name"]), origin[selector], sources)
    raise MissingReferenceError(f"unsupported source of variable {variable['name']}: {', '.join(origin)}")


def _key(reference: Reference, selector: Mapping[str, Any], sources: Sources) -> str | None:
    optional = selector.get("optional", False)
    value = data_of(reference, sources, optional=optional).get(selector["key"])
    if value is not None:
        return value.decode()
    if optional:
        return None
    raise MissingReferenceError(
        f'couldn\'t find key {selector["key"]} in {reference.kind.lower()} "{reference.name}"'
    )
