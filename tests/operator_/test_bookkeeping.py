"""What the operator keeps in memory between two events."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

import outlook_addin_operator as operator_package
from outlook_addin_core.domain.mailbox import age_of
from outlook_addin_core.domain.resources import ADDIN, SUBSCRIPTION
from outlook_addin_operator.agenda import Agenda
from outlook_addin_operator.graph_access import proxy_for
from outlook_addin_operator.inventory import UNWANTED, Counts, Inventory
from outlook_addin_operator.keys import Key
from outlook_addin_operator.metrics import REASONS, Metrics
from outlook_addin_operator.schedule import Schedule
from outlook_addin_operator.settings import Settings

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
DESK = Key(ADDIN, "bank", "desk")


class StoppedClock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds


def addin(name: str = "desk", client: str = "c") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "bank"}, "spec": {"clientId": client}}


def subscription(name: str, user: str = "u", *, ready: bool = True, **metadata: Any) -> dict[str, Any]:
    conditions = [{"type": "Ready", "status": str(ready), "reason": "Subscribed" if ready else "Throttled"}]
    status = {
        "observedGeneration": 1,
        "subscriptionId": "s",
        "notificationUrl": "url",
        "expirationTime": "2026-11-03T00:00:00Z",
        "renewalTime": "2026-11-02T00:00:00Z",
        "conditions": conditions,
    }
    made = {"uid": name, "generation": 1, "creationTimestamp": "2026-11-01T00:00:00Z", **metadata}
    return {
        "metadata": {"name": name, "namespace": "bank", **made},
        "spec": {"addinRef": {"name": "desk"}, "tenantId": "t", "userId": user},
        "status": status,
    }


@pytest.fixture
def schedule() -> Schedule:
    return Schedule()


@pytest.fixture
def inventory() -> Inventory:
    return Inventory()


@pytest.fixture
def agenda(schedule: Schedule, inventory: Inventory) -> Agenda:
    clock = StoppedClock()
    return Agenda(schedule, inventory, lambda key, at: (schedule.wake(key, at), None)[1], clock)


def due(schedule: Schedule, at: datetime = NOW) -> set[Key]:
    found = set()
    while key := schedule.pop(at):
        found.add(key)
        schedule.done(key, None)
    return found


def test_a_subscription_in_place_sleeps_and_its_addin_counts_it_later(
    agenda: Agenda, schedule: Schedule, inventory: Inventory
) -> None:
    agenda.subscription(False, subscription("a"))
    assert due(schedule) == set()
    assert due(schedule, NOW + timedelta(seconds=30)) == {DESK}
    assert due(schedule, datetime(2026, 11, 2, tzinfo=UTC)) == {Key(SUBSCRIPTION, "bank", "a")}
    assert inventory.counts(DESK) == Counts(total=1, ready=1, failing=0)


def test_a_change_that_does_not_change_the_counts_wakes_no_addin(agenda: Agenda, schedule: Schedule) -> None:
    agenda.subscription(False, subscription("a"))
    due(schedule, NOW + timedelta(minutes=1))
    agenda.subscription(False, subscription("a"))
    assert due(schedule, NOW + timedelta(minutes=2)) == set()


def test_a_childs_event_wakes_its_owner_only(agenda: Agenda, schedule: Schedule) -> None:
    owners = [{"kind": ADDIN, "name": "desk", "controller": True}, {"kind": "Other", "name": "x"}]
    agenda.child({"metadata": {"name": "desk-config", "namespace": "bank", "ownerReferences": owners}})
    agenda.child({"metadata": {"name": "stray", "namespace": "bank"}})
    assert due(schedule) == {DESK}


def test_who_shares_a_registration_is_looked_at_when_that_changes(
    agenda: Agenda, schedule: Schedule, inventory: Inventory
) -> None:
    agenda.addin(False, addin("one"))
    due(schedule)
    agenda.addin(False, addin("other"))
    assert due(schedule) == {Key(ADDIN, "bank", "one"), Key(ADDIN, "bank", "other")}
    assert inventory.sharing(Key(ADDIN, "bank", "one"), "c") == [Key(ADDIN, "bank", "other")]
    agenda.addin(True, addin("other"))
    assert due(schedule) == {Key(ADDIN, "bank", "one")}


def test_the_older_of_two_is_known_and_the_younger_is_woken_when_it_goes(
    agenda: Agenda, schedule: Schedule, inventory: Inventory
) -> None:
    agenda.subscription(False, subscription("old"))
    agenda.subscription(False, subscription("young", creationTimestamp="2026-11-01T00:00:01Z"))
    young = Key(SUBSCRIPTION, "bank", "young")
    assert [entry.key.name for entry in inventory.siblings(young)] == ["old"]
    assert due(schedule) == set()
    agenda.subscription(True, subscription("old"))
    assert due(schedule) == {young}
    assert inventory.siblings(young) == []


def test_what_is_gone_leaves_nothing_behind(agenda: Agenda, inventory: Inventory) -> None:
    agenda.subscription(False, subscription("a"))
    agenda.subscription(True, subscription("a"))
    agenda.addin(False, addin())
    agenda.addin(True, addin())
    assert not inventory._subscriptions
    assert not inventory._addin_of
    assert not inventory._by_mailbox
    assert not inventory._clients


def test_a_pause_is_ended_once(agenda: Agenda, schedule: Schedule) -> None:
    agenda.subscription(False, subscription("a", ready=False))
    agenda.wake_subscriptions(DESK, lambda entry: entry.failing, retry=True)
    key = Key(SUBSCRIPTION, "bank", "a")
    assert key in due(schedule)
    assert agenda.take_retry(key)
    assert not agenda.take_retry(key)


def test_the_metrics_have_a_bounded_label_and_the_first_expiry(inventory: Inventory) -> None:
    inventory.put_subscription(subscription("a"), SUBSCRIPTION)
    odd = subscription("b", "other", ready=False)
    odd["status"]["conditions"][0]["reason"] = "anna@bank.example"
    inventory.put_subscription(odd, SUBSCRIPTION)
    metrics = Metrics()
    metrics.show(inventory.overview(NOW), 7)
    text = generate_latest(metrics.registry).decode()
    assert 'outlook_addin_subscriptions{reason="Subscribed"} 1.0' in text
    assert 'outlook_addin_subscriptions{reason="Unknown"} 1.0' in text
    assert "anna" not in text
    assert "outlook_addin_queue_depth 7.0" in text
    assert metrics.earliest_expiration._value.get() == datetime(2026, 11, 3, tzinfo=UTC).timestamp()
    assert metrics.earliest_renewal._value.get() == datetime(2026, 11, 2, tzinfo=UTC).timestamp()


def ended(**changes: Any) -> dict[str, Any]:
    """A subscription that had been made and is gone at Graph."""
    body = subscription("a", ready=False)
    conditions = body["status"]["conditions"]
    body["status"] = {"lastRenewalTime": "2026-10-28T00:00:00Z", "conditions": conditions}
    body["spec"] |= changes.pop("spec", {})
    conditions[0] |= changes
    return body


@pytest.mark.parametrize(
    ("sentence", "body", "now", "expired"),
    [
        ("one that is live", subscription("a"), NOW, 0),
        ("one that ended, and nobody has written it down", subscription("a"), NOW + timedelta(days=3), 1),
        ("one that ended while Graph failed", ended(), NOW, 1),
        ("one that ended with its credentials", ended(reason="CredentialsRefused"), NOW, 1),
        ("one that ended while the web server was away", ended(reason="WaitingForWebServer"), NOW, 1),
        ("one that was never made", subscription("a", ready=False) | {"status": {}}, NOW, 0),
        ("one that was suspended", ended(spec={"suspend": True}), NOW, 0),
        ("one that was given up", ended(reason="SyncDisabled"), NOW, 0),
        ("one whose tenant is not wanted any more", ended(reason="TenantNotAllowed"), NOW, 0),
    ],
)
def test_who_has_lost_the_subscription_that_should_be_there_is_counted(
    inventory: Inventory, sentence: str, body: dict[str, Any], now: datetime, expired: int
) -> None:
    inventory.put_subscription(body, SUBSCRIPTION)
    assert inventory.overview(now).expired == expired, sentence


def test_what_is_left_to_run_out_on_purpose_is_not_awaited(inventory: Inventory) -> None:
    suspended = subscription("a")
    suspended["spec"]["suspend"] = True
    inventory.put_subscription(suspended, SUBSCRIPTION)
    overview = inventory.overview(NOW)
    assert (overview.earliest_expiration, overview.earliest_renewal, overview.expired) == (None, None, 0)


def test_a_renewal_that_fails_is_counted_by_why_while_there_is_time_left(inventory: Inventory) -> None:
    body = subscription("a")
    overdue = {"type": "RenewalOverdue", "status": "True", "reason": "CredentialsRefused"}
    body["status"]["conditions"].append(overdue)
    inventory.put_subscription(body, SUBSCRIPTION)
    assert inventory.overview(NOW).reasons == {"CredentialsRefused": 1}


@pytest.mark.parametrize(
    ("condition", "failing"),
    [
        (("Ready", "True", "Available"), 0),
        (("Ready", "Unknown", "Initializing"), 0),
        (("Ready", "False", "Suspended"), 0),
        (("Ready", "False", "InvalidInvitationText"), 1),
        (("Stalled", "True", "NameConflict"), 1),
        (("CredentialsValid", "False", "CredentialsRefused"), 1),
    ],
)
def test_an_outlook_addin_that_waits_for_a_person_is_counted(
    agenda: Agenda, inventory: Inventory, condition: tuple[str, str, str], failing: int
) -> None:
    found = dict(zip(("type", "status", "reason"), condition, strict=True))
    agenda.addin(False, addin() | {"status": {"conditions": [found]}})
    assert inventory.overview(NOW).failing_addins == failing
    agenda.addin(True, addin())
    assert inventory.overview(NOW).failing_addins == 0


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://graph.microsoft.com", "http://secure:1"),
        ("http://graph.localhost", "http://plain:1"),
        ("https://bank.example", None),
        ("https://graph.bank.example", None),
        ("https://otherbank.example", "http://secure:1"),
    ],
)
def test_no_proxy_counts_whole_names(url: str, proxy: str | None) -> None:
    settings = {"httpsProxy": "http://secure:1", "httpProxy": "http://plain:1", "noProxy": "x, .bank.example"}
    assert proxy_for(url, settings) == proxy
    assert proxy_for(url, {**settings, "noProxy": "*"}) is None


def test_the_settings_come_from_the_environment() -> None:
    assert Settings.from_env({}) == Settings()
    given = Settings.from_env(
        {"WEB_IMAGE": "w", "LISTEN_ADDRESS": "127.0.0.2", "METRICS_PORT": "0", "POD_ID": "p"}
    )
    assert given == Settings("w", "127.0.0.2", 0, "p")


def test_the_lease_is_watched_only_where_something_is_watched() -> None:
    assert Settings.from_env({"POD_NAMESPACE": "system"}).sees_lease
    assert Settings.from_env({"POD_NAMESPACE": "bank", "WATCH_NAMESPACES": "bank,other"}).sees_lease
    assert not Settings.from_env({"POD_NAMESPACE": "system", "WATCH_NAMESPACES": "bank"}).sees_lease


def test_spans_are_read_and_nought_switches_off() -> None:
    given = Settings.from_env({"LEASE_DURATION": "0", "COMPARE_INTERVAL": "0"})
    assert (given.lease_duration, given.compare_interval) == (0, 0)
    assert Settings.from_env({"LEASE_DURATION": "0.1"}).lease_duration == 1
    assert Settings.from_env({}).lease_duration == 30


def test_the_process_shows_what_it_knows_about_itself() -> None:
    metrics = Metrics()
    end = datetime(2027, 1, 1, tzinfo=UTC)
    metrics.show_process(leading=True, watch_lag=1.5, oldest_due=2, credentials_end=end)
    text = generate_latest(metrics.registry).decode()
    assert "outlook_addin_leader 1.0" in text
    assert "outlook_addin_watch_age_seconds 1.5" in text
    assert "outlook_addin_oldest_due_age_seconds 2.0" in text
    assert metrics.credential_expiration._value.get() == end.timestamp()
    metrics.show_process(leading=False, watch_lag=0, oldest_due=0, credentials_end=None)
    assert metrics.credential_expiration._value.get() == 0


def test_every_reason_that_an_object_can_have_is_counted_by_its_name() -> None:
    source = "".join(path.read_text() for path in Path(operator_package.__path__[0]).rglob("*.py"))
    named = set(re.findall(r"""\b(?:Problem|Failure|Blocker)\(\s*"(\w+)\"""", source))
    assert len(named) > 10
    others = {"Subscribed", "Suspended", "WaitingForWebServer", "Unknown"}
    assert named | others == REASONS


def test_the_reasons_for_having_none_are_those_for_giving_it_up() -> None:
    source = (Path(operator_package.__path__[0]) / "subscription" / "blockers.py").read_text()
    assert set(re.findall(r"""\bBlocker\(\s*"(\w+)\"""", source)) - {"InvalidAddin"} == UNWANTED


def test_of_two_objects_of_one_second_the_name_decides_and_not_chance() -> None:
    def made(name: str, uid: str) -> dict[str, Any]:
        return {"metadata": {"name": name, "uid": uid, "creationTimestamp": "2026-01-01T00:00:00Z"}}

    assert age_of(made("first", "f")) < age_of(made("second", "a"))
