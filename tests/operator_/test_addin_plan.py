import base64
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from outlook_addin_core.domain.config import ConfigError
from outlook_addin_operator.addin import invitation
from outlook_addin_operator.addin.health import assess
from outlook_addin_operator.addin.invitation import Invitation
from outlook_addin_operator.addin.objects import webhook_key
from outlook_addin_operator.addin.plan import Observed, Plan, plan
from outlook_addin_operator.addin.spec import view
from outlook_addin_operator.addin.status import Outcome, compose
from outlook_addin_operator.credentials import interpret
from outlook_addin_operator.inventory import Counts
from outlook_addin_operator.keys import Key

CLIENT = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
TENANT = "11111111-2222-3333-4444-555555555555"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
SECRET = {"CLIENT_SECRET": "one", "SYNCSERVER_AUTH_GATEWAY_CLIENT_SECRET": "two"}
OURS = [{"controller": True, "kind": "OutlookAddin", "uid": "uid-1", "name": "desk"}]


def addin(*, sync: bool = True, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "desk", "namespace": "bank", "uid": "uid-1", "generation": 3},
        "spec": {
            "deploymentUrl": "https://outlook.bank.example",
            "unbluOAuthBackendUrl": "https://unblu.bank.example/gateway",
            "clientId": CLIENT,
            "tenantIds": [TENANT],
            "syncServer": {"enabled": sync, "authGateway": {"clientId": "gateway"}},
            **spec,
        },
    }


def child(kind: str, *, ours: bool = True, annotations: dict[str, str] | None = None) -> dict[str, Any]:
    metadata = {"name": "desk", "namespace": "bank", "ownerReferences": OURS if ours else []}
    return {"kind": kind, "metadata": {**metadata, "annotations": annotations or {}}}


def observe(
    body: dict[str, Any],
    *children: dict[str, Any],
    secret: dict[str, str] | None = SECRET,
    key: bytes | None = bytes(32),
    unserved: tuple[str, ...] = (),
    config_map: dict[str, Any] | None = None,
) -> Observed:
    meaning = view(body)
    stored = {
        "data": {name: base64.b64encode(text.encode()).decode() for name, text in (secret or {}).items()}
    }
    own = None
    if key is not None:
        text = webhook_key.build(meaning.owner, key)["stringData"]["key"]
        own = {"data": {"key": base64.b64encode(text.encode()).decode()}}
    credentials = interpret(meaning, None if secret is None else stored, own, None)
    name = meaning.invitation_text_ref
    return Observed(
        body,
        meaning,
        credentials,
        {item["kind"]: item for item in children},
        frozenset(unserved),
        invitation=Invitation() if name is None else invitation.interpret(name, config_map),
    )


def planned(observed: Observed) -> Plan:
    return plan(observed, image="web:1", new_key=b"n" * 32)


def kinds(bodies: list[dict[str, Any]]) -> list[str]:
    return [body["kind"] for body in bodies]


def status_of(observed: Observed, deployment: dict[str, Any] | None = None, **outcome: Any) -> dict[str, Any]:
    health = assess(deployment, outcome.pop("pods", ())) if deployment else None
    result = Outcome(
        deployment,
        health,
        outcome.pop("errors", ()),
        outcome.pop("sharing", ()),
        Counts(3, 2, 1),
        refusal=outcome.pop("refusal", None),
    )
    return compose(observed, planned(observed), result, NOW)


