"""Which ConfigMaps and Secrets a Pod refers to, and what is in them."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


class MissingReferenceError(Exception):
    """A ConfigMap, Secret, key or field that the Pod refers to is not there (or not known to this node)."""


@dataclass(frozen=True)
class Reference:
    """A ConfigMap or Secret that a Pod uses, in the Pod's own namespace."""

    kind: str
    """`ConfigMap` or `Secret`."""
    name: str


Sources = Mapping[Reference, Mapping[str, Any]]
"""The referenced objects that exist."""


def references(pod: Mapping[str, Any]) -> frozenset[Reference]:
    """Find every ConfigMap and Secret that the containers' variables and the volumes of a Pod name."""
    spec = pod["spec"]
    containers = [*spec.get("initContainers", ()), *spec["containers"]]
    return frozenset(_env_references(containers)) | frozenset(_volume_references(spec.get("volumes", ())))


def data_of(reference: Reference, sources: Sources, *, optional: bool) -> Mapping[str, bytes]:
    """Read the keys of a ConfigMap or Secret as bytes; empty when it is optional and not there.

    Raises:
        MissingReferenceError: it does not exist and is not optional.
    """
    found = sources.get(reference)
    if found is None:
        if optional:
            return {}
        raise MissingReferenceError(f'{reference.kind.lower()} "{reference.name}" not found')
    if reference.kind == "Secret":
        return {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
    binary = {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}
    return {**binary, **{key: value.encode() for key, value in (found.get("data") or {}).items()}}


def _env_references(containers: Iterable[Mapping[str, Any]]) -> Iterator[Reference]:
    for container in containers:
        for variable in container.get("env", ()):
            origin = variable.get("valueFrom", {})
            if "secretKeyRef" in origin:
                yield Reference("Secret", origin["secretKeyRef"]["name"])
            if "configMapKeyRef" in origin:
                yield Reference("ConfigMap", origin["configMapKeyRef"]["name"])
        for source in container.get("envFrom", ()):
            if "secretRef" in source:
                yield Reference("Secret", source["secretRef"]["name"])
            if "configMapRef" in source:
                yield Reference("ConfigMap", source["configMapRef"]["name"])


def _volume_references(volumes: Iterable[Mapping[str, Any]]) -> Iterator[Reference]:
    for volume in volumes:
        if "secret" in volume:
            yield Reference("Secret", volume["secret"]["secretName"])
        for source in (volume, *volume.get("projected", {}).get("sources", ())):
            if "configMap" in source:
                yield Reference("ConfigMap", source["configMap"]["name"])
            if source is not volume and "secret" in source:
                yield Reference("Secret", source["secret"]["name"])
