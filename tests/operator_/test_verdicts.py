"""What kubectl, Argo CD and Flux make of every state: each cell of the tables in docs/gitops.md."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa.lua54 import LuaRuntime  # type: ignore[import-untyped]  # written in Cython

import scripts
from operator_ import test_addin_plan as addins
from operator_ import test_subscription_plan as subscriptions
from outlook_addin_core.clients.graph_subscriptions import Subscription
from outlook_addin_kubectl.health import findings, health_of
from outlook_addin_operator.addin import status as addin_status
from outlook_addin_operator.status import Condition, format_time
from outlook_addin_operator.subscription import status
from outlook_addin_operator.subscription.failures import Failure
from outlook_addin_operator.subscription.observed import Observed
from outlook_addin_operator.subscription.plan import decide

ROOT = Path(__file__).parents[2]
LUA = ROOT / "gitops/argocd/outlook-addin.dev"
NOW = subscriptions.NOW
observe, live = subscriptions.observe, subscriptions.live

Body = dict[str, Any]
BROKEN = Failure("GraphError", "Microsoft Graph failed; trying again.")
DENIED = Failure("AccessDenied", "Microsoft Graph denies access to the mailbox.", stalled=True)
GONE = live(expirationTime=format_time(NOW))


def with_status(observed: Observed, written: Body) -> Body:
    return {**observed.body, "status": written}


def waiting(observed: Observed) -> Body:
    return with_status(observed, status.waiting(observed, decide(observed, NOW), NOW))


def given_up(observed: Observed) -> Body:
    return with_status(observed, status.given_up(observed, decide(observed, NOW), NOW))


def failed(observed: Observed, what: Failure) -> Body:
    return with_status(observed, status.failed(observed, what, NOW, lost=False))


def settled(**changes: Any) -> Body:
    observed = observe(live(), **changes)
    return with_status(observed, status.settled(observed, NOW))


def changed() -> Body:
    body = settled()
    writes = [
        {"manager": "kubectl", "time": format_time(NOW)},
        {"manager": "operator", "time": format_time(NOW + timedelta(days=1)), "subresource": "status"},
    ]
    return {**body, "metadata": {**body["metadata"], "generation": 2, "managedFields": writes}}


def applied() -> Body:
    body = addins.addin()
    metadata = {**body["metadata"], "creationTimestamp": format_time(NOW)}
    return {**body, "metadata": metadata, "status": {"observedGeneration": -1}}


def going(body: Body) -> Body:
    return {**body, "metadata": {**body["metadata"], "deletionTimestamp": format_time(NOW)}}


SUBSCRIPTIONS: dict[str, Callable[[], Body]] = {
    "just applied, not yet seen": lambda: observe({"observedGeneration": -1}).body,
    "the spec was changed, not yet seen": changed,
    "waiting for the web server": lambda: waiting(observe(web_available=False)),
    "the Secret is missing": lambda: waiting(observe(credentials=subscriptions.NO_SECRET)),
    "subscribed": settled,
    "a renewal fails, time is left": lambda: failed(observe(live()), BROKEN),
    "a renewal needs a person, time is left": lambda: failed(observe(live()), DENIED),
    "expired, the first attempts fail": lambda: failed(observe(GONE), BROKEN),
    "expired, five attempts have failed": lambda: failed(observe({**GONE, "failedRenewals": 4}), BROKEN),
    "nothing gets better without a person": lambda: failed(observe(), DENIED),
    "another object serves the mailbox": lambda: given_up(observe(live(), older="first")),
    "synchronisation is off": lambda: given_up(observe(live(), addin=subscriptions.OFF)),
    "suspended, still live": lambda: waiting(observe(live(), spec={"suspend": True})),
    "suspended, run out": lambda: waiting(observe(GONE, spec={"suspend": True})),
    "being deleted": lambda: going(settled()),
}


def addin(*, deployment: Body | None = None, secret: Any = addins.SECRET, **spec: Any) -> Body:
    observed = addins.observe(addins.addin(**spec), secret=secret)
    return {**observed.body, "status": addins.status_of(observed, deployment)}


def simple(reason: str, *, stalled: bool = False) -> Body:
    body = addins.addin()
    ready = Condition("Ready", False, reason, "A sentence.")
    return {**body, "status": addin_status.simple(body, ready, NOW, stalled=stalled)}


def stuck() -> Body:
    conditions = [
        {"type": "Available", "status": "False", "reason": "MinimumReplicasUnavailable", "message": ""},
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": ""},
    ]
    return addins.running(availableReplicas=0, conditions=conditions)


def taken() -> Body:
    observed = addins.observe(addins.addin(), addins.child("Service", ours=False))
    return {**observed.body, "status": addins.status_of(observed)}


def leaving() -> Body:
    service = addins.child("Service")
    service["metadata"]["ownerReferences"] = [{**addins.OURS[0], "uid": "uid-0"}]
    observed = addins.observe(addins.addin(), service)
    return {**observed.body, "status": addins.status_of(observed)}


def refused() -> Body:
    observed = addins.observe(addins.addin(route={}))
    status = addins.status_of(observed, addins.running(), refusal="The Route is refused.")
    return {**observed.body, "status": status}


ADDINS: dict[str, Callable[[], Body]] = {
    "just applied, not yet seen": applied,
    "seen for the first time": lambda: {
        **addins.addin(),
        "status": addin_status.first_sight(addins.addin(), NOW),
    },
    "the first pod is not ready": lambda: addin(
        deployment=addins.running(availableReplicas=0, conditions=[])
    ),
    "available": lambda: addin(deployment=addins.running()),
    "pods are being replaced": lambda: addin(deployment=addins.running(updatedReplicas=0)),
    "new pods cannot start": lambda: addin(deployment=stuck()),
    "a name is taken": taken,
    "a deleted OutlookAddin of the name is still going": leaving,
    "the Gateway or the router refuses the way in": refused,
    "the spec cannot be used": lambda: simple("InvalidSpec", stalled=True),
    "the Secret is missing": lambda: addin(secret=None, deployment=addins.running()),
    "the words of invitations are missing": lambda: addin(
        deployment=addins.running(), client={"invitationTextRef": {"name": "words"}}
    ),
    "suspended": lambda: addin(deployment=addins.running(), suspend=True),
    "being deleted": lambda: going(simple("Deleting")),
}
STATES = {"CalendarSubscription": SUBSCRIPTIONS, "OutlookAddin": ADDINS}
COLUMNS = ("kubectl wait", "Argo CD", "kstatus")


def documented() -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the tables of the page: kind, state, verdicts."""
    tables: dict[str, dict[str, tuple[str, ...]]] = {}
    kind = ""
    for line in (ROOT / "docs/gitops.md").read_text().splitlines():
        heading = re.fullmatch("#+ (.*)", line)
        if heading:
            kind = heading[1]
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if kind in STATES and len(cells) == 4 and cells[0] != "state" and set(cells[0]) != {"-"}:
            tables.setdefault(kind, {})[cells[0]] = tuple(cells[1:])
    return tables


