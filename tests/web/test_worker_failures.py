"""Who waits for what fails, how long, and what is told about it."""

from datetime import timedelta

import pytest

from outlook_addin_core.clients.errors import (
    ClientError,
    CredentialsRefused,
    Denied,
    NotFound,
    ServerError,
    Throttled,
    Unreachable,
)
from outlook_addin_web.backoff import LONGEST
from outlook_addin_web.dirty_queue import STORM
from outlook_addin_web.tasks import Kind
from web.fakes import ANNA, BEN, BRANCH, CARL, TENANT, FakeClock
from web.office import Office
from web.polling import until


async def test_a_throttled_task_is_done_once_the_service_allows_it() -> None:
    clock = FakeClock()
    office = Office(clock=clock)
    pause = timedelta(seconds=40)
    office.doer.failures["a"] = [Throttled("HTTP 429", operation="fake", retry_after=pause)]
    async with office.open():
        office.submit("a")
        await until(lambda: office.queue.next_time() == clock.now() + pause)
        clock.advance(pause)
        office.submit("b", BEN)
        await until(lambda: sorted(office.doer.done) == ["a", "b"])


async def test_a_task_that_a_person_has_to_see_to_is_tried_again_later() -> None:
    office = Office()
    office.doer.failures["a"] = [Denied("HTTP 403", operation="fake")]
    async with office.open():
        office.submit("a")
        await until(lambda: office.counted("put_back") == 1)
        assert office.queue.next_time() is not None


async def test_a_task_that_can_never_succeed_is_parked_and_reported() -> None:
    office = Office()
    office.doer.failures["a"] = [
        NotFound("HTTP 404", operation="graph.x", code="MailboxNotEnabledForRESTAPI")
    ]
    async with office.open():
        office.submit("a")
        await until(lambda: office.counted("parked") == 1)
        assert len(office.queue) == 0
        assert [(mailbox, verdict.reason) for mailbox, verdict in office.said] == [(ANNA, "MailboxNotFound")]


