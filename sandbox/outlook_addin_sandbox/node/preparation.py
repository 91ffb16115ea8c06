"""Everything a container needs before it can start: references read, files written, process worked out."""

import asyncio
import os
import shutil
import sys
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import aiohttp

from outlook_addin_sandbox.node.api import ApiError, ApiServer
from outlook_addin_sandbox.node.container import Launch, NotStartableError
from outlook_addin_sandbox.node.memory import MemoryWatch
from outlook_addin_sandbox.node.pod_plan import Host, container_plan, pre_stop_plan
from outlook_addin_sandbox.node.probes import parse_probes
from outlook_addin_sandbox.node.references import MissingReferenceError, Reference, Sources, references
from outlook_addin_sandbox.node.tokens import PodTokens
from outlook_addin_sandbox.node.volumes import (
    Contents,
    copy_sub_paths,
    mounts,
    volume_folder,
    write_volume,
)

HOST_IP: Final = "127.0.0.1"
_TOKEN_MOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 (a path)
_COLLECTIONS: Final = {"ConfigMap": "configmaps", "Secret": "secrets"}
_T = TypeVar("_T")


@dataclass(frozen=True)
class NodeServices:
    """What all Pods of a node share."""

    api: ApiServer
    root: Path
    memory: MemoryWatch
    http: aiohttp.ClientSession


class Preparation:
    """Makes the containers of one Pod ready to start, and keeps their files up to date."""

    def __init__(self, pod: Mapping[str, Any], pod_ip: str, services: NodeServices) -> None:
        self.folder = services.root / "pods" / pod["metadata"]["uid"]
        self.scratch = self.folder / "tmp"
        self._pod_ip = pod_ip
        self._api = services.api
        self._tokens = PodTokens(services.api)

    def make_folders(self) -> None:
        """Make the folder that is the working directory of the containers."""
        self.scratch.mkdir(parents=True, exist_ok=True)

    def remove_files(self) -> None:
        """Remove all that is the Pod's, except for its logs."""
        for name in ("volumes", "copies", "tmp"):
            shutil.rmtree(self.folder / name, ignore_errors=True)

    async def launch(self, pod: Mapping[str, Any], container: Mapping[str, Any]) -> Launch:
        """Write the files of a container and work out its process.

        Raises:
            NotStartableError: something is missing, with the reason that a kubelet would report.
        """
        sources = await self._write_volumes(pod)
        places = mounts(pod, container, self.folder)
        try:
            await asyncio.to_thread(copy_sub_paths, pod, container, self.folder)
            host = self._host(places)
            plan = container_plan(pod, container, sources, host)
            probes = parse_probes(container, self._pod_ip)
            return Launch(plan, probes, pre_stop_plan(container, plan, host.mounts))
        except MissingReferenceError as error:
            raise NotStartableError("CreateContainerConfigError", str(error)) from error

    async def refresh(self, pod: Mapping[str, Any]) -> None:
        """Bring the mounted files up to date.

        Raises:
            NotStartableError: something is missing by now; its files stay as they are, as with a kubelet.
        """
        await self._write_volumes(pod)

    async def _write_volumes(self, pod: Mapping[str, Any]) -> Sources:
        sources = await _reached(self._sources(pod))
        tokens = await _reached(self._tokens.fresh(pod))
        contents = Contents(pod, sources, tokens, self._host({}))
        for volume in pod["spec"].get("volumes", ()):
            try:
                files = contents.files(volume)
            except MissingReferenceError as error:
                message = f'MountVolume.SetUp failed for volume "{volume["name"]}": {error}'
                raise NotStartableError("ContainerCreating", message) from error
            await asyncio.to_thread(write_volume, volume_folder(self.folder, volume["name"]), files)
        return sources

    async def _sources(self, pod: Mapping[str, Any]) -> Sources:
        namespace = pod["metadata"]["namespace"]
        found: dict[Reference, Mapping[str, Any]] = {}
        for reference in references(pod):
            path = f"/api/v1/namespaces/{namespace}/{_COLLECTIONS[reference.kind]}/{reference.name}"
            if (item := await self._api.get(path)) is not None:
                found[reference] = item
        return found

    def _host(self, places: Mapping[str, Path]) -> Host:
        local = {path: str(place) for path, place in places.items()}
        image_env = {
            "PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.scratch),
            "TMPDIR": local.get("/tmp", str(self.scratch)),  # noqa: S108 (a path in the container)
            "LANG": "C.UTF-8",
        }
        service_env = {
            "LISTEN_ADDRESS": self._pod_ip,
            "KUBERNETES_SERVICE_HOST": self._api.host,
            "KUBERNETES_SERVICE_PORT": str(self._api.port),
        }
        if _TOKEN_MOUNT in local:
            service_env["SERVICE_ACCOUNT_DIR"] = _TOKEN_MOUNT
        return Host(self._pod_ip, HOST_IP, image_env, service_env, local)


async def _reached(answer: Awaitable[_T]) -> _T:
    try:
        return await answer
    except (TimeoutError, aiohttp.ClientError, ApiError) as error:
        raise NotStartableError("ContainerCreating", f"the API server did not help: {error}") from error
