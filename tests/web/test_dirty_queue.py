from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import SpanContext

from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web.dirty_queue import STORM, DirtyQueue
from outlook_addin_web.tasks import Finding, Kind, Task, coalesced
from web.fakes import ANNA, BEN, CARL, START, TENANT, uuid

SOON = START + timedelta(seconds=30)


def event(name: str, mailbox: object = ANNA, *, suspected: bool = False) -> Task:
    assert mailbox in (ANNA, BEN)
    return Task(ANNA if mailbox == ANNA else BEN, Kind.EVENT, name, suspected=suspected)


def drained(queue: DirtyQueue) -> list[Task]:
    tasks = []
    while (task := queue.take(START)) is not None:
        tasks.append(task)
        queue.done(task.mailbox)
    return tasks


def test_two_notifications_about_one_event_are_one_task() -> None:
    queue = DirtyQueue(10)
    queue.add(event("a"))
    queue.add(event("a"))
    assert drained(queue) == [event("a")]


def test_a_suspicion_survives_coalescing_in_either_order() -> None:
    queue = DirtyQueue(10)
    queue.add(event("a", suspected=True))
    queue.add(event("a"))
    queue.add(event("b"))
    queue.add(event("b", suspected=True))
    assert [task.suspected for task in drained(queue)] == [True, True]


TRACES = st.none() | st.integers(1, 3).map(lambda number: SpanContext(number, number, is_remote=False))
NOTIFIED = st.builds(
    Task,
    st.just(ANNA),
    st.just(Kind.EVENT),
    st.just("a"),
    suspected=st.booleans(),
    finding=st.none() | st.sampled_from(Finding),
    correlation=st.sampled_from(["", "c1", "c2"]),
    since=st.none() | st.sampled_from([START, SOON]),
    tries=st.integers(0, 2),
    trace=TRACES,
)


@given(NOTIFIED, NOTIFIED)
def test_the_one_task_says_all_that_the_two_have_said(known: Task, new: Task) -> None:
    one = coalesced(known, new)
    assert one.suspected == (known.suspected or new.suspected)
    assert one.finding == (new.finding if known.finding else None)
    assert one.correlation == (known.correlation or new.correlation)
    assert one.since == (known.since or new.since)
    assert one.trace == (known.trace or new.trace)
    assert one.tries == max(known.tries, new.tries)


def test_a_full_queue_refuses_what_is_new_but_not_what_it_knows() -> None:
    queue = DirtyQueue(1)
    assert queue.add(event("a"))
    assert not queue.add(event("b"))
    assert queue.add(event("a"))


def test_mailboxes_take_turns() -> None:
    queue = DirtyQueue(10)
    for task in (event("a1"), event("a2"), event("a3"), event("b1", BEN)):
        queue.add(task)
    assert [task.subject for task in drained(queue)] == ["a1", "b1", "a2", "a3"]


def test_a_mailbox_that_is_worked_on_is_not_given_out_again() -> None:
    queue = DirtyQueue(10)
    queue.add(event("a1"))
    queue.add(event("a2"))
    assert queue.take(START) == event("a1")
    assert queue.take(START) is None
    queue.done(ANNA)
    assert queue.take(START) == event("a2")


def test_what_arrives_about_an_event_that_is_worked_on_is_looked_at_afterwards() -> None:
    queue = DirtyQueue(10)
    queue.add(event("a"))
    queue.take(START)
    queue.add(event("a"))
    queue.done(ANNA)
    assert queue.take(START) == event("a")


def test_a_task_that_was_put_back_holds_its_mailbox_and_no_other() -> None:
    queue = DirtyQueue(10)
    queue.add(event("a1"))
    task = queue.take(START)
    assert task is not None
    queue.retry(task, SOON)
    queue.add(event("a2"))
    queue.add(event("b1", BEN))
    assert queue.take(START) == event("b1", BEN)
    assert queue.take(START) is None
    assert queue.next_time() == SOON
    assert queue.take(SOON) == event("a1")


def test_a_storm_in_one_mailbox_becomes_one_look_at_all_of_it_and_is_never_refused() -> None:
    queue = DirtyQueue(STORM + 10)
    for number in range(STORM * 10):
        assert queue.add(event(f"a{number}"))
    assert len(queue) <= STORM
    assert queue.add(event("b1", BEN))
    tasks = drained(queue)
    assert tasks[0] == Task(ANNA, Kind.MAILBOX)
    assert event("b1", BEN) in tasks[:2]


