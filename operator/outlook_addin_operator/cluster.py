"""The Kubernetes API as the operator uses it: plain objects in, plain objects out.

lightkube speaks HTTP; this module adds which kinds there are, our field manager, and errors sorted by what
a reconcile does about them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from typing import Any, Final

import httpx2
import lightkube
from lightkube.core.resource import ApiInfo, ResourceDef
from lightkube.generic_resource import GenericNamespacedResource, GenericNamespacedStatus, create_api_info
from lightkube.models.authentication_v1 import TokenRequestSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import ServiceAccountToken
from lightkube.types import PatchType

from outlook_addin_core.domain.resources import ADDIN, ADDINS, GROUP, SUBSCRIPTION, SUBSCRIPTIONS, VERSION
from outlook_addin_operator.keys import FIELD_MANAGER, Key, Object

KINDS: Final[Mapping[str, tuple[str, str, str]]] = {
    ADDIN: (GROUP, VERSION, ADDINS),
    SUBSCRIPTION: (GROUP, VERSION, SUBSCRIPTIONS),
    "ConfigMap": ("", "v1", "configmaps"),
    "Secret": ("", "v1", "secrets"),
    "ServiceAccount": ("", "v1", "serviceaccounts"),
    "Service": ("", "v1", "services"),
    "Pod": ("", "v1", "pods"),
    "Deployment": ("apps", "v1", "deployments"),
    "HorizontalPodAutoscaler": ("autoscaling", "v2", "horizontalpodautoscalers"),
    "PodDisruptionBudget": ("policy", "v1", "poddisruptionbudgets"),
    "NetworkPolicy": ("networking.k8s.io", "v1", "networkpolicies"),
    "PodMonitor": ("monitoring.coreos.com", "v1", "podmonitors"),
    "RoleBinding": ("rbac.authorization.k8s.io", "v1", "rolebindings"),
    "Ingress": ("networking.k8s.io", "v1", "ingresses"),
    "HTTPRoute": ("gateway.networking.k8s.io", "v1", "httproutes"),
    "Route": ("route.openshift.io", "v1", "routes"),
    "Event": ("events.k8s.io", "v1", "events"),
}


_IMMUTABLE: Final = ("field is immutable", "cannot change roleRef", "may not change once set")
"""How API servers word the refusal to change what is fixed."""


class ClusterError(Exception):
    """The API server refused or could not be reached; the text says which and why."""


class NotServedError(ClusterError):
    """The API server does not know the kind: its CustomResourceDefinition is not installed."""


class GoneError(ClusterError):
    """The object does not exist any more."""


class ConflictError(ClusterError):
    """Somebody else was faster: read again, and decide again."""


class ForbiddenError(ClusterError):
    """The operator's role does not allow it."""


class ImmutableError(ClusterError):
    """The object cannot be changed in place: a field that is fixed at its creation would have to change."""


def _resource(kind: str) -> type[GenericNamespacedResource]:
    """Make lightkube's class of a kind without its global registry, which holds typed classes of ours."""
    group, version, plural = KINDS[kind]
    info = create_api_info(group, version, kind, plural)
    status = ApiInfo(
        resource=info.resource,
        parent=ResourceDef(group, version, kind),
        plural=plural,
        verbs=["get", "patch", "put"],
        action="status",
    )
    sub = type(f"{kind}Status", (GenericNamespacedStatus,), {"_api_info": status})
    return type(kind, (GenericNamespacedResource,), {"_api_info": info, "Status": sub})


_RESOURCES = {kind: _resource(kind) for kind in KINDS}


