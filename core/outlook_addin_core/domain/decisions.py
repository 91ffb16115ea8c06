"""What to do about one event and one conversation: the only place where that is decided.

A pure function of what was just read; notifications say where to look, never what to do. The rules are an
ordered chain: each looks at the facts and either decides or passes on, so their order *is* the precedence.

Deletion is the only step that cannot be taken back. It needs proof, twice: the event is gone or cancelled
*and* no event in any calendar of the mailbox carries the link; and the same again after the grace period. The
caller remembers since when it has been so, and hands that back as ``gone_since``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from outlook_addin_core.domain.conversations import Conversation, Marker
from outlook_addin_core.domain.events import Event, Gone
from outlook_addin_core.domain.outcomes import Action, Decision, Policy, Reason

__all__ = ["Action", "Decision", "Gone", "Policy", "Reason", "decide", "wanted_time"]

MINUTE: Final = timedelta(minutes=1)
CREATED: Final = "CREATED"
IN_SYNC: Final = Decision(Action.NOTHING, Reason.IN_SYNC, "event and conversation agree")


def decide(  # noqa: PLR0913 - the facts of one decision; the optional ones by name only
    event: Event | Gone | None,
    conversation: Conversation | None,
    now: datetime,
    policy: Policy,
    *,
    carriers: Sequence[Event] | None = None,
    gone_since: datetime | None = None,
) -> Decision:
    """Decide about one event and its conversation.

    Args:
        event: The event as it is now: the one that the conversation's marker names, if it names one; Gone if
            Graph says so; None if no event is known.
        conversation: The conversation as it is now; None if there is none under the event's source id.
        now: The moment.
        policy: What the installation allows.
        carriers: The events in all calendars of the mailbox that carry the link, or None if nobody has
            looked. Looking is needed where a deletion is suspected; without it, nothing is deleted. An event
            that Graph still shows but that lies in no calendar any more counts as gone.
        gone_since: Since when the event has been seen gone or cancelled without a break; None at first sight.
    """
    searched = None if carriers is None else tuple(carriers)
    facts = _adopt(_Facts(event, conversation, now, policy, searched, gone_since))
    decision = next(filter(None, (rule(facts) for rule in _RULES)), IN_SYNC)
    return replace(decision, adopted=facts.adopted)


def wanted_time(event: Event) -> datetime | None:
    """Return the event's start as Unblu keeps it: rounded to the minute."""
    if event.start is None:
        return None
    cut = event.start.replace(second=0, microsecond=0)
    return cut + MINUTE if event.start - cut >= MINUTE / 2 else cut


@dataclass(frozen=True)
class _Facts:
    event: Event | Gone | None
    conversation: Conversation | None
    now: datetime
    policy: Policy
    carriers: tuple[Event, ...] | None
    gone_since: datetime | None
    adopted: str | None = None

    @property
    def marker(self) -> Marker | None:
        return self.conversation.marker if self.conversation else None

    @property
    def living_carriers(self) -> list[Event]:
        return [each for each in self.carriers or () if not each.is_cancelled]

    @property
    def absent(self) -> bool:
        if not isinstance(self.event, Event):
            return isinstance(self.event, Gone)
        return self.event.is_cancelled or self._lies_in_no_calendar(self.event)

    def _lies_in_no_calendar(self, event: Event) -> bool:
        """Deleted items keep their immutable id, and whether Graph still shows them is not documented."""
        if self.carriers is None or event.link is None:
            return False
        return all(each.id != event.id for each in self.carriers)


def _adopt(facts: _Facts) -> _Facts:
    """Where the event is gone but exactly one living event carries its link, that one takes its place."""
    living = facts.living_carriers
    if facts.absent and len(living) == 1:
        return replace(facts, event=living[0], adopted=living[0].id)
    return facts


def _without_link(facts: _Facts) -> Decision | None:
    event, marker = facts.event, facts.marker
    if not isinstance(event, Event) or event.link is not None:
        return None
    if marker is None or marker.event_id != event.id:
        return Decision(Action.IGNORE, Reason.NO_LINK, "the event carries no link")
    if event.is_cancelled:
        return None
    return Decision(Action.KEEP, Reason.NO_LINK, "the link was taken out of the event")


