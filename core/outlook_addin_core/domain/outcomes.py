"""The vocabulary of decisions: what is done, why, and what the installation allows."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum


class Action(Enum):
    """What the caller does."""

    NOTHING = "nothing"
    """All is well."""
    UPDATE = "update"
    """Set what the decision carries: topic, scheduled, or both."""
    DELETE = "delete"
    """Delete the conversation, after reading it once more."""
    WAIT = "wait"
    """Look again at ``not_before``; remember since when the event has been gone."""
    KEEP = "keep"
    """Leave the conversation although the event does not want it any more, and say why."""
    REPORT = "report"
    """Tell people; nothing can or may be done."""
    IGNORE = "ignore"
    """This is none of our business."""


class Reason(Enum):
    """Why, in one word: good for metrics, logs and conditions."""

    IN_SYNC = "InSync"
    """Event and conversation agree, or neither exists."""
    CHANGED = "Changed"
    """The event was renamed or moved."""
    NO_LINK = "NoLink"
    """The event carries no link of ours, and no conversation records it."""
    LINKED_ELSEWHERE = "LinkedElsewhere"
    """The event was scheduled again and leads to another conversation."""
    STARTED = "Started"
    """The event, or the series' occurrence, lies in the past; only its deletion counts."""
    NEVER_SAVED = "NeverSaved"
    """No saved event was ever seen for the conversation: a draft."""
    DRAFT_EXPIRED = "DraftExpired"
    """A draft that is old enough for ``draft_grace``, whose time is long past and which nothing leads to."""
    COPY = "CopiedEvent"
    """Another event than the recorded one carries the same link."""
    ATTENDEE_COPY = "AttendeeCopy"
    """Somebody else organises the event; only an organiser's event decides."""
    PART_OF_SERIES = "PartOfSeries"
    """An occurrence that has its link from its series; the series decides."""
    SERIES_UNREAD = "SeriesUnread"
    """The occurrences of the series were not read, so nothing follows for its time."""
    SERIES_OVER = "SeriesOver"
    """No occurrence of the series is left."""
    SERIES_STARTED = "SeriesStarted"
    """The series' one conversation has begun and stays with the occurrence that it began at."""
    CONVERSATION_MISSING = "ConversationMissing"
    """The event leads to a conversation that does not exist."""
    CONVERSATION_OVER = "ConversationOver"
    """The conversation has ended."""
    CONVERSATION_IN_USE = "ConversationInUse"
    """The conversation has begun: its state is not CREATED any more."""
    NOT_ALONE = "NotAlone"
    """Somebody other than the assigned agent takes part, or once did."""
    UNPROVEN = "Unproven"
    """The event seems gone, but nobody has read everything that proves it."""
    LINK_IN_BODY = "LinkInBody"
    """The event is gone, but another event's body or location leads to the conversation."""
    GRACE_PERIOD = "GracePeriod"
    """The event is gone, for less than the grace period."""
    GONE = "EventGone"
    """The event was deleted."""
    CANCELLED = "EventCancelled"
    """The event was cancelled by its organiser."""
    ROLE = "InsufficientRole"
    """The sync server's Unblu identity is not an ADMIN, so it deletes nothing."""
    AMBIGUOUS = "AmbiguousLink"
    """The event is gone and several others carry its link."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What the installation allows.

    Args:
        may_delete: Whether our Unblu identity has the role ADMIN, which deletions need.
        grace: How long a deleted event can be restored before its conversation is deleted.
        draft_grace: How long the conversation of an event that was never saved is kept; None keeps it for
            good.
    """

    may_delete: bool
    grace: timedelta
    draft_grace: timedelta | None = None


@dataclass(frozen=True)
class Decision:
    """What to do and why.

    Args:
        message: For people; holds no subject, no name and no address.
        topic: The topic to set, only with UPDATE.
        scheduled: The time to set, in UTC and whole minutes, only with UPDATE.
        not_before: When to look again, only with WAIT.
        adopted: The id of the event that has taken the place of the one that the marker names; mark it.
    """

    action: Action
    reason: Reason
    message: str
    topic: str | None = field(default=None, repr=False)
    scheduled: datetime | None = None
    not_before: datetime | None = None
    adopted: str | None = None