CELLS = [
    pytest.param(kind, state, column, verdicts[COLUMNS.index(column)], id=f"{kind}: {state}: {column}")
    for kind, rows in documented().items()
    for state, verdicts in rows.items()
    for column in COLUMNS
]


def kubectl_wait(body: Body) -> str:
    """`kubectl wait --for=condition=Ready`, as in k8s.io/kubectl/pkg/cmd/wait/condition.go."""
    known = body.get("status") or {}
    for condition in known.get("conditions") or ():
        if condition["type"] == "Ready":
            observed = condition.get("observedGeneration", known.get("observedGeneration"))
            if observed is not None and observed < body["metadata"]["generation"]:
                return "waits"
            return "met" if condition["status"].lower() == "true" else "waits"
    return "waits"


def kstatus(body: Body) -> str:
    """The generic rule of sigs.k8s.io/cli-utils/pkg/kstatus/status/generic.go, which Flux and Helm 4 use."""
    known = body.get("status") or {}
    if body["metadata"].get("deletionTimestamp"):
        return "Terminating"
    observed = known.get("observedGeneration")
    if observed is not None and observed != body["metadata"]["generation"]:
        return "InProgress"
    states = {item["type"]: item["status"] for item in known.get("conditions") or ()}
    if states.get("Reconciling") == "True":
        return "InProgress"
    if states.get("Stalled") == "True":
        return "Failed"
    return "InProgress" if states.get("Ready", "True") != "True" else "Current"


def begun(body: Body) -> datetime:
    """When the latest of what an object says began to be so."""
    metadata = body["metadata"]
    moments = [metadata.get("creationTimestamp"), metadata.get("deletionTimestamp")]
    moments += [each["time"] for each in metadata.get("managedFields", ()) if "subresource" not in each]
    moments += [each["lastTransitionTime"] for each in body["status"].get("conditions", ())]
    return max(datetime.fromisoformat(each) for each in moments if each)


def run_lua(script: Path, body: Body) -> Any:
    """Run a script as Argo CD does: the object as `obj`, and of the libraries only what is harmless."""
    lua = LuaRuntime(unpack_returned_tuples=True, register_eval=False)
    lua.execute("io, package, require, dofile, loadfile, debug = nil, nil, nil, nil, nil, nil")
    lua.execute("os = {date = os.date, time = os.time}")
    lua.globals().obj = _to_lua(lua, body)
    return _to_python(lua.execute(script.read_text()))


