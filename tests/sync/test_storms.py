"""Whatever happens, and in whatever order: after it, the conversations are as the calendars say."""

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from sync.seasons import SEASON, Season
from sync.stage import GRACE, MINUTE, Stage
from sync.storm import Kind, Step, Storm, steps
from sync.virtual import run

LONGEST_PAUSE = 5 * MINUTE
"""How long a service that has failed often is left alone."""


async def weather(events: int, replicas: int, storm: list[Step]) -> list[str]:
    """Play a storm, let it calm down for one sweep and the grace period, and return what is wrong then."""
    async with Stage.open(replicas=replicas) as stage:
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
        @settings(
            max_examples=SEASON.storms_per_seed,
            deadline=None,
            database=None,
            print_blob=True,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )
        @given(st.integers(0, SEASON.events), st.integers(1, 2), steps(SEASON.steps))
        def play(events: int, replicas: int, storm: list[Step]) -> None:
            if season.is_over:
                return
            season.count(storm)
            assert run(weather(events, replicas, storm)) == []

        with capsys.disabled():
            season.say(number)
        play()
    season.report()


def test_a_storm_in_which_every_notification_is_lost_changes_nothing_in_the_end() -> None:
    silent = [
        Step(Kind.DROP, amount=1),
        Step(Kind.SCHEDULE, 0, 1),
        Step(Kind.RENAME, 0, 5),
        Step(Kind.MOVE, 1, 8),
        Step(Kind.DELETE, 2, 0),
    ]
    assert run(weather(6, 1, silent)) == []
