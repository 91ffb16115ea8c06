from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from outlook_addin_operator.keys import Key
from outlook_addin_operator.schedule import Schedule

START = datetime(2026, 11, 1, tzinfo=UTC)
KEYS = [Key("CalendarSubscription", "bank", str(number)) for number in range(4)]


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_the_earliest_is_handed_out_first_and_nothing_before_its_time() -> None:
    schedule = Schedule()
    schedule.wake(KEYS[0], at(20))
    schedule.wake(KEYS[1], at(10))
    assert schedule.pop(at(9)) is None
    assert schedule.pop(at(30)) == KEYS[1]
    assert schedule.pop(at(30)) == KEYS[0]
    assert schedule.pop(at(30)) is None


def test_an_earlier_wake_up_counts_and_a_later_one_does_not() -> None:
    schedule = Schedule()
    assert schedule.wake(KEYS[0], at(20))
    assert not schedule.wake(KEYS[0], at(40))
    assert schedule.wake(KEYS[0], at(5))
    assert schedule.next_due() == at(5)
    assert schedule.pop(at(50)) == KEYS[0]
    assert schedule.pop(at(50)) is None


def test_a_key_that_is_worked_on_waits_until_the_work_is_done() -> None:
    schedule = Schedule()
    schedule.wake(KEYS[0], at(0))
    assert schedule.pop(at(0)) == KEYS[0]
    schedule.wake(KEYS[0], at(1))
    assert schedule.pop(at(10)) is None
    schedule.done(KEYS[0], at(100))
    assert schedule.pop(at(10)) == KEYS[0]


def test_what_is_gone_is_not_looked_at_again() -> None:
    schedule = Schedule()
    schedule.wake(KEYS[0], at(0))
    schedule.forget(KEYS[0])
    assert schedule.pop(at(10)) is None
    assert schedule.next_due() is None


def test_the_heap_does_not_grow_with_every_wake_up() -> None:
    schedule = Schedule()
    for second in range(10_000, 0, -1):
        schedule.wake(KEYS[0], at(second))
    assert len(schedule._heap) < 200
    assert schedule.next_due() == at(1)


STEPS = st.lists(
    st.tuples(st.sampled_from(["wake", "pop", "done", "forget"]), st.sampled_from(KEYS), st.integers(0, 20))
)


@given(STEPS)
def test_it_hands_out_what_a_plain_dictionary_would(steps: list[tuple[str, Key, int]]) -> None:
    schedule, due, running = Schedule(), dict[Key, int](), dict[Key, int | None]()
    for step, key, second in steps:
        if step == "wake":
            schedule.wake(key, at(second))
            if key in running:
                waiting = running[key]
                running[key] = second if waiting is None else min(waiting, second)
            else:
                due[key] = min(due.get(key, second), second)
        elif step == "forget":
            schedule.forget(key)
            due.pop(key, None)
            if key in running:
                running[key] = None
        elif step == "done" and key in running:
            schedule.done(key, at(second))
            woken = running.pop(key)
            due[key] = second if woken is None else min(second, woken)
        elif step == "pop":
            ready = {other: moment for other, moment in due.items() if moment <= second}
            popped = schedule.pop(at(second))
            assert (popped is None) == (not ready)
            if popped is not None:
                assert ready[popped] == min(ready.values())
                del due[popped]
                running[popped] = None
        assert len(schedule) == len(due)
        assert schedule.next_due() == (at(min(due.values())) if due else None)


def key(name: str) -> Key:
    return Key("CalendarSubscription", "bank", name)


def test_of_what_is_due_the_most_urgent_comes_first() -> None:
    ends = {"late": at(300).timestamp(), "early": at(100).timestamp()}
    schedule = Schedule(lambda key: ends.get(key.name))
    for name, due in (("late", 1), ("early", 2), ("new", 3), ("not due", 99)):
        schedule.wake(key(name), at(due))
    assert [schedule.pop(at(10)) for _ in range(4)] == [key("new"), key("early"), key("late"), None]


def test_what_waits_for_a_worker_can_be_forgotten_put_off_and_woken() -> None:
    schedule = Schedule()
    for name in ("gone", "put off", "woken"):
        schedule.wake(key(name), at(1))
    schedule.wake(key("first"), at(0))
    assert schedule.pop(at(5)) == key("first")
    schedule.forget(key("gone"))
    schedule.put(key("put off"), at(50))
    schedule.wake(key("woken"), at(0))
    assert schedule.next_due() == at(0)
    assert schedule.overdue(at(5)) == 1
    assert [schedule.pop(at(5)) for _ in range(2)] == [key("woken"), None]
    assert schedule.pop(at(50)) == key("put off")
    assert len(schedule) == 0


def crowd(*tenants: str, each: int = 40) -> Schedule:
    """Return a schedule of 16 workers in which many keys of each tenant are due."""
    schedule = Schedule(group=lambda key: key.name.split("-")[0] if "-" in key.name else None, limit=16)
    for number in range(each):
        for tenant in tenants:
            schedule.wake(key(f"{tenant}-{number}"), at(0))
    return schedule


def drain(schedule: Schedule, second: float = 1) -> Counter[str]:
    """Hand out whatever may run; returns how many each tenant got."""
    taken: Counter[str] = Counter()
    while (found := schedule.pop(at(second))) is not None:
        taken[found.name.split("-")[0]] += 1
    return taken


def test_one_slow_tenant_leaves_workers_to_others_who_come_later() -> None:
    schedule = crowd("slow")
    assert drain(schedule) == {"slow": 11}
    schedule.wake(key("quick-0"), at(1))
    schedule.wake(key("quick-1"), at(1))
    assert drain(schedule) == {"quick": 2}
    schedule.done(key("quick-0"), None)
    schedule.done(key("quick-1"), None)
    assert drain(schedule) == {}
    schedule.done(key("slow-0"), None)
    assert drain(schedule) == {"slow": 1}


def test_tenants_that_wait_together_share_and_leave_some() -> None:
    assert sorted(drain(crowd("a", "b")).values()) == [6, 7]
    third = crowd("a", "b")
    drain(third)
    third.wake(key("c-0"), at(1))
    assert drain(third) == {"c": 1}


def test_what_belongs_to_no_tenant_may_take_what_is_left() -> None:
    schedule = crowd("slow")
    for number in range(5):
        schedule.wake(key(f"addin{number}"), at(0.5))
    assert sum(drain(schedule).values()) == 16


def test_a_tenant_that_has_its_share_wakes_nobody_before_one_of_its_own_is_done() -> None:
    schedule = crowd("slow")
    drain(schedule)
    assert schedule.next_timer() is None
    schedule.wake(key("quick-0"), at(50))
    assert schedule.next_timer() == at(50)
    assert schedule.next_due() == at(0)


def test_a_single_worker_works_for_everybody() -> None:
    schedule = Schedule(group=lambda _key: "slow", limit=1)
    schedule.wake(KEYS[0], at(0))
    schedule.wake(KEYS[1], at(0))
    assert schedule.pop(at(1)) == KEYS[0]
    assert schedule.pop(at(1)) is None
    schedule.done(KEYS[0], None)
    assert schedule.pop(at(1)) == KEYS[1]
