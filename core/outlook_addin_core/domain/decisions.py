"""What to do about one event and one conversation: the only place where that is decided.

A pure function of what was just read; notifications say where to look, never what to do. The rules are an
ordered chain: each looks at the facts and either decides or passes on, so their order *is* the precedence.
``docs/sync.md`` shows the whole table.

Deletion is the only step that cannot be taken back. It needs proof, twice: the event is gone or cancelled
*and* no event in any calendar of the mailbox leads to the conversation; and the same again after the grace
period. The caller remembers since when it has been so, and hands that back as ``gone_since``. That a property
is missing proves nothing: the event that the marker names stays the event.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from outlook_addin_core.domain.conversations import Conversation
from outlook_addin_core.domain.events import Event, Gone
from outlook_addin_core.domain.facts import CREATED, Facts, wanted_time
from outlook_addin_core.domain.outcomes import Action, Decision, Outcome, Policy, Reason
from outlook_addin_core.domain.series import Series

__all__ = ["Action", "Decision", "Gone", "Outcome", "Policy", "Reason", "Series", "decide", "wanted_time"]

IN_SYNC: Final = Outcome.IN_SYNC.decision()


def decide(  # noqa: PLR0913 - the facts of one decision; the optional ones by name only
    event: Event | Gone | None,
    conversation: Conversation | None,
    now: datetime,
    policy: Policy,
    *,
    carriers: Sequence[Event] | None = None,
    mentions: Sequence[Event] | None = None,
    series: Series | None = None,
    gone_since: datetime | None = None,
) -> Decision:
    """Decide about one event and its conversation.

    Args:
        event: The event as it is now: the one that the conversation's marker names, if it names one; Gone if
            Graph says so; None if no event is known, which proves nothing about one that a marker names.
        conversation: The conversation as it is now; None if there is none under the event's source id.
        now: The moment.
        policy: What the installation allows.
        carriers: The events in all calendars of the mailbox that carry the link, or None if nobody has
            looked. An event that Graph still shows but that lies in no calendar any more counts as gone.
        mentions: The events around the conversation's time whose custom properties, body or location lead to
            it, occurrences of series among them; None if nobody has looked. Looking for both is needed where
            a deletion is suspected; without it, nothing is deleted.
        series: The occurrences, if the event is a series; without them its time is left alone.
        gone_since: Since when the event has been seen gone or cancelled without a break; None at first sight.
    """
    facts = Facts(
        event=event,
        conversation=conversation,
        now=now,
        policy=policy,
        carriers=None if carriers is None else tuple(carriers),
        mentions=None if mentions is None else tuple(mentions),
        series=series,
        gone_since=gone_since,
    ).with_heir()
    decision = next(filter(None, (rule(facts) for rule in _RULES)), IN_SYNC)
    return replace(decision, adopted=facts.adopted)


def _without_link(facts: Facts) -> Decision | None:
    if not isinstance(facts.event, Event) or facts.event.link is not None or facts.is_recorded:
        return None
    return Outcome.NO_LINK.decision()


def _organised_by_others(facts: Facts) -> Decision | None:
    if not isinstance(facts.event, Event) or facts.event.is_organizer:
        return None
    outcome = Outcome.ATTENDEE_COPY if facts.conversation else Outcome.FOREIGN_EVENT
    return outcome.decision()


def _part_of_series(facts: Facts) -> Decision | None:
    if not isinstance(facts.event, Event) or facts.marker is None:
        return None
    inherited = facts.event.series_master_id == facts.marker.event_id
    return Outcome.PART_OF_SERIES.decision() if inherited else None


def _linked_elsewhere(facts: Facts) -> Decision | None:
    if not isinstance(facts.event, Event) or facts.conversation is None:
        return None
    links = {facts.event.link, facts.conversation.link}
    return Outcome.LINKED_ELSEWHERE.decision() if len(links - {None}) > 1 else None


def _without_conversation(facts: Facts) -> Decision | None:
    if facts.conversation is not None:
        return None
    return (Outcome.CONVERSATION_MISSING if facts.is_wanted else Outcome.NEITHER).decision()


def _over(facts: Facts) -> Decision | None:
    if facts.conversation is None or not facts.conversation.is_over:
        return None
    return (Outcome.ENDED if facts.is_wanted else Outcome.BOTH_OVER).decision()


def _never_saved(facts: Facts) -> Decision | None:
    if facts.event is None and not facts.is_unseen:
        return Outcome.UNPROVEN.decision()
    kept = facts.is_unseen and not facts.is_expired_draft
    return Outcome.NEVER_SAVED.decision() if kept else None


def _copied(facts: Facts) -> Decision | None:
    another = isinstance(facts.event, Event) and facts.marker is not None and not facts.is_recorded
    return Outcome.COPY.decision() if another else None


def _guarded(facts: Facts) -> Decision | None:
    """What stands in the way of a deletion, whatever the event says; Unblu does not guard it for an ADMIN."""
    if not facts.is_absent or facts.conversation is None:
        return None
    if facts.conversation.state != CREATED:
        return Outcome.USED.decision()
    if not facts.conversation.is_agent_alone:
        return Outcome.NOT_ALONE.decision()
    return None if facts.policy.may_delete else Outcome.ROLE.decision()


def _unproven(facts: Facts) -> Decision | None:
    if not facts.is_absent:
        return None
    if not facts.was_searched:
        return Outcome.UNPROVEN.decision()
    if facts.carrying:
        several = any(each.is_organizer for each in facts.carrying)
        return (Outcome.AMBIGUOUS if several else Outcome.COPY_LEFT).decision()
    return Outcome.LINK_IN_BODY.decision() if facts.mentioning else None


def _deleted(facts: Facts) -> Decision | None:
    if not facts.is_absent:
        return None
    due = (facts.gone_since or facts.now) + facts.policy.grace
    if facts.gone_since is None or facts.now < due:
        return Outcome.GRACE_PERIOD.decision(not_before=due)
    if facts.is_unseen:
        return Outcome.DRAFT_EXPIRED.decision()
    cancelled = isinstance(facts.event, Event) and facts.event.is_cancelled
    return (Outcome.CANCELLED if cancelled else Outcome.GONE).decision()


def _in_use(facts: Facts) -> Decision | None:
    if facts.conversation is None or facts.conversation.state == CREATED:
        return None
    following = facts.occurrence if _is_series(facts) else None
    behind = following is not None and wanted_time(following) != facts.conversation.scheduled
    return (Outcome.SERIES_STARTED if behind else Outcome.IN_USE).decision()


def _series_without_occurrence(facts: Facts) -> Decision | None:
    if not _is_series(facts) or facts.conversation is None or facts.occurrence is not None:
        return None
    if facts.series is None:
        return Outcome.SERIES_UNREAD.decision()
    scheduled = facts.conversation.scheduled
    ahead = scheduled is not None and scheduled > facts.now
    return (Outcome.NO_OCCURRENCE if ahead else Outcome.SERIES_OVER).decision()


def _started(facts: Facts) -> Decision | None:
    start = facts.occurrence.start if facts.occurrence else None
    return Outcome.STARTED.decision() if start is not None and start < facts.now else None


def _changed(facts: Facts) -> Decision | None:
    if not isinstance(facts.event, Event) or facts.conversation is None or facts.occurrence is None:
        return None
    topic = _new_topic(facts.event, facts.conversation)
    wanted = wanted_time(facts.occurrence)
    scheduled = wanted if wanted != facts.conversation.scheduled else None
    if topic is None and scheduled is None:
        return None
    return Outcome.CHANGED.decision(topic=topic, scheduled=scheduled)


def _new_topic(event: Event, conversation: Conversation) -> str | None:
    """A private event's subject stays in the calendar, and without a subject the last topic stays."""
    subject = event.subject.strip()
    if event.is_private or not subject or subject == conversation.topic.strip():
        return None
    return subject


def _is_series(facts: Facts) -> bool:
    return isinstance(facts.event, Event) and facts.event.is_series


_RULES: tuple[Callable[[Facts], Decision | None], ...] = (
    _without_link,
    _organised_by_others,
    _part_of_series,
    _linked_elsewhere,
    _without_conversation,
    _over,
    _never_saved,
    _copied,
    _guarded,
    _unproven,
    _deleted,
    _in_use,
    _series_without_occurrence,
    _started,
    _changed,
)
