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
    CHANGED = "Changed"
    NO_LINK = "NoLink"
    STARTED = "Started"
    NEVER_SAVED = "NeverSaved"
    COPY = "CopiedEvent"
    CONVERSATION_MISSING = "ConversationMissing"
    CONVERSATION_OVER = "ConversationOver"
    CONVERSATION_IN_USE = "ConversationInUse"
    NOT_ALONE = "NotAlone"
    UNPROVEN = "Unproven"
    GRACE_PERIOD = "GracePeriod"
    GONE = "EventGone"
    CANCELLED = "EventCancelled"
    ROLE = "InsufficientRole"
    AMBIGUOUS = "AmbiguousLink"


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What the installation allows.

    Args:
        may_delete: Whether our Unblu identity has the role ADMIN, which deletions need.
        grace: How long a deleted event can be restored before its conversation is deleted.
    """

    may_delete: bool
    grace: timedelta


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