class Cluster:
    """One cluster. Every method raises ClusterError or one of its kinds."""

    def __init__(self, client: lightkube.AsyncClient) -> None:
        self._client = client

    async def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """Read an object; None if it does not exist."""
        with suppress(GoneError), _errors():
            return dict(await self._client.get(_RESOURCES[kind], name, namespace=namespace))
        return None

    async def list(
        self,
        kind: str,
        namespace: str,
        *,
        labels: dict[str, Any] | None = None,
        fields: dict[str, Any] | None = None,
    ) -> list[Object]:
        """Read all objects of a kind in a namespace that the selectors pick."""
        with _errors():
            found = self._client.list(
                _RESOURCES[kind], namespace=namespace, labels=labels, fields=fields, chunk_size=500
            )
            return [dict(item) async for item in found]

    async def served(self, kind: str, namespace: str = "*") -> bool:
        """Tell whether the API server knows a kind, asked where the operator may list it."""
        try:
            with _errors():
                async for _ in self._client.list(_RESOURCES[kind], namespace=namespace, chunk_size=1):
                    break
        except NotServedError:
            return False
        except ForbiddenError:
            return True  # the watches, which need the same right, tell what is missing
        return True

    async def apply(self, body: Object) -> Object:
        """Apply a child on the server's side: exactly these fields are ours, whoever had them before."""
        metadata = body["metadata"]
        return await self._patch(body["kind"], metadata["namespace"], metadata["name"], body, PatchType.APPLY)

    async def create(self, body: Object) -> bool:
        """Create an object; False if one of that name exists."""
        resource: Any = _RESOURCES[body["kind"]]
        with suppress(ConflictError), _errors():
            await self._client.create(resource(body), field_manager=FIELD_MANAGER)
            return True
        return False

    async def delete(self, key: Key) -> None:
        """Delete an object; one that does not exist any more is as good."""
        with suppress(GoneError), _errors():
            await self._client.delete(_RESOURCES[key.kind], key.name, namespace=key.namespace)

    async def set_finalizers(self, body: Mapping[str, Any], finalizers: Sequence[str]) -> Object | None:
        """Replace an object's finalizers, provided that nobody changed it since it was read.

        Returns:
            The object as it is now; None if it is gone.
        """
        metadata = body["metadata"]
        patch = {"metadata": {"resourceVersion": metadata["resourceVersion"], "finalizers": list(finalizers)}}
        kind, namespace, name = body["kind"], metadata["namespace"], metadata["name"]
        with suppress(GoneError):
            return await self._patch(kind, namespace, name, patch, PatchType.MERGE)
        return None

    async def annotate(self, key: Key, annotations: Mapping[str, str]) -> None:
        """Set annotations of an object; one that does not exist any more needs none."""
        patch = {"metadata": {"annotations": dict(annotations)}}
        with suppress(GoneError):
            await self._patch(key.kind, key.namespace, key.name, patch, PatchType.MERGE)

    async def service_account_token(
        self, namespace: str, name: str, *, audience: str, seconds: int = 3600
    ) -> str:
        """Return a token that proves to another party to speak for a service account."""
        wanted = TokenRequestSpec(audiences=[audience], expirationSeconds=seconds)
        request = ServiceAccountToken(metadata=ObjectMeta(), spec=wanted)
        with _errors():
            answer = await self._client.create(request, name, namespace=namespace)
        if answer.status is None or not answer.status.token:
            raise ClusterError("the API server gave no token")
        return answer.status.token

    async def apply_status(self, body: Mapping[str, Any], status: Mapping[str, Any]) -> None:
        """Own exactly these fields of an object's status; what we owned besides them is removed."""
        metadata = body["metadata"]
        patch = {
            "apiVersion": body["apiVersion"],
            "kind": body["kind"],
            "metadata": {"name": metadata["name"], "namespace": metadata["namespace"]},
            "status": dict(status),
        }
        resource = _RESOURCES[body["kind"]].Status
        with _errors():
            await self._client.patch(
                resource,
                metadata["name"],
                patch,
                namespace=metadata["namespace"],
                patch_type=PatchType.APPLY,
                field_manager=FIELD_MANAGER,
                force=True,
            )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.close()

    async def _patch(self, kind: str, namespace: str, name: str, body: Object, how: PatchType) -> Object:
        with _errors():
            answer = await self._client.patch(
                _RESOURCES[kind],
                name,
                body,
                namespace=namespace,
                patch_type=how,
                field_manager=FIELD_MANAGER,
                force=how is PatchType.APPLY,
            )
            return dict(answer)


@contextmanager
def _errors() -> Iterator[None]:
    """Turn lightkube's and the HTTP client's errors into ours."""
    try:
        yield
    except httpx2.HTTPStatusError as error:
        raise _refusal(error) from error
    except httpx2.RequestError as error:
        raise ClusterError(f"the API server cannot be reached ({type(error).__name__})") from error


def _refusal(error: httpx2.HTTPStatusError) -> ClusterError:
    code = error.response.status_code
    if code == HTTPStatus.NOT_FOUND and not isinstance(error, lightkube.ApiError):
        return NotServedError("the API server does not serve this kind")
    kinds: dict[int, type[ClusterError]] = {
        HTTPStatus.NOT_FOUND: GoneError,
        HTTPStatus.CONFLICT: ConflictError,
        HTTPStatus.FORBIDDEN: ForbiddenError,
    }
    text = str(error).strip() or f"HTTP {code}"
    if code == HTTPStatus.UNPROCESSABLE_ENTITY and any(word in text for word in _IMMUTABLE):
        return ImmutableError(text)
    return kinds.get(code, ClusterError)(text)