def states(status: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {item["type"]: (item["status"], item["reason"]) for item in status["conditions"]}


def running(**status: Any) -> dict[str, Any]:
    counts = {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
    available = [{"type": "Available", "status": "True", "reason": "Minimum", "message": ""}]
    return {
        "metadata": {"generation": 1},
        "spec": {"replicas": 1},
        "status": {**counts, "readyReplicas": 1, "conditions": available, **status},
    }


def test_synchronisation_adds_a_right_and_a_key() -> None:
    on, off = planned(observe(addin(), key=None)), planned(observe(addin(sync=False)))
    assert kinds(on.apply) == ["ConfigMap", "ServiceAccount", "RoleBinding", "Deployment", "Service"]
    assert kinds(on.create) == ["Secret"]
    assert kinds(off.apply) == ["ConfigMap", "ServiceAccount", "Deployment", "Service"]
    assert off.create == []


def test_a_key_that_exists_is_never_made_anew() -> None:
    assert planned(observe(addin(), child("Secret"))).create == []


def test_a_key_that_cannot_be_used_does_not_roll_the_pods_again_and_again() -> None:
    observed = observe(addin(), child("Secret"), key=None)
    first, second = (plan(observed, image="web:1", new_key=key) for key in (b"a" * 32, b"b" * 32))
    assert first.config_hash == second.config_hash
    assert first.create == []
    status = status_of(observed, running())
    assert states(status)["Ready"] == ("False", "WebhookKeyUnusable")
    assert "desk-webhook-key" in status["conditions"][0]["message"]


@pytest.mark.parametrize(
    ("sentence", "existing", "conflicts"),
    [
        ("ours is ours", child("Service"), ()),
        ("a stranger's is not taken", child("Service", ours=False), ("Service",)),
        (
            "one handed over is",
            child("Service", ours=False, annotations={"outlook-addin.dev/adopt": "true"}),
            (),
        ),
        ("what is not wanted is nobody's conflict", child("Ingress", ours=False), ()),
        ("a stranger's Secret is not used", child("Secret", ours=False), ("Secret",)),
    ],
)
def test_names_that_are_taken(sentence: str, existing: dict[str, Any], conflicts: tuple[str, ...]) -> None:
    result = planned(observe(addin(), existing))
    assert result.conflicts == conflicts, sentence
    assert bool(result.apply) == (not conflicts), sentence


def test_what_a_deleted_addin_of_the_same_name_left_is_waited_for() -> None:
    left = child("Service")
    left["metadata"]["ownerReferences"] = [{**OURS[0], "uid": "uid-0"}]
    observed = observe(addin(), left)
    assert (planned(observed).apply, planned(observed).conflicts) == ([], ())
    found = states(status_of(observed))
    assert found["Ready"] == ("False", "PredecessorLeaving")
    assert "Stalled" not in found
    both = states(status_of(observe(addin(), left, child("ConfigMap", ours=False))))
    assert both["Stalled"] == ("True", "NameConflict")


def test_a_way_in_that_is_not_wanted_any_more_is_removed_and_a_strangers_is_left() -> None:
    observed = observe(addin(ingress={}), child("Route"), child("HTTPRoute", ours=False), child("Ingress"))
    assert kinds(planned(observed).prune) == ["Route"]


def test_switching_synchronisation_off_takes_the_right_away_and_keeps_the_key() -> None:
    assert kinds(planned(observe(addin(sync=False), child("RoleBinding"), child("Secret"))).prune) == [
        "RoleBinding"
    ]


@pytest.mark.parametrize("sync", [True, False])
@pytest.mark.parametrize("bundle", ["nonsense", "à"])
def test_a_ca_bundle_that_cannot_be_read_is_told_by_the_addin(bundle: str, *, sync: bool) -> None:
    body = addin(sync=sync, proxy={"caBundleRef": {"name": "ca"}})
    observed = observe(body)
    credentials = replace(observed.credentials, ca_bundle=bundle, problem=None)
    if sync:
        secret = {"data": {name: base64.b64encode(text.encode()).decode() for name, text in SECRET.items()}}
        credentials = interpret(observed.view, secret, None, {"data": {"ca.crt": bundle}})
    status = status_of(replace(observed, credentials=credentials), running())
    assert states(status)["Ready"] == ("False", "InvalidCABundle")
    assert "ConfigMap ca" in status["conditions"][0]["message"]


def test_everything_that_pods_read_at_their_start_rolls_them() -> None:
    base = planned(observe(addin())).config_hash
    assert planned(observe(addin())).config_hash == base
    assert planned(observe(addin(logLevel="debug"))).config_hash != base
    assert planned(observe(addin(), secret={**SECRET, "CLIENT_SECRET": "new"})).config_hash != base
    assert planned(observe(addin(), key=b"k" * 32)).config_hash != base
    assert planned(observe(addin(), secret={**SECRET, "OTHER": "new"})).config_hash == base
    assert planned(observe(addin(), secret={**SECRET, "OTEL_X": "new"})).config_hash == base
    traced = addin(tracing={"endpoint": "http://collector:4318"})
    once, twice = ({**SECRET, "OTEL_EXPORTER_OTLP_HEADERS": value} for value in ("a", "b"))
    assert (
        planned(observe(traced, secret=once)).config_hash
        != planned(observe(traced, secret=twice)).config_hash
    )


def test_without_synchronisation_the_secret_does_not_matter() -> None:
    body = addin(sync=False)
    assert planned(observe(body, secret=None)).config_hash == planned(observe(body)).config_hash


def test_a_duration_beyond_the_schema_is_named_with_its_key() -> None:
    body = addin()
    body["spec"]["syncServer"]["deletionGracePeriod"] = "soon"
    with pytest.raises(ConfigError, match=r"syncServer\.deletionGracePeriod"):
        view(body)


def test_a_healthy_addin_tells_where_it_is() -> None:
    status = status_of(observe(addin()), running())
    assert states(status) == {"Ready": ("True", "Available"), "CredentialsValid": ("True", "SecretComplete")}
    assert status["url"] == "https://outlook.bank.example/addin"
    assert status["selector"] == "app.kubernetes.io/instance=desk,component=outlook-addin"
    assert status["subscriptions"] == {"total": 3, "ready": 2, "failing": 1}
    [consent] = status["adminConsentUrls"]
    assert consent.startswith(f"https://login.microsoftonline.com/{TENANT}/adminconsent?client_id={CLIENT}")


CRASH = [{"status": {"containerStatuses": [{"state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}}]
QUOTA = [{"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}]
DEADLINE = [
    {"type": "Available", "status": "True", "reason": "Minimum", "message": ""},
    {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": ""},
]


@pytest.mark.parametrize(
    ("sentence", "observed", "deployment", "more", "ready", "others"),
    [
        ("no pod yet", observe(addin()), running(conditions=[]), {}, "Progressing", {"Reconciling"}),
        (
            "a crash is named",
            observe(addin()),
            running(conditions=[]),
            {"pods": CRASH},
            "CrashLoopBackOff",
            {"Reconciling"},
        ),
        ("a quota is named", observe(addin()), running(conditions=QUOTA), {}, "ReplicaFailure", {"Stalled"}),
        (
            "a stuck update needs a person",
            observe(addin()),
            running(conditions=DEADLINE, updatedReplicas=0),
            {"pods": CRASH},
            "CrashLoopBackOff",
            {"Stalled"},
        ),
        ("no Secret", observe(addin(), secret=None), running(), {}, "SecretNotFound", {"Reconciling"}),
        (
            "half a Secret",
            observe(addin(), secret={"CLIENT_SECRET": "one"}),
            running(),
            {},
            "SecretKeyMissing",
            {"Reconciling"},
        ),
        (
            "no CA bundle, which keeps pods from starting, also without synchronisation",
            observe(addin(sync=False, proxy={"caBundleRef": {"name": "ca"}}), secret=None),
            running(conditions=[]),
            {},
            "CABundleNotFound",
            {"Reconciling"},
        ),
        (
            "a taken name",
            observe(addin(), child("Service", ours=False)),
            None,
            {},
            "NameConflict",
            {"Stalled", "NameConflict"},
        ),
        (
            "a kind that is not served",
            observe(addin(route={}), unserved=("Route",)),
            running(),
            {},
            "ExposureUnavailable",
            {"Stalled", "ExposureUnavailable"},
        ),
        (
            "a refusal",
            observe(addin()),
            running(),
            {"errors": ["Service desk: no."]},
            "ApplyFailed",
            {"Reconciling"},
        ),
    ],
)
def test_what_is_wrong_is_said(  # noqa: PLR0917 - a table
    sentence: str,
    observed: Observed,
    deployment: dict[str, Any] | None,
    more: dict[str, Any],
    ready: str,
    others: set[str],
) -> None:
    found = states(status_of(observed, deployment, **more))
    assert found["Ready"] == ("False", ready), sentence
    assert set(found) - {"Ready", "CredentialsValid"} == others, sentence


def test_a_rolling_update_stays_ready() -> None:
    found = states(status_of(observe(addin()), running(updatedReplicas=0)))
    assert found["Ready"] == ("True", "Available")
    assert found["Reconciling"] == ("True", "RollingUpdate")


def test_a_shared_registration_is_told_without_naming_other_namespaces() -> None:
    others = [Key("OutlookAddin", "elsewhere", "secret-name")]
    status = status_of(observe(addin()), running(), sharing=others)
    [shared] = [item for item in status["conditions"] if item["type"] == "AppRegistrationShared"]
    assert states(status)["Ready"] == ("True", "Available")
    assert "secret-name" not in shared["message"]
