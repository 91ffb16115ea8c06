"""When a series takes place: the pattern follows local time, so that 10:00 stays 10:00 when clocks change."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import count as counting

from outlook_addin_sandbox.graph.events import WEEKDAYS, Recurrence, SimEvent

HORIZON = timedelta(days=366 * 5)


def occurrences(master: SimEvent, start: datetime, end: datetime) -> list[SimEvent]:
    """Return the occurrences of a series between `start` and `end`; cancelled ones are gone."""
    wanted = (_occurrence(master, day) for day in _days(master, end) if day not in master.cancelled_dates)
    return [each for each in wanted if each.start < end and each.end > start]


def occurrence_on(master: SimEvent, day: date) -> SimEvent | None:
    """Return the occurrence that the pattern puts on a date, unless it was cancelled."""
    if day in master.cancelled_dates or day not in _days(master, _at(master, day) + timedelta(days=1)):
        return None
    return _occurrence(master, day)


def occurrence_id(master_id: str, day: date) -> str:
    """Return the id of an occurrence, from whichever id of its master."""
    return f"OID.{master_id}.{day.isoformat()}"


def split_occurrence_id(identifier: str) -> tuple[str, date] | None:
    """Return master id and date of an occurrence's id, or None for any other id."""
    prefix, _, rest = identifier.partition(".")
    master_id, _, day = rest.rpartition(".")
    if prefix != "OID" or not master_id:
        return None
    try:
        return master_id, date.fromisoformat(day)
    except ValueError:
        return None


def _days(master: SimEvent, end: datetime) -> Iterator[date]:
    rule = master.recurrence or Recurrence(count=1)
    first = master.start.astimezone(master.zone).date()
    last = min(end, master.start + HORIZON).astimezone(master.zone).date()
    last = min(last, rule.until) if rule.until else last
    for number, day in enumerate(_pattern(rule, first)):
        if day > last or (rule.count is not None and number >= rule.count):
            return
        yield day


def _pattern(rule: Recurrence, first: date) -> Iterator[date]:
    if rule.pattern == "daily":
        yield from (first + timedelta(days=rule.interval * number) for number in counting())
        return
    monday = first - timedelta(days=first.weekday())
    weekdays = sorted(WEEKDAYS.index(name) for name in rule.days_of_week) or [first.weekday()]
    for week in counting():
        for weekday in weekdays:
            day = monday + timedelta(weeks=rule.interval * week, days=weekday)
            if day >= first:
                yield day


def _at(master: SimEvent, day: date) -> datetime:
    local = master.start.astimezone(master.zone)
    return datetime.combine(day, local.time(), master.zone)


def _occurrence(master: SimEvent, day: date) -> SimEvent:
    start = _at(master, day)
    return replace(
        master,
        id=occurrence_id(master.id, day),
        immutable_id=occurrence_id(master.immutable_id, day),
        start=start,
        end=start + (master.end - master.start),
        recurrence=None,
        cancelled_dates=frozenset(),
        series_master_id=master.immutable_id,
        original_start=start,
    )
