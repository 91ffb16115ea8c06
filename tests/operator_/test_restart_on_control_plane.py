"""What a restarted operator asks of a real API server: to read."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from operator_.test_children_on_control_plane import PARTS, foreign_kinds, patch
from operator_.test_on_control_plane import SUBSCRIBED, set_up
from outlook_addin_sandbox.cluster.errors import KubectlError

if TYPE_CHECKING:
    from collections.abc import Callable

    from operator_.conftest import Here

    Build = Callable[..., dict[str, Any]]

__all__ = ["foreign_kinds"]

WRITES = ("APPLY", "PATCH", "POST", "PUT")
OURS = "outlook-addin.dev"
CALM = 8
"""Looks in a row without a request to write."""
REQUEST = re.compile(r"apiserver_request_total\{(?P<labels>.*)\} (?P<count>\S+)")
LABEL = re.compile(r'(\w+)="([^"]*)"')
CHILDREN = "deploy,svc,cm,sa,rolebinding,secret,hpa,pdb,networkpolicy"
FOREIGN = "podmonitors.monitoring.coreos.com,httproutes.gateway.networking.k8s.io"
EVERY_FIELD: dict[str, Any] = {
    "resources": {"limits": {"cpu": "1000m", "memory": "131072Ki"}, "requests": {"cpu": "0.1"}},
    "imagePullSecrets": [{"name": "registry"}],
    "podTemplate": {
        "annotations": {"team": "a"},
        "labels": {"team": "a"},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 9}],
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
    },
}


async def writes(here: Here) -> Counter[tuple[str, str]]:
    """Count the API server's requests to write, by verb and resource.

    Nobody but the operator applies. What the cluster's own controllers write besides is left out: Leases,
    Events, and the status of what is not ours. What somebody deletes shows in ``versions``; these requests
    are left out, because the namespaces of earlier tests are still being emptied.
    """
    found: Counter[tuple[str, str]] = Counter()
    for match in REQUEST.finditer(await here.kubectl("get", "--raw", "/metrics")):
        labels = dict(LABEL.findall(match["labels"]))
        foreign = labels["resource"] in {"leases", "events"} or bool(labels["subresource"])
        if labels["verb"] == "APPLY" or (
            labels["verb"] in WRITES and (labels["group"] == OURS or not foreign)
        ):
            found[labels["verb"], labels["resource"]] += int(float(match["count"]))
    return found


async def settled(here: Here) -> Counter[tuple[str, str]]:
    """Return the requests to write as soon as no more come in: work on earlier tests' objects has to end."""
    known, calm = await writes(here), 0
    while calm < CALM:
        await asyncio.sleep(0.2)
        now = await writes(here)
        known, calm = now, calm + 1 if now == known else 0
    return known


async def forget_others(here: Here) -> None:
    """Let go of what earlier tests left, so that the operator has nothing to do there."""
    while True:
        found = json.loads(await here.kubectl("get", "oaddin,csub", "-A", "-o", "json"))["items"]
        others = [body for body in found if body["metadata"]["namespace"] != here.namespace]
        if not others:
            return
        for body in others:
            kind, metadata = body["kind"].lower(), body["metadata"]
            with suppress(KubectlError):  # gone meanwhile
                await here.kubectl(
                    "delete", kind, metadata["name"], "-n", metadata["namespace"], "--wait=false"
                )
                free = json.dumps({"metadata": {"finalizers": None}})
                name = (kind, metadata["name"], "-n", metadata["namespace"])
                await here.kubectl("patch", *name, "--type=merge", "-p", free)


async def told(here: Here) -> int:
    """Count the operator's Events."""
    events = await here.list("events.events.k8s.io")
    return sum(event.get("reportingController") == f"{OURS}/operator" for event in events)


async def versions(here: Here, kinds: str) -> dict[tuple[str, str], str]:
    return {
        (body["kind"], body["metadata"]["name"]): body["metadata"]["resourceVersion"]
        for body in await here.list(kinds)
    }