async def test_a_poison_task_is_tried_a_few_times_and_holds_up_no_other_of_its_mailbox(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = FakeClock()
    office = Office(clock=clock)
    office.doer.failures["a"] = [RuntimeError("subject: merger with Acme") for _ in range(99)]
    async with office.open():
        office.submit("a")
        office.submit("b")
        await until(lambda: office.doer.done == ["b"])
        for tries in range(1, 5):
            await until(lambda tries=tries: office.counted("put_back") == tries)  # type: ignore[misc]
            clock.advance(timedelta(minutes=5))
            office.submit(f"tick{tries}", BEN)
        await until(lambda: office.counted("parked") == 1)
        office.doer.failures["a"].clear()
        office.submit("a")
        await until(lambda: "a" in office.doer.done)
    assert office.said[-2][1].reason == "Parked"
    assert office.said[-1][1].reason == "InSync"
    assert "Acme" not in capsys.readouterr().out


async def test_a_mailbox_at_its_limit_waits_alone() -> None:
    clock = FakeClock()
    office = Office(clock=clock)
    limit = Throttled(
        "HTTP 429", operation="graph.x", excerpt="Application is over its MailboxConcurrency limit."
    )
    office.doer.failures["a"] = [limit]
    async with office.open():
        for name, mailbox in (("a", ANNA), ("a2", ANNA), ("b", BEN), ("c", CARL)):
            office.submit(name, mailbox)
        await until(lambda: sorted(office.doer.done) == ["b", "c"])
        clock.advance(timedelta(seconds=1))
        office.submit("b2", BEN)
        await until(lambda: sorted(office.doer.done) == ["a", "a2", "b", "b2", "c"])


@pytest.mark.parametrize(
    "failure",
    [
        CredentialsRefused(7000222, "the client secret has expired", operation="entra.token"),
        Throttled("HTTP 429", operation="graph.x", retry_after=timedelta(seconds=30)),
        Unreachable("graph did not answer in time", operation="graph.x"),
    ],
)
async def test_a_tenant_that_fails_waits_and_the_others_go_on(failure: ClientError) -> None:
    clock = FakeClock()
    office = Office(clock=clock)
    office.doer.failures["a"] = [failure]
    async with office.open():
        office.submit("a")
        await until(lambda: office.counted("put_back") == 1)
        office.submit("b", BEN)
        office.submit("c", CARL)
        await until(lambda: office.doer.done == ["c"])
        clock.advance(timedelta(seconds=30))
        office.submit("c2", CARL)
        await until(lambda: sorted(office.doer.done) == ["a", "b", "c", "c2"])


async def test_an_event_that_graph_always_fails_at_keeps_nobody_waiting() -> None:
    clock = FakeClock()
    office = Office(clock=clock)
    office.doer.failures["poison"] = [ServerError("HTTP 500", operation="graph.x")] * 5
    async with office.open():
        office.submit("poison")
        for number in range(1, 5):
            await until(lambda number=number: office.counted("put_back") == number)  # type: ignore[misc]
            office.submit(f"a{number}")
            office.submit(f"b{number}", BEN)
            await until(lambda number=number: {f"a{number}", f"b{number}"} <= {*office.doer.done})  # type: ignore[misc]
            assert office.worker.trouble(TENANT) is None
            clock.advance(timedelta(minutes=5))
            office.submit("tick", CARL)
        await until(lambda: office.counted("parked") == 1)
        office.doer.failures["b"] = [ServerError("HTTP 500", operation="graph.x")]
        office.submit("b", BEN)
        await until(lambda: office.counted("put_back") == 5)
        office.submit("a")
        await until(lambda: "a" in office.doer.done)


async def test_a_place_that_unblu_does_well_at_again_is_no_proof_against_it() -> None:
    clock = FakeClock()
    office = Office(clock=clock)
    for name in ("a", "b"):
        office.doer.failures[name] = [ServerError("HTTP 500", operation="unblu.conversations.search")]
    async with office.open():
        office.submit("a")
        await until(lambda: office.counted("put_back") == 1)
        clock.advance(timedelta(seconds=1))
        office.submit("tick", CARL)
        await until(lambda: "a" in office.doer.done)
        office.submit("b", BEN)
        await until(lambda: office.counted("put_back") == 2)
        office.submit("c", CARL)
        await until(lambda: "c" in office.doer.done)


@pytest.mark.parametrize(
    ("operation", "goes_on"), [("graph.events.read", ["c"]), ("unblu.conversations.search", [])]
)
async def test_a_service_that_fails_at_two_places_is_left_alone(operation: str, goes_on: list[str]) -> None:
    clock = FakeClock()
    office = Office(clock=clock)
    for name in ("a", "b"):
        office.doer.failures[name] = [ServerError("HTTP 500", operation=operation)]
    async with office.open():
        office.submit("a")
        office.submit("b", BEN)
        await until(lambda: office.counted("put_back") == 2)
        office.submit("a2")
        office.submit("c", CARL)
        await until(lambda: office.doer.done == goes_on)
        assert office.queue.at_rest(clock.now())
        clock.advance(timedelta(seconds=1))
        office.submit("c2", CARL)
        await until(lambda: sorted(office.doer.done) == ["a", "a2", "b", "c", "c2"])


async def test_while_unblu_is_down_everybody_waits_longer_and_longer() -> None:
    clock = FakeClock()
    office = Office(clock=clock)
    for name in ("a", "b"):
        office.doer.failures[name] = [ServerError("HTTP 503", operation="unblu.conversations.read")] * 3
    async with office.open():
        office.submit("a")
        office.submit("b")
        for number, seconds in enumerate((1, 2, 4), start=1):
            await until(lambda number=number: office.counted("put_back") == number + 1)  # type: ignore[misc]
            assert office.queue.next_time() == clock.now() + timedelta(seconds=seconds)
            assert office.doer.done == ["c"] * (number - 1)
            office.submit("c", CARL)
            if number == 3:
                office.doer.failures.clear()
            clock.advance(timedelta(seconds=seconds))
        await until(lambda: sorted(office.doer.done) == ["a", "b", "c", "c", "c"])
    assert office.said[0][1].reason == "UnbluUnavailable"
    assert office.worker.trouble(TENANT) is None


async def test_a_tenant_whose_failing_changes_were_given_up_is_swept_again() -> None:
    clock = FakeClock()
    office = Office(clock=clock)
    troubles: list[str] = []
    for name in ("a", "b"):
        office.doer.failures[name] = [ServerError("HTTP 500", operation="graph.x")] * 5
    async with office.open():
        office.submit("a")
        office.submit("b")
        await until(lambda: office.counted("put_back") == 2)
        while office.counted("parked") < 2:
            clock.advance(timedelta(minutes=5))
            office.submit("c", CARL)
            await until(lambda: office.queue.at_rest(clock.now()))
            troubles += [each.reason for each in [office.worker.trouble(TENANT)] if each is not None]
    assert set(troubles) == {"GraphUnavailable"}
    assert office.said[0][1].reason == "GraphUnavailable"
    assert office.worker.trouble(TENANT) is None


@pytest.mark.parametrize("verb", ["rename", "move", "mark", "delete"])
async def test_a_conversation_that_unblu_fails_at_keeps_no_other_waiting(verb: str) -> None:
    """That the same task could search before shows that Unblu itself is well."""
    clock = FakeClock()
    office = Office(clock=clock)
    office.doer.failures["a"] = [ServerError("HTTP 500", operation=f"unblu.conversations.{verb}")] * 5
    async with office.open():
        office.submit("a")
        for number in range(1, 5):
            await until(lambda number=number: office.counted("put_back") == number)  # type: ignore[misc]
            assert office.worker.trouble(TENANT) is None
            office.submit(f"a{number}")
            office.submit(f"c{number}", CARL)
            await until(lambda number=number: {f"a{number}", f"c{number}"} <= {*office.doer.done})  # type: ignore[misc]
            clock.advance(timedelta(minutes=5))
            office.submit("tick", BEN)
        await until(lambda: office.counted("parked") == 1)


async def test_trouble_that_nobody_is_left_to_see_the_end_of_is_over_by_itself() -> None:
    """A storm takes the place of the only events that Unblu has failed, and their mailbox vanishes."""
    clock = FakeClock()
    office = Office(capacity=2 * STORM, clock=clock)
    for name in ("a", "b"):
        office.doer.failures[name] = [ServerError("HTTP 503", operation="unblu.conversations.read")] * 3
    office.doer.failures[""] = [NotFound("HTTP 404", operation="graph.x", code="ErrorInvalidUser")]
    async with office.open():
        office.submit("a")
        office.submit("b")
        for number, seconds in enumerate((1, 2), start=2):
            await until(lambda number=number: office.counted("put_back") == number)  # type: ignore[misc]
            clock.advance(timedelta(seconds=seconds))
            office.submit("c", CARL)
        await until(lambda: office.worker.trouble(BRANCH) is not None)
        for number in range(STORM):
            office.submit(f"a{number}")
        clock.advance(timedelta(seconds=4))
        office.submit("c2", CARL)
        await until(lambda: any(each.kind is Kind.MAILBOX for each in office.ended_tasks))
        assert office.worker.trouble(BRANCH) is not None
        clock.advance(2 * LONGEST)
        assert office.worker.trouble(BRANCH) is None