class Outcome(Enum):
    """Everything that can be decided: action, reason, and the message for people.

    ``docs/sync.md`` shows them all, with the states that lead there.
    """

    IN_SYNC = (Action.NOTHING, Reason.IN_SYNC, "event and conversation agree")
    NEITHER = (Action.NOTHING, Reason.IN_SYNC, "neither event nor conversation exists")
    CHANGED = (Action.UPDATE, Reason.CHANGED, "the event was renamed or moved")
    NO_LINK = (Action.IGNORE, Reason.NO_LINK, "the event carries no link")
    LINKED_ELSEWHERE = (
        Action.KEEP,
        Reason.LINKED_ELSEWHERE,
        "the event leads to another conversation now; this one is left as it is",
    )
    STARTED = (Action.NOTHING, Reason.STARTED, "the event lies in the past; only its deletion counts")
    NEVER_SAVED = (Action.KEEP, Reason.NEVER_SAVED, "the event was never seen saved")
    DRAFT_EXPIRED = (
        Action.DELETE,
        Reason.DRAFT_EXPIRED,
        "the event was never saved, its time is past and no event leads to the conversation",
    )
    COPY = (Action.REPORT, Reason.COPY, "a copy carries the same link; the first event decides")
    FOREIGN_EVENT = (Action.IGNORE, Reason.ATTENDEE_COPY, "somebody else organises the event")
    ATTENDEE_COPY = (
        Action.REPORT,
        Reason.ATTENDEE_COPY,
        "somebody else organises the event, so this copy of it decides nothing",
    )
    COPY_LEFT = (
        Action.KEEP,
        Reason.ATTENDEE_COPY,
        "the event is gone, but a copy that somebody else organises carries its link",
    )
    PART_OF_SERIES = (Action.NOTHING, Reason.PART_OF_SERIES, "an occurrence of a series; the series decides")
    SERIES_UNREAD = (Action.NOTHING, Reason.SERIES_UNREAD, "the occurrences of the series were not read")
    SERIES_OVER = (Action.NOTHING, Reason.SERIES_OVER, "the last occurrence of the series is over")
    NO_OCCURRENCE = (
        Action.KEEP,
        Reason.SERIES_OVER,
        "no occurrence of the series is left; delete the series if the conversation is not wanted any more",
    )
    SERIES_STARTED = (
        Action.REPORT,
        Reason.SERIES_STARTED,
        "the conversation of the series has begun; schedule the next occurrence by itself",
    )
    CONVERSATION_MISSING = (
        Action.REPORT,
        Reason.CONVERSATION_MISSING,
        "the event's conversation is gone and is not made again; schedule it again in Outlook",
    )
    ENDED = (
        Action.REPORT,
        Reason.CONVERSATION_OVER,
        "the event's conversation has ended and is not made again",
    )
    BOTH_OVER = (Action.NOTHING, Reason.CONVERSATION_OVER, "the conversation has ended")
    IN_USE = (Action.NOTHING, Reason.CONVERSATION_IN_USE, "the conversation has begun")
    USED = (Action.KEEP, Reason.CONVERSATION_IN_USE, "the conversation has already been used")
    NOT_ALONE = (Action.KEEP, Reason.NOT_ALONE, "somebody other than the agent takes or took part")
    ROLE = (Action.KEEP, Reason.ROLE, "deleting needs the Unblu role ADMIN for the sync server")
    UNPROVEN = (Action.KEEP, Reason.UNPROVEN, "not everything was read that proves a deletion")
    AMBIGUOUS = (Action.REPORT, Reason.AMBIGUOUS, "the event is gone, several others carry its link")
    LINK_IN_BODY = (
        Action.KEEP,
        Reason.LINK_IN_BODY,
        "the event is gone, but the text of another event leads to the conversation",
    )
    GRACE_PERIOD = (Action.WAIT, Reason.GRACE_PERIOD, "the event can still be restored")
    GONE = (Action.DELETE, Reason.GONE, "the event was deleted")
    CANCELLED = (Action.DELETE, Reason.CANCELLED, "the event was cancelled")

    def __init__(self, action: Action, reason: Reason, message: str) -> None:
        self.action = action
        self.reason = reason
        self.message = message

    def decision(
        self,
        *,
        topic: str | None = None,
        scheduled: datetime | None = None,
        not_before: datetime | None = None,
    ) -> Decision:
        """Return the decision for this outcome."""
        return Decision(self.action, self.reason, self.message, topic, scheduled, not_before)