def test_what_a_sweep_has_found_is_never_gathered_up_to_be_swept_again() -> None:
    queue = DirtyQueue(STORM * 3)
    found = [replace(event(f"a{number}"), finding=Finding.CHANGE) for number in range(STORM * 2)]
    for each in found:
        queue.put(each)
    assert queue.add(event("notified"))
    assert drained(queue) == [*found, event("notified")]


def test_a_storm_while_a_sweep_is_followed_up_gathers_up_the_notified_events_alone() -> None:
    queue = DirtyQueue(STORM + 10)
    found = replace(event("found"), finding=Finding.CHANGE)
    queue.put(found)
    for number in range(STORM + 1):
        assert queue.add(event(f"a{number}"))
    assert drained(queue) == [found, Task(ANNA, Kind.MAILBOX)]
    assert len(queue) == 0


def test_tenants_take_turns_however_many_mailboxes_one_of_them_has() -> None:
    queue = DirtyQueue(100, tenants=2)
    for task in (event("a1"), event("b1", BEN), event("a2"), Task(CARL, Kind.EVENT, "c1")):
        queue.add(task)
    assert [task.subject for task in drained(queue)] == ["a1", "c1", "b1", "a2"]


def test_a_storm_in_one_tenant_leaves_room_for_the_others() -> None:
    queue = DirtyQueue(40, tenants=2)
    many = [Mailbox(TENANT, str(uuid(number))) for number in range(40)]
    accepted = [queue.add(Task(mailbox, Kind.EVENT, "e")) for mailbox in many]
    assert accepted == [True] * 30 + [False] * 10
    assert all(queue.add(Task(CARL, Kind.EVENT, f"c{number}")) for number in range(10))
    assert not queue.add(Task(CARL, Kind.EVENT, "one more"))
    assert queue.take(START) is not None
    assert queue.add(Task(CARL, Kind.EVENT, "one more"))


def test_a_tenant_that_is_held_waits_and_the_others_go_on() -> None:
    queue = DirtyQueue(100, tenants=2)
    queue.add(event("a"))
    queue.add(Task(CARL, Kind.EVENT, "c"))
    queue.hold(TENANT, SOON)
    assert queue.take(START) == Task(CARL, Kind.EVENT, "c")
    assert queue.take(START) is None
    assert queue.next_time() == SOON
    assert queue.take(SOON) == event("a")


def test_while_everything_is_held_nothing_is_given_out_and_nothing_keeps_the_process_from_ending() -> None:
    queue = DirtyQueue(100)
    queue.add(event("a"))
    queue.hold(None, SOON)
    assert queue.take(START) is None
    assert queue.at_rest(START)
    assert not queue.at_rest(SOON)


def test_a_slow_tenant_is_worked_on_in_few_mailboxes_at_a_time_and_another_one_not_less() -> None:
    queue = DirtyQueue(100, tenants=2, per_tenant=1)
    for task in (event("a"), event("b", BEN), Task(CARL, Kind.EVENT, "c")):
        queue.add(task)
    taken = [queue.take(START), queue.take(START), queue.take(START)]
    assert taken == [event("a"), Task(CARL, Kind.EVENT, "c"), None]
    queue.done(ANNA)
    assert queue.take(START) == event("b", BEN)


def test_what_a_notification_has_announced_is_no_finding_of_a_sweep() -> None:
    queue = DirtyQueue(10)
    found = replace(event("a"), finding=Finding.CHANGE)
    queue.add(found)
    queue.add(replace(event("a"), since=START, correlation="c"))
    (task,) = drained(queue)
    assert (task.finding, task.since, task.correlation) == (None, START, "c")


def test_what_is_put_off_waits_for_its_time() -> None:
    queue = DirtyQueue(10)
    queue.add_later(event("a"), SOON)
    assert queue.take(START) is None
    assert queue.take(SOON) == event("a")


@given(st.lists(st.tuples(st.sampled_from([ANNA, BEN]), st.sampled_from("abcd")), max_size=40))
def test_whatever_is_added_is_given_out_exactly_once_and_the_queue_ends_empty(
    arrivals: list[tuple[object, str]],
) -> None:
    queue = DirtyQueue(100)
    for mailbox, name in arrivals:
        queue.add(event(name, mailbox))
    tasks = drained(queue)
    assert {(task.mailbox, task.subject) for task in tasks} == set(arrivals)
    assert len(tasks) == len(set(arrivals))
    assert len(queue) == 0
    assert queue.at_rest(START)
