"""Whatever happens, and in whatever order: after it, the conversations are as the calendars say."""

from datetime import datetime

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from outlook_addin_core.clients.unblu import Unblu
from sync.seasons import SEASON, Season
from sync.stage import GRACE, MINUTE, Stage
from sync.steps import BEGINNINGS, Kind, Step, steps
from sync.storm import Storm
from sync.virtual import BEGINNING, run

LONGEST_PAUSE = 5 * MINUTE
"""How long a service that has failed often is left alone."""
SEARCH = settings(
    deadline=None,
    database=None,
    print_blob=True,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)


TWICE = [
    Step(Kind.SCHEDULE, 0, 1),
    Step(Kind.WAIT, 0, 2),
    Step(Kind.DELETE, 0),
    Step(Kind.WAIT, 0, 3),
    Step(Kind.DROP, 0, 1),
    Step(Kind.RESTORE, 0),
    Step(Kind.DELETE, 0),
    Step(Kind.DROP, 0, 0),
    Step(Kind.WAIT, 0, 4),
]
"""Two deletions within one grace period."""


async def weather(
    events: int, replicas: int, storm: list[Step], beginning: datetime = BEGINNING
) -> list[str]:
    """Play a storm, let it calm down for one sweep and the grace period, and return what is wrong then."""
    async with Stage.open(replicas=replicas, beginning=beginning) as stage:
        happening = Storm(stage)
        await happening.prepare(events)
        for step in storm:
            await happening.do(step)
        await calm(stage)
        found = happening.verdict()
        if not found:
            before = stage.writes.copy()
            await stage.sweep()
            again = stage.writes - before
            found = [f"a sweep of a calm world wrote {dict(again)}"] if again else []
        return found


async def calm(stage: Stage) -> None:
    """End all faults, see to it that somebody is at work, sweep once, and wait for the grace period."""
    stage.mend()
    await stage.wait(LONGEST_PAUSE + MINUTE)
    await stage.sweep()
    await stage.wait(GRACE + 2 * MINUTE)


@pytest.mark.timeout(SEASON.timeout)
def test_after_any_storm_the_conversations_are_as_the_calendars_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    season = Season(SEASON)
    for number in season.seeds():

        @seed(number)
        @settings(SEARCH, max_examples=SEASON.storms_per_seed)
        @given(
            st.integers(0, SEASON.events),
            st.integers(1, 2),
            st.sampled_from(BEGINNINGS),
            steps(SEASON.steps),
        )
        def play(events: int, replicas: int, beginning: datetime, storm: list[Step]) -> None:
            if season.is_over:
                return
            with season.storm(len(storm)):
                assert run(weather(events, replicas, storm, beginning)) == []

        with capsys.disabled():
            season.say(number)
        play()


@pytest.mark.parametrize(
    "storm",
    [
        pytest.param(
            [
                Step(Kind.DROP, amount=1),
                *(Step(Kind.SCHEDULE, number, number) for number in range(3)),
                Step(Kind.RENAME, 0, 5),
                Step(Kind.MOVE, 1, 8),
                Step(Kind.DELETE, 2, 0),
            ],
            id="every notification is lost",
        ),
        pytest.param(
            [Step(Kind.STOP, 1), Step(Kind.GRAPH, 7, 3), Step(Kind.SCHEDULE, 0, 5), Step(Kind.WAIT, 0, 2)],
            id="a change is given up while its tenant is in trouble",
        ),
        pytest.param(
            [Step(Kind.DROP, amount=1), Step(Kind.PLAIN, 0, 9), Step(Kind.OCCURRENCE, 0, 1)],
            id="an occurrence is scheduled by itself and nobody is told",
        ),
        pytest.param(
            [Step(Kind.SCHEDULE, 0, 1), Step(Kind.FOREIGN, 0, 0), Step(Kind.CANCEL, 0, 0)],
            id="an event that leads elsewhere is cancelled",
        ),
        pytest.param(
            [*TWICE[:4], *TWICE[5:7], TWICE[8]],
            id="an event is restored and deleted again at once",
        ),
        pytest.param(TWICE, id="an event is restored and deleted again and nobody is told"),
    ],
)
def test_chosen_storms(storm: list[Step]) -> None:
    assert run(weather(0, 2, storm)) == []


def test_a_storm_that_fails_is_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a product that never moves anything, two steps are left."""
    monkeypatch.setattr(Unblu, "set_scheduled", lambda unblu, identity, _: unblu.read(identity))

    @seed(1)
    @settings(SEARCH, max_examples=20)
    @given(steps(SEASON.steps // 8))
    def play(storm: list[Step]) -> None:
        tried.append(storm)
        assert run(weather(0, 1, storm)) == []

    tried: list[list[Step]] = []
    with pytest.raises(AssertionError, match="the time is"):
        play()
    assert [each.kind for each in tried[-1]] == [Kind.SCHEDULE, Kind.MOVE]


def test_a_storm_is_the_same_every_time() -> None:
    storm = [Step(kind, number, number) for number, kind in enumerate(Kind)]

    async def played() -> list[str]:
        async with Stage.open(replicas=2) as stage:
            written: list[str] = []
            happening = Storm(stage)
            stage.on_write = lambda _, verb, identity: written.append(
                f"{stage.clock.now()} {verb} {identity}"
            )
            await happening.prepare(6)
            for step in storm:
                await happening.do(step)
            await calm(stage)
            return written

    first = run(played())
    assert first
    assert run(played()) == first
