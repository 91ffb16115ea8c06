from dataclasses import replace
from datetime import date, timedelta

from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web.ports import Followed
from outlook_addin_web.sweep_plan import SweepPlan, plan
from web.fakes import ANNA, BEN, BRANCH, CARL, OTHER_TENANT, START, TENANT

DAY = timedelta(days=1)
MONTH = 30 * DAY
STRANGER = Mailbox(OTHER_TENANT, ANNA.user_id)


def followed(mailbox: Mailbox, age: timedelta = DAY, needed: date | None = None) -> Followed:
    return Followed(
        name=f"outlook-addin-{mailbox.log_id}",
        mailbox=mailbox,
        web_made=True,
        subscription_id="s",
        sync_requested="",
        last_needed=needed,
        created=START - age,
        version="1",
    )


def sweep(*known: Followed, open_in: dict[Mailbox, bool] | None = None) -> SweepPlan:
    return plan(known, open_in or {}, (TENANT, BRANCH), START, MONTH)


def test_mailboxes_with_open_conversations_come_first_and_each_tenant_is_a_line_of_its_own() -> None:
    found = sweep(followed(ANNA), followed(BEN), open_in={BEN: True, CARL: True})
    assert found.by_tenant == {TENANT: [BEN, ANNA], BRANCH: [CARL]}


def test_mailboxes_of_tenants_that_are_not_served_are_not_looked_at() -> None:
    found = sweep(followed(STRANGER, MONTH * 2), open_in={STRANGER: True})
    assert found == SweepPlan({}, (), (), ())


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