def _without_conversation(facts: _Facts) -> Decision | None:
    if facts.conversation is not None:
        return None
    if facts.absent or facts.event is None:
        return Decision(Action.NOTHING, Reason.IN_SYNC, "neither event nor conversation exists")
    message = "the event's conversation is gone and is not made again; schedule it again in Outlook"
    return Decision(Action.REPORT, Reason.CONVERSATION_MISSING, message)


def _over(facts: _Facts) -> Decision | None:
    if facts.conversation is None or not facts.conversation.is_over:
        return None
    if facts.absent or facts.event is None:
        return Decision(Action.NOTHING, Reason.CONVERSATION_OVER, "the conversation has ended")
    message = "the event's conversation has ended and is not made again"
    return Decision(Action.REPORT, Reason.CONVERSATION_OVER, message)


def _never_saved(facts: _Facts) -> Decision | None:
    unseen = facts.event is None or (isinstance(facts.event, Gone) and facts.marker is None)
    return Decision(Action.KEEP, Reason.NEVER_SAVED, "the event was never seen saved") if unseen else None


def _copied(facts: _Facts) -> Decision | None:
    marker = facts.marker
    if facts.adopted is not None or marker is None or not isinstance(facts.event, Event):
        return None
    if facts.event.id == marker.event_id:
        return None
    return Decision(Action.REPORT, Reason.COPY, "a copy carries the same link; the first event decides")


def _guarded(facts: _Facts) -> Decision | None:
    """What stands in the way of a deletion, whatever the event says; Unblu does not guard it for an ADMIN."""
    if not facts.absent or facts.conversation is None:
        return None
    if facts.conversation.state != CREATED:
        return Decision(Action.KEEP, Reason.CONVERSATION_IN_USE, "the conversation has already been used")
    if not facts.conversation.is_agent_alone:
        return Decision(Action.KEEP, Reason.NOT_ALONE, "somebody other than the agent takes or took part")
    if not facts.policy.may_delete:
        return Decision(Action.KEEP, Reason.ROLE, "deleting needs the Unblu role ADMIN for the sync server")
    return None


def _unproven(facts: _Facts) -> Decision | None:
    if not facts.absent:
        return None
    if facts.carriers is None:
        return Decision(Action.KEEP, Reason.UNPROVEN, "the calendars were not searched for the link")
    if facts.living_carriers:
        return Decision(Action.REPORT, Reason.AMBIGUOUS, "the event is gone, several others carry its link")
    return None


def _deleted(facts: _Facts) -> Decision | None:
    if not facts.absent:
        return None
    due = (facts.gone_since or facts.now) + facts.policy.grace
    if facts.gone_since is None or facts.now < due:
        return Decision(Action.WAIT, Reason.GRACE_PERIOD, "the event can still be restored", not_before=due)
    if isinstance(facts.event, Event) and facts.event.is_cancelled:
        return Decision(Action.DELETE, Reason.CANCELLED, "the event was cancelled")
    return Decision(Action.DELETE, Reason.GONE, "the event was deleted")


def _in_use(facts: _Facts) -> Decision | None:
    if facts.conversation is None or facts.conversation.state == CREATED:
        return None
    return Decision(Action.NOTHING, Reason.CONVERSATION_IN_USE, "the conversation has begun")


def _started(facts: _Facts) -> Decision | None:
    if not isinstance(facts.event, Event) or facts.event.start is None or facts.event.start >= facts.now:
        return None
    return Decision(Action.NOTHING, Reason.STARTED, "the event lies in the past; only its deletion counts")


def _changed(facts: _Facts) -> Decision | None:
    if not isinstance(facts.event, Event) or facts.conversation is None:
        return None
    topic = _new_topic(facts.event, facts.conversation)
    wanted = wanted_time(facts.event)
    scheduled = wanted if wanted != facts.conversation.scheduled else None
    if topic is None and scheduled is None:
        return None
    return Decision(Action.UPDATE, Reason.CHANGED, "the event was renamed or moved", topic, scheduled)


def _new_topic(event: Event, conversation: Conversation) -> str | None:
    """A private event's subject stays in the calendar, and without a subject the last topic stays."""
    subject = event.subject.strip()
    if event.is_private or not subject or subject == conversation.topic.strip():
        return None
    return subject


_RULES: tuple[Callable[[_Facts], Decision | None], ...] = (
    _without_link,
    _without_conversation,
    _over,
    _never_saved,
    _copied,
    _guarded,
    _unproven,
    _deleted,
    _in_use,
    _started,
    _changed,
)