def _to_lua(lua: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return lua.table_from({key: _to_lua(lua, item) for key, item in value.items()})
    if isinstance(value, list | tuple):
        return lua.table_from([_to_lua(lua, item) for item in value])
    return value


def _to_python(value: Any) -> Any:
    return {key: _to_python(item) for key, item in value.items()} if hasattr(value, "items") else value


def argo_cd(body: Body, kind: str) -> str:
    verdict = run_lua(LUA / kind / "health.lua", body)
    assert verdict["message"]
    return str(verdict["status"])


@pytest.mark.parametrize(("kind", "state", "column", "verdict"), CELLS)
def test_verdicts(kind: str, state: str, column: str, verdict: str) -> None:
    body = STATES[kind][state]()
    judged = {
        "kubectl wait": lambda: kubectl_wait(body),
        "Argo CD": lambda: argo_cd(body, kind),
        "kstatus": lambda: kstatus(body),
    }
    assert judged[column]() == verdict, json.dumps(body.get("status"), indent=1)


@pytest.mark.parametrize(("kind", "state"), [(kind, state) for kind in STATES for state in STATES[kind]])
def test_kubectl_outlook_judges_as_argo_cd_does(kind: str, state: str) -> None:
    body = {"kind": kind, **STATES[kind][state]()}
    health = health_of(body)
    assert health.verdict == argo_cd(body, kind)
    assert health.message
    urgent = any(finding.urgent for finding in findings(body, begun(body)))
    about_credentials = any(
        each["type"] == "CredentialsExpiring"
        or (each["type"], each["status"]) == ("CredentialsValid", "False")
        for each in body["status"].get("conditions", ())
    )
    assert urgent == (health.verdict == "Degraded" or about_credentials)


@pytest.mark.parametrize(("kind", "state"), [(kind, state) for kind in STATES for state in STATES[kind]])
def test_what_should_pass_and_lasts_needs_a_person(kind: str, state: str) -> None:
    body = {"kind": kind, **STATES[kind][state]()}
    found = findings(body, begun(body) + timedelta(minutes=31))
    assert all(finding.urgent for finding in found) or health_of(body).verdict == "Suspended"


@pytest.mark.parametrize("kind", STATES)
def test_every_state_stands_in_the_page_and_the_other_way_round(kind: str) -> None:
    assert set(documented()[kind]) == set(STATES[kind])


def test_a_routine_renewal_changes_no_verdict_and_only_fields_that_argo_cd_ignores() -> None:
    observed = observe(live())
    found = Subscription("s-1", "users/u/events", NOW, subscriptions.URL, "created,updated,deleted")

    def granted(hours: int) -> Body:
        now = NOW + timedelta(hours=hours)
        renewed = replace(found, expiration=now + timedelta(days=6))
        return status.granted(observed, renewed, now, renewed=True)

    observed = observe(granted(0))
    before, after = observed.body["status"], granted(72)
    build = scripts.load(ROOT / "gitops/build.py")
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == set(build.IGNORED["CalendarSubscription"])
    bodies = [with_status(observed, written) for written in (before, after)]
    assert [judge(bodies[0]) for judge in (kubectl_wait, kstatus)] == ["met", "Current"]
    assert [judge(bodies[1]) for judge in (kubectl_wait, kstatus)] == ["met", "Current"]


def test_the_actions_ask_and_suspend_and_resume() -> None:
    body = settled()
    folder = LUA / "CalendarSubscription" / "actions"
    asked = run_lua(folder / "renew-now/action.lua", body)
    token = asked["metadata"]["annotations"]["outlook-addin.dev/renew-requested"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", token)
    assert asked["spec"] == run_lua(folder / "renew-now/action.lua", body)["spec"]
    assert run_lua(folder / "suspend/action.lua", body)["spec"]["suspend"] is True
    assert run_lua(folder / "resume/action.lua", settled(spec={"suspend": True}))["spec"]["suspend"] is False
    offered = run_lua(folder / "discovery.lua", body)
    assert {name: item["disabled"] for name, item in offered.items()} == {
        "renew-now": False,
        "suspend": False,
        "resume": True,
    }


def test_an_addin_is_asked_to_be_swept() -> None:
    asked = run_lua(LUA / "OutlookAddin/actions/sync-now/action.lua", addins.addin())
    assert asked["metadata"]["annotations"]["outlook-addin.dev/sync-requested"]


def test_the_config_map_holds_these_scripts() -> None:
    build = scripts.load(ROOT / "gitops/build.py")
    written = (ROOT / "gitops/argocd/argocd-cm.yaml").read_text()
    assert written == build.render()
    data = yaml.safe_load(written)["data"]
    name = "outlook-addin.dev_CalendarSubscription"
    health = (LUA / "CalendarSubscription/health.lua").read_text()
    assert data[f"resource.customizations.health.{name}"] == health
    ignored = yaml.safe_load(data[f"resource.customizations.ignoreResourceUpdates.{name}"])["jsonPointers"]
    assert "/status/renewalTime" in ignored
