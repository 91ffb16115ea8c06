"""Storms as data: what people, Graph, Unblu and Kubernetes may do, in any order."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Final

from hypothesis import strategies as st

from outlook_addin_sandbox.serving import Fault
from sync.virtual import BEGINNING

PAUSES: Final = (1, 5, 30, 100, 301, 700)
ZONES: Final = ("Europe/Zurich", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe")
"""Two whose clocks change by an hour, one that is half an hour off, one that changes by half an hour."""
BEGINNINGS: Final = (
    BEGINNING,
    datetime(2027, 3, 28, 0, 50, tzinfo=UTC),
    datetime(2027, 3, 14, 6, 50, tzinfo=UTC),
    datetime(2027, 4, 3, 14, 50, tzinfo=UTC),
    datetime(2027, 11, 7, 5, 50, tzinfo=UTC),
)
"""A Monday like any other, and ten minutes before the clocks change in Zurich, New York, on Lord Howe Island
and in New York again, so that they change while it storms."""
GRAPH_FAULTS: Final = (
    Fault(status=429, code="ApplicationThrottled", message="MailboxConcurrency", retry_after=3),
    Fault(status=429, code="TooManyRequests", message="throttled"),
    Fault(status=503, code="ServiceUnavailable", message="Mailbox info is stale."),
    Fault(status=500, code="InternalServerError", message="broken"),
    Fault(status=504, code="GatewayTimeout", message="late", retry_after=7),
    Fault(status=403, code="ErrorAccessDenied", message="Access to OData is disabled."),
    Fault(status=401, code="InvalidAuthenticationToken", message="expired"),
    Fault(status=404, code="MailboxNotEnabledForRESTAPI", message="inactive"),
    Fault(status=0, delay=8.0),
    Fault(status=0, delay=100.0),
    Fault(status=0, lose_answer=True),
)
UNBLU_FAULTS: Final = tuple(
    each for each in GRAPH_FAULTS if each.code not in {"MailboxNotEnabledForRESTAPI", "ErrorAccessDenied"}
)


class Kind(Enum):
    """What happens; the names are what a failure prints."""

    NOTHING = "nothing happens"
    SCHEDULE = "an agent schedules a conversation from an event"
    SERIES = "an agent schedules a conversation from a series"
    OCCURRENCE = "an agent schedules a conversation from one occurrence of a series"
    DRAFT = "an agent schedules one and never saves the event"
    PLAIN = "an agent makes an event, or a series, without conversation"
    RENAME = "an event is renamed"
    BLANK = "an event loses its subject"
    MOVE = "an event is dragged to another time"
    ALL_DAY = "an event becomes one of a whole day"
    PRIVATE = "an event becomes private, or public again"
    CALENDAR = "an event moves to another calendar of the mailbox"
    CANCEL = "a meeting is cancelled"
    DELETE = "an event is deleted"
    RESTORE = "a deleted event is restored, perhaps into another calendar"
    PURGE = "an event is deleted for good"
    REIMPORT = "an event is made anew, as from an archive, and the former one is deleted for good"
    COPY = "an event is copied with its link"
    UNLINK = "an event loses its custom properties"
    CLEAR = "an event's text is cleared"
    PASTE = "a conversation's public link is pasted into another event"
    INVITE = "a colleague is invited and gets a copy of the event"
    FOREIGN = "an event is given the link of another conversation, or nonsense"
    SKIP = "one occurrence of a series is cancelled"
    SHIFT = "one occurrence of a series is moved"
    SHORTEN = "a series is shortened"
    JOIN = "a visitor joins a conversation"
    END = "a conversation is ended in Unblu"
    WAIT = "time passes"
    LOSE = "the next notifications are lost"
    DROP = "Graph drops all notifications, or stops dropping them"
    DUPLICATE = "notifications come several times, or once again"
    REORDER = "notifications come in another order, and late"
    FORGE = "forged items are among the notifications, or no longer"
    GRAPH = "Graph fails"
    UNBLU = "Unblu fails"
    OUTAGE = "Unblu is down, or up again"
    MISSED = "Graph says that it missed notifications"
    REMOVED = "Graph removes a subscription"
    KILL = "a replica is killed at a request"
    STOP = "a replica is told to stop"
    START = "another replica is started"


@dataclass(frozen=True)
class Step:
    """One thing that happens to one of those there are; numbers start again after the last one."""

    kind: Kind
    which: int = 0
    amount: int = 0


PEOPLE: Final = (Kind.SCHEDULE, Kind.RENAME, Kind.MOVE, Kind.DELETE, Kind.RESTORE, Kind.WAIT)
"""What happens most."""


def steps(longest: int) -> st.SearchStrategy[list[Step]]:
    """Return storms of up to so many steps; they shrink by nothing happening."""
    kinds = st.one_of(st.just(Kind.NOTHING), st.sampled_from(PEOPLE), st.sampled_from(list(Kind)))
    numbers = st.integers(0, 11)
    many = st.lists(st.builds(Step, kinds, numbers, numbers), min_size=longest, max_size=longest)
    return many.map(lambda found: [each for each in found if each.kind is not Kind.NOTHING])
