"""A plausible week for a demo."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from outlook_addin_sandbox.outlook.calendar_port import CalendarPort, EventFields


@dataclass(frozen=True)
class _Seed:
    weekday: int
    start: time
    minutes: int
    subject: str
    location: str = ""
    body: str = ""
    sensitivity: str = "normal"


_WEEK = (
    _Seed(0, time(9), 30, "Team stand-up", "Meeting room Säntis"),
    _Seed(
        1,
        time(10, 30),
        60,
        "Mortgage advice: Keller family",
        body="<p>First conversation about a house in Thalwil.</p>",
    ),
    _Seed(2, time(14), 45, "Portfolio review: M. Okafor", body="<p>Bring the quarterly report.</p>"),
    _Seed(3, time(12), 60, "Lunch with Sofia", "Café Lindenhof", sensitivity="private"),
    _Seed(4, time(15), 60, "Pension planning: J. Brunner"),
)


async def seed_calendar(calendar: CalendarPort, now: datetime) -> list[str]:
    """Fill the week of ``now`` with five events and return their ids.

    Args:
        calendar: an agent's calendar, as ``world_calendar`` gives it, without these events.
        now: an aware datetime; its zone is the zone in which the agent works.
    """
    monday = now.date() - timedelta(days=now.weekday())
    return [await calendar.create(_fields(seed, monday, now)) for seed in _WEEK]


def _fields(seed: _Seed, monday: date, now: datetime) -> EventFields:
    start = datetime.combine(monday + timedelta(days=seed.weekday), seed.start, tzinfo=now.tzinfo)
    return EventFields(
        subject=seed.subject,
        start=start,
        end=start + timedelta(minutes=seed.minutes),
        time_zone=str(getattr(now.tzinfo, "key", "UTC")),
        location=seed.location,
        body=seed.body,
        sensitivity=seed.sensitivity,
    )
