from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from outlook_addin_web.dirty_queue import DirtyQueue, Kind, Task
from web.fakes import ANNA, BEN, START

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
    assert (queue.next_time(), queue.failures(ANNA)) == (SOON, 1)
    assert queue.take(SOON) == event("a1")


def test_success_forgets_earlier_failures() -> None:
    queue = DirtyQueue(10)
    queue.add(event("a"))
    task = queue.take(START)
    assert task is not None
    queue.retry(task, SOON)
    queue.take(SOON)
    queue.done(ANNA)
    assert queue.failures(ANNA) == 0


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
