from datetime import timedelta

import httpx2
import pytest

from outlook_addin_core.clients.errors import (
    ClientError,
    CredentialsRefused,
    Denied,
    NotFound,
    Rejected,
    ServerError,
    Throttled,
    Unauthorized,
    Unreachable,
)
from outlook_addin_web.backoff import FORGOTTEN, LONGEST, BackOff
from outlook_addin_web.blame import Scope, blame
from outlook_addin_web.pacing import MAILBOX_BURST, Pace
from outlook_addin_web.ports import StoreUnavailable
from web.fakes import ANNA, BEN, START, FakeClock

SECOND = timedelta(seconds=1)


def test_pauses_double_up_to_five_minutes_and_are_forgotten_after_a_success() -> None:
    backoff = BackOff(jitter=lambda: 1.0)
    pauses = [backoff.failed("unblu", START, START) - START for _ in range(12)]
    assert pauses[:4] == [SECOND, 2 * SECOND, 4 * SECOND, 8 * SECOND]
    assert pauses[-1] == LONGEST
    backoff.succeeded("unblu")
    assert backoff.failed("unblu", START, START) - START == SECOND


def test_jitter_spreads_a_pause_over_half_its_length() -> None:
    assert BackOff(jitter=lambda: 0.0).failed("t", START, START) - START == SECOND / 2


def test_who_does_not_come_back_is_forgotten_and_who_does_is_not() -> None:
    backoff, later = BackOff(), START + FORGOTTEN + LONGEST
    for number in range(10_000):
        backoff.failed(number, START, START)
    backoff.failed("unblu", later, later)
    for number in range(10_000, 21_000):
        backoff.failed(number, later, later)
    assert len(backoff._runs) == 11_001
    assert backoff.failures("unblu") == 1


def test_what_failed_side_by_side_is_one_failure() -> None:
    backoff = BackOff(jitter=lambda: 1.0)
    later = START + 5 * SECOND
    until = [backoff.failed("tenant", START, later) for _ in range(8)]
    assert set(until) == {later + SECOND}
    assert backoff.failures("tenant") == 1


def test_nobody_comes_back_before_the_service_allows_it() -> None:
    backoff = BackOff()
    assert backoff.failed("tenant", START, START, timedelta(hours=2)) == START + timedelta(hours=2)


def graph(kind: type[ClientError], excerpt: str = "", code: str | None = None) -> ClientError:
    return kind("failed", operation="graph.events.get", excerpt=excerpt, code=code)


def unblu(kind: type[ClientError], verb: str = "move") -> ClientError:
    return kind("failed", operation=f"unblu.conversations.{verb}")


@pytest.mark.parametrize(
    ("error", "scope", "own", "hopeless"),
    [
        (graph(Throttled), Scope.TENANT, False, False),
        (graph(Throttled, excerpt="over its MailboxConcurrency limit"), Scope.MAILBOX, False, False),
        (graph(ServerError), Scope.TENANT, True, False),
        (graph(Unreachable), Scope.TENANT, False, False),
        (graph(Unauthorized), Scope.TENANT, False, False),
        (graph(Denied), Scope.MAILBOX, True, False),
        (graph(NotFound), Scope.MAILBOX, True, True),
        (graph(NotFound, code="ErrorItemNotFound"), Scope.MAILBOX, True, False),
        (graph(Rejected), Scope.MAILBOX, True, True),
        (CredentialsRefused(7000222, "expired", operation="entra.token"), Scope.TENANT, False, False),
        (CredentialsRefused(None, "refused", operation="gateway.token"), Scope.UNBLU, False, False),
        (unblu(Throttled), Scope.UNBLU, False, False),
        (unblu(ServerError, "search"), Scope.UNBLU, True, False),
        (unblu(ServerError), Scope.MAILBOX, True, False),
        (unblu(Denied), Scope.MAILBOX, True, False),
        (unblu(Rejected), Scope.MAILBOX, True, False),
        (StoreUnavailable("Kubernetes gave no answer"), Scope.MAILBOX, False, False),
        (KeyError("subject"), Scope.MAILBOX, True, False),
    ],
)
def test_a_failure_keeps_only_those_waiting_whom_it_concerns(
    error: Exception, scope: Scope, *, own: bool, hopeless: bool
) -> None:
    why = blame(error)
    assert (why.scope, why.own, why.hopeless) == (scope, own, hopeless)
    assert "subject" not in why.remedy


async def test_each_mailbox_has_a_pace_of_its_own() -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    pace = Pace(FakeClock(), 1_000.0, 1_000, per_mailbox=True, sleep=sleep)
    for _ in range(MAILBOX_BURST + 2):
        await pace(httpx2.Request("GET", f"https://graph.example/v1.0/users/{ANNA.user_id}/events/e"))
    await pace(httpx2.Request("GET", f"https://graph.example/v1.0/users/{BEN.user_id}/events/e"))
    assert pauses == [pytest.approx(0.1), pytest.approx(0.2)]
