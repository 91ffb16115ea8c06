"""The Kubernetes API, through lightkube: how it is reached, and our two kinds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightkube
from lightkube.config.kubeconfig import DEFAULT_KUBECONFIG, SERVICE_ACCOUNT, KubeConfig
from lightkube.config.models import Cluster, User
from lightkube.core.exceptions import ConfigError
from lightkube.generic_resource import GenericNamespacedResource, create_namespaced_resource
from lightkube.types import PatchType

from outlook_addin_core.domain.resources import (
    ADDIN,
    ADDINS,
    API_VERSION,
    GROUP,
    SUBSCRIPTION,
    SUBSCRIPTIONS,
    VERSION,
)

OutlookAddin = create_namespaced_resource(GROUP, VERSION, ADDIN, ADDINS)
CalendarSubscription = create_namespaced_resource(GROUP, VERSION, SUBSCRIPTION, SUBSCRIPTIONS)


def load(environ: Mapping[str, str]) -> lightkube.AsyncClient:
    """Return a client for the cluster that the environment names; the caller closes it.

    Inside a pod (KUBERNETES_SERVICE_HOST) the service account below SERVICE_ACCOUNT_DIR speaks, whose token
    is read again when it has been rotated; outside, the file that KUBECONFIG names.

    Raises:
        lightkube.core.exceptions.ConfigError: Neither can be read.
    """
    if environ.get("KUBERNETES_SERVICE_HOST"):
        # the API server of one's own cluster is not behind the proxy that leads out of it
        return lightkube.AsyncClient(_service_account(environ), trust_env=False)
    return lightkube.AsyncClient(KubeConfig.from_file(environ.get("KUBECONFIG") or DEFAULT_KUBECONFIG))


async def apply_status(  # noqa: PLR0913 - what a server-side apply consists of
    client: lightkube.AsyncClient,
    kind: type[GenericNamespacedResource],
    namespace: str,
    name: str,
    status: Mapping[str, Any],
    *,
    field_manager: str,
    force: bool = True,
) -> None:
    """Own exactly these fields of an object's status; what the manager owned besides them goes.

    Raises:
        lightkube.ApiError: The API server refuses, e.g. 404 when the object is gone.
    """
    metadata = {"name": name, "namespace": namespace}
    body = {"apiVersion": API_VERSION, "kind": kind.__name__, "metadata": metadata, "status": dict(status)}
    await client.patch(
        kind.Status,
        name,
        body,
        namespace=namespace,
        patch_type=PatchType.APPLY,
        field_manager=field_manager,
        force=force,
    )


def _service_account(environ: Mapping[str, str]) -> KubeConfig:
    directory = Path(environ.get("SERVICE_ACCOUNT_DIR") or SERVICE_ACCOUNT)
    for name in ("token", "ca.crt"):
        if not (directory / name).is_file():
            raise ConfigError(f"{directory} holds no {name}; mount a service account token there")
    host = environ["KUBERNETES_SERVICE_HOST"]
    address = f"[{host}]" if ":" in host else host
    return KubeConfig.from_one(
        cluster=Cluster(
            server=f"https://{address}:{environ.get('KUBERNETES_SERVICE_PORT') or 443}",
            certificate_auth=str(directory / "ca.crt"),
        ),
        user=User(token_file=str(directory / "token")),
        namespace=_namespace(directory, environ),
    )


def _namespace(directory: Path, environ: Mapping[str, str]) -> str | None:
    if environ.get("POD_NAMESPACE"):
        return environ["POD_NAMESPACE"]
    try:
        return (directory / "namespace").read_text().strip() or None
    except FileNotFoundError:
        return None
