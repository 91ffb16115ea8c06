"""Service-account tokens bound to a Pod, from the TokenRequest API."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from outlook_addin_sandbox.node.api import ApiServer
from outlook_addin_sandbox.node.volumes import TokenWish, token_wishes

_USED_SHARE: Final = 0.8
"""A kubelet renews a token after this share of its life."""


class PodTokens:
    """The tokens of one Pod, renewed before they expire."""

    def __init__(self, api: ApiServer) -> None:
        self._api = api
        self._held: dict[TokenWish, tuple[str, datetime]] = {}

    async def fresh(self, pod: Mapping[str, Any]) -> dict[TokenWish, str]:
        """Return every token that the Pod's volumes ask for.

        Raises:
            ApiError: the API server refused one.
        """
        for wish in token_wishes(pod):
            if wish not in self._held or datetime.now(UTC) >= self._held[wish][1]:
                self._held[wish] = await self._request(pod, wish)
        return {wish: token for wish, (token, _) in self._held.items()}

    async def _request(self, pod: Mapping[str, Any], wish: TokenWish) -> tuple[str, datetime]:
        metadata = pod["metadata"]
        account = pod["spec"].get("serviceAccountName", "default")
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {
                "audiences": [wish.audience] if wish.audience else [],
                "expirationSeconds": wish.seconds,
                "boundObjectRef": {
                    "apiVersion": "v1",
                    "kind": "Pod",
                    "name": metadata["name"],
                    "uid": metadata["uid"],
                },
            },
        }
        path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{account}/token"
        asked = datetime.now(UTC)
        status = (await self._api.create(path, body))["status"]
        life: timedelta = datetime.fromisoformat(status["expirationTimestamp"]) - asked
        return status["token"], asked + life * _USED_SHARE
