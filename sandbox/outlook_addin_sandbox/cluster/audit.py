"""What service accounts asked of the API server, read from its audit log.

Sources: kubernetes.io, "Auditing" (audit.k8s.io/v1) and "Audit Annotations".
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

POLICY: Final = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    # a watch is written when it starts, everything else when it is answered
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata", "userGroups": ["system:serviceaccounts"]}, {"level": "None"}],
}


@dataclass(frozen=True, order=True)
class Use:
    """One right that was needed.

    Args:
        verb: As RBAC names it.
        group: API group; empty for the core group.
        resource: Plural, with a slash before the subresource.
        namespace: Empty for requests about the whole cluster.
    """

    verb: str
    group: str
    resource: str
    namespace: str


class AuditLog:
    """The audit log of one API server.

    Args:
        folder: Existing folder for the policy and the log.
    """

    def __init__(self, folder: Path) -> None:
        self.policy = folder / "audit-policy.json"
        self.log = folder / "audit.log"
        self.policy.write_text(json.dumps(POLICY))

    def uses(self, user: str) -> frozenset[Use]:
        """Return what a user was allowed to do, and did.

        A server-side apply that made its object counts as `create` beside `patch`: the API server asks for
        both (k8s.io/apiserver, endpoints/handlers/patch.go), and the log names the first.
        """
        found = set()
        for event in self._events(user):
            if _is_forbidden(event):
                continue
            found.add(_use(event, event["verb"]))
            if event["verb"] == "patch" and _code(event) == HTTPStatus.CREATED:
                found.add(_use(event, "create"))
        return frozenset(found)

    def refusals(self, user: str) -> list[str]:
        """Return what a user asked for without having the right to, as `verb path`."""
        return [
            f"{event['verb']} {event['requestURI']}" for event in self._events(user) if _is_forbidden(event)
        ]

    def _events(self, user: str) -> Iterator[dict[str, Any]]:
        """Yield the requests for resources; all may ask which there are."""
        if not self.log.exists():
            return
        with self.log.open() as lines:
            for line in lines:
                event: dict[str, Any] = json.loads(line)
                if event["user"].get("username") == user and "objectRef" in event:
                    yield event


def _use(event: dict[str, Any], verb: str) -> Use:
    target = event["objectRef"]
    resource = "/".join(filter(None, (target["resource"], target.get("subresource"))))
    return Use(verb, target.get("apiGroup", ""), resource, target.get("namespace", ""))


def _code(event: dict[str, Any]) -> int:
    return int((event.get("responseStatus") or {}).get("code", 0))


def _is_forbidden(event: dict[str, Any]) -> bool:
    """Tell whether RBAC said no, or an admission plugin or the API itself for want of a right."""
    decision = (event.get("annotations") or {}).get("authorization.k8s.io/decision")
    return decision == "forbid" or _code(event) == HTTPStatus.FORBIDDEN
