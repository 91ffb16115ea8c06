"""The files of a Pod's volumes, and where its containers find them on this machine.

ConfigMap, Secret and projected volumes are replaced as a whole by the renaming of one symbolic link
(`..data`), as a kubelet does, so that a reader never sees half of a change. A `subPath` of them is a copy
made when the container starts, which later changes do not reach; that of an emptyDir is a folder in it.
"""

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from outlook_addin_sandbox.node.pod_plan import Host, field
from outlook_addin_sandbox.node.references import MissingReferenceError, Reference, Sources, data_of

_DATA: Final = "..data"
_DEFAULT_TOKEN_SECONDS: Final = 3600


@dataclass(frozen=True)
class TokenWish:
    """A service-account token that a projected volume asks for."""

    audience: str
    """Empty for the API server's own audience."""
    seconds: int

    @classmethod
    def of(cls, source: Mapping[str, Any]) -> "TokenWish":
        """Read a `serviceAccountToken` projection."""
        return cls(source.get("audience", ""), source.get("expirationSeconds", _DEFAULT_TOKEN_SECONDS))


@dataclass(frozen=True)
class Contents:
    """Everything that the files of a Pod's volumes are made from."""

    pod: Mapping[str, Any]
    sources: Sources
    tokens: Mapping[TokenWish, str]
    host: Host

    def files(self, volume: Mapping[str, Any]) -> dict[str, bytes] | None:
        """List the files of one volume by relative path; None for an emptyDir, whose files are the Pod's own.

        Raises:
            MissingReferenceError: something that is not optional is missing, or the kind is not supported.
        """
        if "emptyDir" in volume:
            return None
        if "projected" in volume:
            parts = (self._projection(source) for source in volume["projected"].get("sources") or ())
            return {path: data for part in parts for path, data in part.items()}
        return self._projection({key: value for key, value in volume.items() if key != "name"})

    def _projection(self, source: Mapping[str, Any]) -> dict[str, bytes]:
        ((kind, value),) = source.items()
        if kind == "serviceAccountToken":
            return {value["path"]: self.tokens[TokenWish.of(value)].encode()}
        if kind == "downwardAPI":
            return {item["path"]: self._downward(item) for item in value.get("items", ())}
        if kind == "configMap":
            return _keys(Reference("ConfigMap", value["name"]), value, self.sources)
        if kind == "secret":
            return _keys(Reference("Secret", value.get("secretName") or value["name"]), value, self.sources)
        raise MissingReferenceError(f"the local node has no {kind} volumes")

    def _downward(self, item: Mapping[str, Any]) -> bytes:
        if "fieldRef" not in item:
            raise MissingReferenceError(f"the local node cannot project {item['path']}")
        return field(self.pod, item["fieldRef"]["fieldPath"], self.host).encode()


def token_wishes(pod: Mapping[str, Any]) -> frozenset[TokenWish]:
    """Find the service-account tokens that the volumes of a Pod ask for."""
    return frozenset(
        TokenWish.of(source["serviceAccountToken"])
        for volume in pod["spec"].get("volumes", ())
        for source in volume.get("projected", {}).get("sources") or ()
        if "serviceAccountToken" in source
    )


def volume_folder(pod_folder: Path, name: str) -> Path:
    """Say where a volume lies."""
    return pod_folder / "volumes" / name


def mounts(pod: Mapping[str, Any], container: Mapping[str, Any], pod_folder: Path) -> dict[str, Path]:
    """Map every mount path of a container to its place on this machine."""
    return {mount["mountPath"]: local for mount, local, _ in _mounts(pod, container, pod_folder)}


def copy_sub_paths(pod: Mapping[str, Any], container: Mapping[str, Any], pod_folder: Path) -> None:
    """Copy what a starting container mounts by `subPath`.

    Raises:
        MissingReferenceError: the volume has no such path.
    """
    for mount, local, copied in _mounts(pod, container, pod_folder):
        if copied:
            _copy(volume_folder(pod_folder, mount["name"]) / mount["subPath"], local)
        elif "subPath" in mount:
            local.mkdir(parents=True, exist_ok=True)


def write_volume(folder: Path, files: Mapping[str, bytes] | None) -> None:
    """Make the folder hold exactly these files, all of them changing at once; None leaves the files alone."""
    folder.mkdir(parents=True, exist_ok=True)
    if files is None:
        return
    if (folder / _DATA).is_dir() and _read(folder / _DATA) == files:
        return
    generation = Path(tempfile.mkdtemp(prefix="..", dir=folder))
    for path, data in files.items():
        target = generation / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    _switch(folder, generation)


def _switch(folder: Path, generation: Path) -> None:
    previous = (folder / _DATA).resolve()
    link = folder / "..data_next"
    link.symlink_to(generation.name)
    link.rename(folder / _DATA)
    names = {entry.name for entry in generation.iterdir()}
    shown = {entry.name for entry in folder.iterdir() if not entry.name.startswith("..")}
    for name in names - shown:
        (folder / name).symlink_to(f"{_DATA}/{name}")
    for name in shown - names:
        (folder / name).unlink()
    if previous.name != _DATA:
        shutil.rmtree(previous)


def _read(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _keys(reference: Reference, selector: Mapping[str, Any], sources: Sources) -> dict[str, bytes]:
    optional = selector.get("optional", False)
    data = data_of(reference, sources, optional=optional)
    if "items" not in selector:
        return dict(data)
    missing = [item["key"] for item in selector["items"] if item["key"] not in data]
    if missing and not optional:
        raise MissingReferenceError(f'{reference.kind.lower()} "{reference.name}" has no key {missing[0]}')
    return {item["path"]: data[item["key"]] for item in selector["items"] if item["key"] in data}


def _mounts(
    pod: Mapping[str, Any], container: Mapping[str, Any], pod_folder: Path
) -> Iterator[tuple[Mapping[str, Any], Path, bool]]:
    empty = {volume["name"] for volume in pod["spec"].get("volumes", ()) if "emptyDir" in volume}
    for number, mount in enumerate(container.get("volumeMounts", ())):
        folder = volume_folder(pod_folder, mount["name"])
        copied = "subPath" in mount and mount["name"] not in empty
        if copied:
            name = PurePosixPath(mount["mountPath"]).name
            yield mount, pod_folder / "copies" / container["name"] / str(number) / name, True
        else:
            yield mount, folder / mount.get("subPath", ""), False


def _copy(source: Path, target: Path) -> None:
    if not source.exists():
        raise MissingReferenceError(f"subPath {source.name} is not in volume {source.parent.name}")
    shutil.rmtree(target.parent, ignore_errors=True)
    target.parent.mkdir(parents=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)
