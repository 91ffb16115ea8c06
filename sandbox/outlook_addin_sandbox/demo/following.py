"""What the agent does with the event after scheduling, and how Unblu follows."""

import asyncio
import time
from datetime import datetime, timedelta

from playwright.async_api import expect

from outlook_addin_sandbox.demo.calendar_page import CalendarPage
from outlook_addin_sandbox.demo.resources import DELETION_GRACE
from outlook_addin_sandbox.demo.stack import NAMESPACE, POLL_SECONDS, DemoError, Stack, until
from outlook_addin_sandbox.graph.events import SimEvent
from outlook_addin_sandbox.graph.mailbox import Mailbox
from outlook_addin_sandbox.unblu import Conversation

SUBJECT = "Mortgage advice: Brunner family"
RENAMED = f"{SUBJECT}, second meeting"
SERIES = f"{SUBJECT}, every week"
DRAGGED = timedelta(days=1, hours=1, minutes=30)
WEEK = timedelta(weeks=1)
FOLLOW_SECONDS = 30.0
MARGIN_SECONDS = 3.0
"""A conversation that is deleted by mistake would be gone this long after the grace period."""


class Following:
    """Changes of one event, each checked in the Unblu panel and in Unblu itself."""

    def __init__(self, stack: Stack, calendar: CalendarPage) -> None:
        self._stack = stack
        self._calendar = calendar
        self._deleted_at = 0.0

    def event(self) -> SimEvent:
        """The event, or the series that it has become."""
        for event in self._mailbox.events():
            if event.subject.startswith(SUBJECT) and event.series_master_id is None:
                return event
        raise DemoError("the event is not in the calendar")

    def conversation(self) -> Conversation:
        """The one conversation that there is in Unblu."""
        found = list(self._stack.world.unblu.conversations.values())
        if len(found) != 1:
            raise DemoError(f"there are {len(found)} conversations in Unblu instead of one")
        return found[0]

    async def rename(self) -> str:
        """Change the subject; the topic follows."""
        await self._calendar.open(SUBJECT)
        await self._calendar.fill("Subject", RENAMED)
        await self._calendar.save()
        return await self._followed(RENAMED, self.event().start)

    async def drag(self) -> str:
        """Drag the event to another day and time; the time follows."""
        start = self.event().start + DRAGGED
        await self._calendar.drag(RENAMED, DRAGGED)

        async def dropped() -> bool:
            return self.event().start == start

        await until(f"the event at {start}", dropped, FOLLOW_SECONDS)
        seen = await self._followed(RENAMED, start)
        await self._calendar.picture("followed")
        return seen

    async def repeat(self) -> str:
        """Make the event a series; it has one conversation, at its next occurrence."""
        await self._calendar.open(RENAMED)
        await self._calendar.fill("Subject", SERIES)
        await self._calendar.repeat("Weekly")
        await self._calendar.save()
        seen = await self._followed(SERIES, self.event().start)
        if self.event().recurrence is None:
            raise DemoError("the event did not become a series")
        return seen

    async def cancel_occurrence(self) -> str:
        """Cancel the next occurrence; the conversation moves to the one after."""
        following = self.event().start + WEEK
        await self._calendar.open(SERIES)
        await self._calendar.delete("This event")
        await expect(self._calendar.event(SERIES)).to_have_count(0)
        await self._calendar.button("Later week").click()
        await expect(self._calendar.event(SERIES)).to_have_count(1)
        seen = await self._followed(SERIES, following)
        await self._calendar.picture("series")
        return seen

    async def delete_and_restore(self) -> str:
        """Delete the series, see that the web server has noticed, and restore it within the grace period."""
        before, noticed = self.conversation().id, await self._times_waiting()
        await self._calendar.open(SERIES)
        await self._calendar.delete("The series")
        self._deleted_at = time.monotonic()
        await expect(self._calendar.event(SERIES)).to_have_count(0)

        async def waiting() -> bool:
            return await self._times_waiting() > noticed

        await until("the decision to wait for the grace period", waiting, DELETION_GRACE.total_seconds())
        await self._calendar.deleted_item("Restore")
        await expect(self._calendar.event(SERIES)).to_have_count(1)
        seconds = time.monotonic() - self._deleted_at
        if self.conversation().id != before:
            raise DemoError("another conversation has taken the place of the first")
        return f"restored after {seconds:.1f} s of {DELETION_GRACE.total_seconds():g} s"

    async def outlive_grace(self) -> str:
        """The conversation of the restored series is what it was, also when the grace period is over."""
        expected, start = self.conversation().id, self.event().start + WEEK
        over = self._deleted_at + DELETION_GRACE.total_seconds() + MARGIN_SECONDS
        while time.monotonic() < over:
            self.conversation()
            await asyncio.sleep(POLL_SECONDS)
        seen = await self._followed(SERIES, start)
        if self.conversation().id != expected:
            raise DemoError("another conversation has taken the place of the first")
        return f"{time.monotonic() - self._deleted_at:.0f} s after the deletion: {seen}"

    async def delete_for_good(self) -> str:
        """Delete the series, also from Deleted items; after the grace period the conversation is gone."""
        conversation = self.conversation()
        await self._calendar.open(SERIES)
        await self._calendar.delete("The series")
        deleted_at = time.monotonic()
        await self._calendar.deleted_item("Delete for good")

        async def gone() -> bool:
            return conversation.id not in self._stack.world.unblu.conversations

        await until("the conversation's deletion", gone, FOLLOW_SECONDS)
        seconds = time.monotonic() - deleted_at
        if seconds < DELETION_GRACE.total_seconds():
            raise DemoError(f"the conversation was deleted after {seconds:.1f} s, within the grace period")
        await self._calendar.shows_no_conversation()
        return f"conversation {conversation.id} is gone, {seconds:.1f} s after its event"

    @property
    def _mailbox(self) -> Mailbox:
        return self._stack.world.graph.mailbox(self._stack.world.agents[0].user_id)

    async def _followed(self, topic: str, when: datetime) -> str:
        """See topic and time in the panel and in Unblu."""
        scheduled = round(when.timestamp() * 1000)

        async def agrees() -> bool:
            conversation = self.conversation()
            return (conversation.topic, conversation.scheduled) == (topic, scheduled)

        await until(f"{topic!r} at {when} in Unblu", agrees, FOLLOW_SECONDS)
        await self._calendar.shows_conversation(topic, when, FOLLOW_SECONDS)
        return f"{topic!r}, {when:%a %d %b %H:%M} UTC"

    async def _times_waiting(self) -> int:
        """How often the web server has decided to wait because an event can still be restored."""
        log = await self._stack.kubectl("logs", "-n", NAMESPACE, "deployment/outlook-addin", "--tail=-1")
        return log.count("GracePeriod")
