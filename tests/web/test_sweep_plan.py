from dataclasses import replace
from datetime import date, datetime, timedelta
from uuid import UUID

import pytest

from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web.ports import Followed
from outlook_addin_web.sweep_plan import REST, SweepPlan, plan
from outlook_addin_web.verdicts import IN_SYNC, INSUFFICIENT_ROLE, Verdict
from web.fakes import ANNA, BEN, BRANCH, CARL, OTHER_TENANT, START, TENANT

DAY = timedelta(days=1)
QUARTER = timedelta(minutes=15)
MONTH = 30 * DAY
STRANGER = Mailbox(OTHER_TENANT, ANNA.user_id)


def followed(
    mailbox: Mailbox, age: timedelta = DAY, needed: date | None = None, verdict: Verdict | None = None
) -> Followed:
    return Followed(
        name=f"outlook-addin-{mailbox.log_id}",
        mailbox=mailbox,
        web_made=True,
        subscription_id="s",
        sync_requested="",
        last_needed=needed,
        created=START - age,
        version="1",
        verdict=verdict,
    )


def sweep(
    *known: Followed,
    open_in: dict[Mailbox, bool] | None = None,
    now: datetime = START,
    interval: timedelta = QUARTER,
) -> SweepPlan:
    return plan(known, open_in or {}, (TENANT, BRANCH), now, retention=MONTH, interval=interval)


def looked_at(found: SweepPlan) -> list[Mailbox]:
    return [mailbox for mailboxes in found.by_tenant.values() for mailbox in mailboxes]


def test_mailboxes_with_open_conversations_come_first_and_each_tenant_is_a_line_of_its_own() -> None:
    found = sweep(followed(ANNA), followed(BEN), open_in={BEN: True, CARL: True})
    assert found.by_tenant == {TENANT: [BEN, ANNA], BRANCH: [CARL]}


def test_mailboxes_of_tenants_that_are_not_served_are_not_looked_at() -> None:
    found = sweep(followed(STRANGER, MONTH * 2), open_in={STRANGER: True})
    assert found == SweepPlan({}, (), (), (), ())


def test_a_subscription_with_open_conversations_is_noted_as_needed_once_a_day() -> None:
    first, again = followed(ANNA), followed(BEN, needed=START.date())
    assert sweep(first, again, open_in={ANNA: True, BEN: True}).needed == (first,)


def test_of_two_subscriptions_for_a_mailbox_the_older_one_is_needed_and_of_one_second_the_first() -> None:
    older, younger = replace(followed(ANNA, 2 * DAY), name="z"), replace(followed(ANNA), name="a")
    assert sweep(younger, older, open_in={ANNA: True}).needed == (older,)
    twin = replace(older, name="y")
    assert sweep(younger, older, twin, open_in={ANNA: True}).needed == (twin,)


def test_links_without_a_subscription_get_one_again() -> None:
    assert sweep(open_in={ANNA: True, BEN: False}).missing == (ANNA,)


def test_only_what_the_web_server_made_and_nobody_needed_for_the_retention_is_idle() -> None:
    old = followed(ANNA, MONTH + DAY)
    young = followed(BEN, MONTH - DAY)
    used = followed(CARL, MONTH + DAY)
    by_hand = replace(old, web_made=False)
    assert sweep(old, young, used, by_hand, open_in={CARL: False}).idle == (old,)


def test_a_subscription_that_was_needed_lately_is_not_idle() -> None:
    just = START.date() - MONTH
    assert sweep(followed(ANNA, MONTH * 3, needed=just)).idle == ()
    assert len(sweep(followed(ANNA, MONTH * 3, needed=just - 2 * DAY)).idle) == 1


def test_a_mailbox_without_open_conversations_that_is_well_is_looked_at_once_a_day() -> None:
    sweeps = [
        sweep(followed(ANNA, verdict=IN_SYNC), now=START + n * QUARTER) for n in range(2 * REST // QUARTER)
    ]
    assert sum(looked_at(each) == [ANNA] for each in sweeps) == 2
    assert all(looked_at(each) == [ANNA] or each.resting == (ANNA,) for each in sweeps)


def test_the_mailboxes_that_rest_are_spread_over_the_day() -> None:
    many = [followed(Mailbox(TENANT, str(UUID(int=n))), verdict=IN_SYNC) for n in range(960)]
    counts = [len(looked_at(sweep(*many, now=START + n * QUARTER))) for n in range(REST // QUARTER)]
    assert sum(counts) == len(many)
    assert max(counts) < 3 * len(many) / len(counts)


def test_a_mailbox_with_open_conversations_never_rests() -> None:
    sweeps = [
        sweep(followed(ANNA, verdict=IN_SYNC), open_in={ANNA: False}, now=START + n * QUARTER)
        for n in range(96)
    ]
    assert all(looked_at(each) == [ANNA] for each in sweeps)


@pytest.mark.parametrize("verdict", [None, INSUFFICIENT_ROLE])
def test_a_mailbox_that_is_not_known_to_be_well_never_rests(verdict: Verdict | None) -> None:
    sweeps = [sweep(followed(ANNA, verdict=verdict), now=START + n * QUARTER) for n in range(96)]
    assert all(looked_at(each) == [ANNA] for each in sweeps)


def test_nothing_rests_where_sweeps_are_a_day_apart() -> None:
    assert looked_at(sweep(followed(ANNA, verdict=IN_SYNC), interval=2 * DAY)) == [ANNA]
