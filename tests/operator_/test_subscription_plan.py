"""Each row is a sentence about one CalendarSubscription and what is decided about it."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from outlook_addin_operator.addin.objects import webhook_key
from outlook_addin_operator.addin.spec import AddinView, view
from outlook_addin_operator.credentials import Credentials, interpret
from outlook_addin_operator.status import format_time
from outlook_addin_operator.subscription import status
from outlook_addin_operator.subscription.due import due_time
from outlook_addin_operator.subscription.observed import Observed
from outlook_addin_operator.subscription.plan import Action, decide

CLIENT = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
TENANT = "11111111-2222-3333-4444-555555555555"
USER = "99999999-8888-7777-6666-555555555555"
NOW = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def addin(*, sync: bool = True, deleting: bool = False, **spec: Any) -> AddinView:
    metadata: dict[str, Any] = {"name": "desk", "namespace": "bank", "uid": "uid-addin", "generation": 1}
    if deleting:
        metadata["deletionTimestamp"] = "2026-11-10T11:59:00Z"
    return view(
        {
            "metadata": metadata,
            "spec": {
                "deploymentUrl": "https://outlook.bank.example",
                "unbluOAuthBackendUrl": "https://unblu.bank.example/gateway",
                "clientId": CLIENT,
                "tenantIds": [TENANT],
                "syncServer": {"enabled": sync, "authGateway": {"clientId": "gateway"}},
                **spec,
            },
        }
    )


def credentials(of: AddinView, *, complete: bool = True) -> Credentials:
    values = {"CLIENT_SECRET": "b25l", "SYNCSERVER_AUTH_GATEWAY_CLIENT_SECRET": "dHdv"}
    text = webhook_key.build(of.owner, bytes(32))["stringData"]["key"]
    own = {"data": {"key": base64.b64encode(text.encode()).decode()}}
    return interpret(of, {"data": values} if complete else None, own, None)


ADDIN = addin()
URL = ADDIN.config.notification_url("uid-addin")


def live(**changes: Any) -> dict[str, Any]:
    """A status one day after a grant of six days."""
    memory = {
        "observedGeneration": 1,
        "subscriptionId": "s-1",
        "notificationUrl": URL,
        "expirationTime": format_time(NOW + 5 * DAY),
        "renewalTime": format_time(NOW + 2 * DAY),
        "lastRenewalTime": format_time(NOW - DAY),
        "failedRenewals": 0,
    }
    return {**memory, **changes}


def observe(memory: dict[str, Any] | None = None, **changes: Any) -> Observed:
    metadata = {
        "name": "anna",
        "namespace": "bank",
        "uid": "uid-sub",
        "generation": 1,
        "creationTimestamp": "2026-11-01T00:00:00Z",
        "finalizers": ["outlook-addin.dev/cleanup"],
        **changes.pop("metadata", {}),
    }
    spec = {"addinRef": {"name": "desk"}, "tenantId": TENANT, "userId": USER, **changes.pop("spec", {})}
    body = {
        "apiVersion": "outlook-addin.dev/v1alpha1",
        "kind": "CalendarSubscription",
        "metadata": metadata,
        "spec": spec,
        "status": memory or {},
    }
    base = Observed(body, ADDIN, None, credentials(ADDIN), web_available=True)
    return replace(base, **changes)


def deleted(ago: timedelta, **more: Any) -> dict[str, Any]:
    return {"deletionTimestamp": format_time(NOW - ago), **more}


def asked(token: str = "t") -> dict[str, Any]:
    return {"annotations": {"outlook-addin.dev/renew-requested": token}}


FAILED = {"failedRenewals": 2, "nextAttemptTime": format_time(NOW + timedelta(minutes=5))}
NO_SECRET = credentials(ADDIN, complete=False)
OFF = addin(sync=False)

ROWS: list[tuple[str, Observed, Action, str]] = [
    ("a new one is made", observe(), Action.CREATE, ""),
    ("not before the web server answers", observe(web_available=False), Action.WAIT, "WaitingForWebServer"),
    ("not without a Secret", observe(credentials=NO_SECRET), Action.WAIT, "SecretNotFound"),
    ("one in place sleeps", observe(live()), Action.NOTHING, "Subscribed"),
    (
        "one in place does not miss the Secret",
        observe(live(), credentials=NO_SECRET),
        Action.NOTHING,
        "Subscribed",
    ),
    (
        "a due one is renewed",
        observe(live(lastRenewalTime=format_time(NOW - 4 * DAY), expirationTime=format_time(NOW + 2 * DAY))),
        Action.RENEW,
        "",
    ),
    ("one that has expired is made anew", observe(live(expirationTime=format_time(NOW))), Action.CREATE, ""),
    ("a request renews", observe(live(), metadata=asked()), Action.RENEW, ""),
    (
        "a request that was carried out is over",
        observe(live(handledRenewRequest="t"), metadata=asked()),
        Action.NOTHING,
        "Subscribed",
    ),
    (
        "a request soon after a renewal is only checked",
        observe(live(lastRenewalTime=format_time(NOW - timedelta(minutes=9))), metadata=asked()),
        Action.CHECK,
        "",
    ),
    (
        "a request soon after a renewal that could not be checked is checked again",
        observe(
            live(
                lastRenewalTime=format_time(NOW - timedelta(minutes=2)),
                failedRenewals=1,
                nextAttemptTime=format_time(NOW),
            ),
            metadata=asked(),
        ),
        Action.CHECK,
        "",
    ),
    (
        "a request is not put off by a clock that was ahead",
        observe(live(lastRenewalTime=format_time(NOW + timedelta(hours=3))), metadata=asked()),
        Action.RENEW,
        "",
    ),
    ("a changed URL moves it", observe(live(notificationUrl="https://old")), Action.MOVE, ""),
    ("a failure pauses", observe(live(**FAILED)), Action.NOTHING, ""),
    ("a pause ends when the cause may have gone", observe(live(**FAILED), retry=True), Action.RENEW, ""),
    (
        "a pause ends when the spec changes",
        observe(live(**FAILED), metadata={"generation": 2}),
        Action.RENEW,
        "",
    ),
    (
        "a pause that a wrong clock wrote down is none",
        observe(live(failedRenewals=1, nextAttemptTime=format_time(NOW + 365 * DAY))),
        Action.RENEW,
        "",
    ),
    (
        "a pause of a day is one that Graph asked for",
        observe(live(failedRenewals=1, nextAttemptTime=format_time(NOW + DAY))),
        Action.NOTHING,
        "",
    ),
    (
        "a pause ends by itself",
        observe(live(failedRenewals=1, nextAttemptTime=format_time(NOW))),
        Action.RENEW,
        "",
    ),
    ("without an OutlookAddin nothing lives", observe(live(), addin=None), Action.GIVE_UP, "AddinNotFound"),
    ("nor with one that goes", observe(live(), addin=addin(deleting=True)), Action.GIVE_UP, "AddinNotFound"),
    ("nor while synchronisation is off", observe(live(), addin=OFF), Action.GIVE_UP, "SyncDisabled"),
    (
        "nor in a tenant that is not listed",
        observe(live(), addin=addin(tenantIds=[CLIENT])),
        Action.GIVE_UP,
        "TenantNotAllowed",
    ),
    ("the younger of two lets go", observe(live(), older="first"), Action.FORGET, "Duplicate"),
    (
        "what cannot be understood is left alone",
        observe(live(), addin=None, invalid="x"),
        Action.WAIT,
        "InvalidAddin",
    ),
    ("a suspended one is left alone", observe(live(), spec={"suspend": True}), Action.WAIT, "Suspended"),
    ("deletion cleans up", observe(live(), metadata=deleted(timedelta())), Action.DELETE, ""),
    (
        "deletion leaves an orphan on demand",
        observe(live(), metadata=deleted(timedelta()), spec={"deletionPolicy": "Orphan"}),
        Action.ORPHAN,
        "",
    ),
    ("deletion has nothing to do", observe(metadata=deleted(timedelta())), Action.RELEASE, ""),
    (
        "deletion of the younger spares the older's",
        observe(live(), metadata=deleted(timedelta()), older="first"),
        Action.RELEASE,
        "",
    ),
    (
        "deletion waits a little for credentials",
        observe(live(), metadata=deleted(timedelta(seconds=30)), credentials=NO_SECRET),
        Action.NOTHING,
        "",
    ),
    (
        "deletion does not wait for ever for credentials",
        observe(live(), metadata=deleted(timedelta(minutes=2)), addin=None, credentials=None),
        Action.ABANDON,
        "",
    ),
    (
        "nor for Graph",
        observe(live(), metadata=deleted(timedelta(minutes=6))),
        Action.ABANDON,
        "",
    ),
    (
        "what others hold is theirs to release",
        observe(live(), metadata=deleted(timedelta(), finalizers=["other/x"])),
        Action.NOTHING,
        "",
    ),
]


@pytest.mark.parametrize(("sentence", "observed", "action", "reason"), ROWS, ids=[row[0] for row in ROWS])
def test_decisions(sentence: str, observed: Observed, action: Action, reason: str) -> None:
    decision = decide(observed, NOW)
    assert (decision.action, decision.reason) == (action, reason), sentence


def test_a_renewal_waits_for_the_next_tick_but_never_past_ten_minutes_before_expiry() -> None:
    hourly = replace(observe(live()), addin=addin(syncServer=sync_with(pollingCronInterval="0 * * * *")))
    due = decide(hourly, NOW).next_time
    assert due is not None
    assert (due.minute, due.second) == (0, 0)
    monthly = replace(observe(live()), addin=addin(syncServer=sync_with(pollingCronInterval="0 0 1 * *")))
    assert decide(monthly, NOW).next_time == NOW + 5 * DAY - timedelta(minutes=10)


def sync_with(**settings: str) -> dict[str, Any]:
    return {"enabled": True, "authGateway": {"clientId": "gateway"}, **settings}


@pytest.mark.parametrize("waits", [observe(web_available=False), observe(credentials=NO_SECRET)])
def test_what_the_outlook_addin_wakes_is_hardly_looked_at_meanwhile(waits: Observed) -> None:
    again = decide(waits, NOW).next_time
    assert again is not None
    assert again - NOW >= timedelta(minutes=10)  # 50,000 that wait are fewer than a hundred looks a second


def test_a_shorter_limit_moves_the_renewal_time() -> None:
    limited = replace(observe(live()), addin=addin(syncServer=sync_with(subscriptionRenewalLimit="36h")))
    assert status.settled(limited, NOW)["renewalTime"] < status.settled(observe(live()), NOW)["renewalTime"]


def test_a_suspended_subscription_stays_ready_until_it_ends() -> None:
    for memory, ready in ((live(), "True"), (live(expirationTime=format_time(NOW)), "False")):
        observed = observe(memory, spec={"suspend": True})
        written = status.waiting(observed, decide(observed, NOW), NOW)
        found = {item["type"]: (item["status"], item["reason"]) for item in written["conditions"]}
        assert found["Ready"] == (ready, "Suspended")
        assert "Stalled" not in found


@pytest.mark.parametrize(
    ("sentence", "observed", "due"),
    [
        ("a new object is due", observe(), NOW),
        ("one in place is due when it is renewed", observe(live()), NOW + 2 * DAY),
        ("a failing one when its pause ends", observe(live(**FAILED)), NOW + timedelta(minutes=5)),
        (
            "a failing one now, if a wrong clock wrote down when",
            observe(live(failedRenewals=1, nextAttemptTime=format_time(NOW + 365 * DAY))),
            NOW,
        ),
        ("a changed one at once", observe(live(**FAILED), metadata={"generation": 2}), NOW),
        ("a request at once", observe(live(), metadata=asked()), NOW),
        (
            "a request does not end a pause",
            observe(live(**FAILED), metadata=asked()),
            NOW + timedelta(minutes=5),
        ),
        ("one that goes at once", observe(live(), metadata=deleted(timedelta())), NOW),
        ("unless it is not ours to hold", observe(metadata=deleted(timedelta(), finalizers=["x"])), None),
    ],
)
def test_due_times(sentence: str, observed: Observed, due: datetime | None) -> None:
    assert due_time(observed.body, NOW) == due, sentence
