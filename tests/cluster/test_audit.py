"""The audit log tells what service accounts were allowed, and what they were refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from outlook_addin_sandbox.cluster.audit import AuditLog, Use

ANNA = "system:serviceaccount:bank:anna"


def event(verb: str, resource: str = "secrets", *, user: str = ANNA, **more: Any) -> dict[str, Any]:
    target = {"resource": resource, "namespace": "bank", "name": "n", **more.pop("target", {})}
    body = {"verb": verb, "user": {"username": user}, "objectRef": target, "requestURI": f"/{resource}"}
    return {**body, "annotations": {"authorization.k8s.io/decision": "allow"}, **more}


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return AuditLog(tmp_path)


def write(log: AuditLog, *events: dict[str, Any]) -> None:
    log.log.write_text("".join(f"{json.dumps(each)}\n" for each in events))


def test_what_was_allowed_is_told_with_group_subresource_and_namespace(log: AuditLog) -> None:
    target = {"apiGroup": "apps", "subresource": "status"}
    write(
        log,
        event("get"),
        event("get"),
        event("patch", "deployments", target=target),
        event("list", user="ben"),
    )
    assert log.uses(ANNA) == {
        Use("get", "", "secrets", "bank"),
        Use("patch", "apps", "deployments/status", "bank"),
    }


def test_an_apply_that_makes_its_object_needs_the_right_to_create(log: AuditLog) -> None:
    write(log, event("patch", responseStatus={"code": 201}))
    assert {use.verb for use in log.uses(ANNA)} == {"patch", "create"}
    write(log, event("patch", responseStatus={"code": 200}))
    assert {use.verb for use in log.uses(ANNA)} == {"patch"}


@pytest.mark.parametrize(
    "refused",
    [
        event("list", annotations={"authorization.k8s.io/decision": "forbid"}),
        event("list", responseStatus={"code": 403}),
    ],
)
def test_what_was_refused_is_no_use(log: AuditLog, refused: dict[str, Any]) -> None:
    write(log, refused, event("get", responseStatus={"code": 404}))
    assert log.refusals(ANNA) == ["list /secrets"]
    assert {use.verb for use in log.uses(ANNA)} == {"get"}


def test_before_the_first_request_nothing_is_known(log: AuditLog) -> None:
    assert log.uses(ANNA) == frozenset()
    assert log.refusals(ANNA) == []