def steady(found: dict[tuple[str, str], str]) -> dict[tuple[str, str], str]:
    """Leave out what an autoscaler without metrics keeps noting about itself."""
    return {key: version for key, version in found.items() if key[0] != "HorizontalPodAutoscaler"}


async def looks(here: Here) -> int:
    """Return how often the operator has looked at an OutlookAddin since its start."""
    pattern = re.compile(r'reconcile_duration_seconds_count\{kind="OutlookAddin"\} (\S+)')
    found = pattern.search(await asyncio.to_thread(here.process.metrics))
    return int(float(found[1])) if found else 0


async def restart(here: Here) -> None:
    await asyncio.to_thread(here.process.stop)
    here.process.start()
    await here.until_healthy()
    while not await looks(here):  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.2)


@pytest.mark.usefixtures("foreign_kinds")
async def test_a_restart_with_nothing_due_writes_nothing(
    here: Here, addin: Build, credentials: list[dict[str, Any]], subscription: Build
) -> None:
    """Not even a request to write that would change nothing, for any kind and field that we render."""
    await set_up(here, addin(**PARTS, **EVERY_FIELD), credentials)
    await here.apply(subscription(0), subscription(1))
    for name in ("desk-0", "desk-1"):
        await here.until("csub", name, SUBSCRIBED)
    await here.until("oaddin", "desk", lambda body: body["status"]["subscriptions"]["ready"] == 2)
    await forget_others(here)
    kinds = f"oaddin,csub,{CHILDREN},{FOREIGN}"
    asked = await settled(here)
    before, said = await versions(here, kinds), await told(here)
    assert len({kind for kind, _ in before}) == len(kinds.split(","))
    await restart(here)
    assert await writes(here) == asked
    assert steady(await versions(here, kinds)) == steady(before)
    assert await told(here) == said > 0
    await here.kubectl("delete", "service", "desk")  # proof that it works again
    await here.until("service", "desk", lambda _body: True)
    made = await writes(here) - asked
    assert {key: count for key, count in made.items() if key[0] == "APPLY"} == {("APPLY", "services"): 1}


async def test_what_somebody_changed_while_no_operator_ran_is_put_right_and_nothing_else(
    here: Here, addin: Build
) -> None:
    await here.apply(addin(sync=False, proxy={}, networkPolicy={"from": [{"podSelector": {}}]}))
    await here.until("networkpolicy", "desk", lambda _body: True)
    await here.until("oaddin", "desk", lambda body: "replicas" in body["status"])
    await asyncio.to_thread(here.process.stop)
    await forget_others(here)
    opened = [{"op": "add", "path": "/spec/ingress/-", "value": {}}]
    await here.kubectl("patch", "networkpolicy", "desk", "--type=json", "-p", json.dumps(opened))
    await patch(here, "service", "desk", ports=[{"name": "http", "port": 80, "targetPort": 1}])
    await patch(here, "oaddin", "desk", podTemplate={"nodeSelector": {"disk": "ssd"}})
    asked = await settled(here)
    here.process.start()
    await here.until("networkpolicy", "desk", lambda body: len(body["spec"]["ingress"]) == 2)
    await here.until("service", "desk", lambda body: body["spec"]["ports"][0]["targetPort"] == "http")
    pod = ("spec", "template", "spec")
    await here.until("deployment", "desk", lambda body: "nodeSelector" in body[pod[0]][pod[1]][pod[2]])
    made = await writes(here) - asked
    applied = {
        key[1]: count for key, count in made.items() if key[0] == "APPLY" and key[1] != "outlookaddins"
    }
    assert applied == {"networkpolicies": 1, "services": 1, "deployments": 1}
    await patch(here, "oaddin", "desk", podTemplate=None)
    await here.until("deployment", "desk", lambda body: "nodeSelector" not in body[pod[0]][pod[1]][pod[2]])
