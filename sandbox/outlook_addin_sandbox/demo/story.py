"""The whole story, played as an agent and a platform engineer would, and checked at both ends.

Each step does one thing that a person does, and then looks at the systems that must show it: the cluster
through kubectl, the calendar and the conversations through the simulators behind them.
"""

import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import FrameLocator, Page, expect

from outlook_addin_sandbox.demo.report import Report
from outlook_addin_sandbox.demo.stack import NAMESPACE, DemoError, Stack, until
from outlook_addin_sandbox.graph.events import SimEvent
from outlook_addin_sandbox.graph.mailbox import Mailbox
from outlook_addin_sandbox.unblu import Conversation

JSON = dict[str, Any]

SUBJECT = "Mortgage advice: Brunner family"
RENAMED = "Mortgage advice: Brunner family, second meeting"
FOLLOW_SECONDS = 30.0
RENEWAL_SECONDS = 100.0


class Story:
    """The steps, in their order; each returns what it saw and raises when it did not come true."""

    def __init__(self, stack: Stack, page: Page, images: Path) -> None:
        self._stack = stack
        self._page = page
        self._images = images
        self._made: JSON = {}

    async def play(self, report: Report) -> None:
        """Take all steps; the first that fails ends the story."""
        for name, step in (
            ("Outlook shows the agent's week", self.open_calendar),
            ("Unblu Conversation: sign in and schedule", self.schedule),
            ("The link stands in the event", self.link_in_event),
            ("The mailbox's CalendarSubscription is Ready", self.subscription_ready),
            ("Renaming the event renames the conversation", self.rename),
            ("Moving the event moves the conversation", self.move),
            ("The subscription is renewed, and its status shows it", self.renewed),
            ("Deleting the event deletes the conversation", self.delete),
            ("Deleting the OutlookAddin leaves nothing", self.nothing_left),
        ):
            await report.play(name, step)

    async def open_calendar(self) -> str:
        """The page comes up, signed in as the first agent."""
        await self._page.goto(self._stack.page.url)
        await expect(self._page.get_by_role("button", name="New event")).to_be_visible()
        await self._page.get_by_role("button", name="Later week").click()
        await self._picture("calendar")
        return f"{self._stack.page.url}, as {self._agent.name}"

    async def schedule(self) -> str:
        """Make an event, press Unblu Conversation, and schedule in the pane."""
        await self._page.get_by_role("button", name="New event").click()
        await self._page.get_by_label("Subject").fill(SUBJECT)
        start = _wednesday_morning_of_next_week(self._stack.world.now())
        await self._fill_time("Start", start)
        await self._fill_time("End", start + timedelta(hours=1))
        await self._page.get_by_role("button", name="Unblu Conversation").click()
        await self._pane.get_by_role("button", name="Schedule conversation").click()
        await expect(self._pane.get_by_role("heading", name="Conversation scheduled")).to_be_visible(
            timeout=20_000
        )
        await expect(self._pane.get_by_text("Outlook changes follow automatically.")).to_be_visible(
            timeout=30_000
        )
        await expect(self._page.locator("#unblu").get_by_text(SUBJECT)).to_be_visible()
        await expect(self._page.locator("#terminal").get_by_text(self._agent.address)).to_be_visible()
        await self._picture("scheduled")
        await self._save()
        conversation = self._conversation()
        if conversation.topic != SUBJECT:
            raise DemoError(f"the conversation's topic is {conversation.topic!r}")
        return f"conversation {conversation.id} in state {conversation.state}"

    async def link_in_event(self) -> str:
        """The public link is in body and location, the reference in the add-in's custom properties."""
        event, link = self._event(), self._stack.world.unblu.public_link(self._conversation().id)
        for place, text in (("body", event.body_html), ("location", event.location)):
            if link not in text:
                raise DemoError(f"the link is missing in the event's {place}")
        if not event.custom_properties:
            raise DemoError("the event carries no custom properties")
        return link

    async def subscription_ready(self) -> str:
        """The web server made a CalendarSubscription, and the operator a Graph subscription for it."""
        subscription = await until("CalendarSubscription Ready", self._ready_subscription, 60)
        status = subscription["status"]
        if status["subscriptionId"] not in self._stack.world.graph.subscriptions:
            raise DemoError("Graph does not know the subscription that the status names")
        self._made = status
        name = subscription["metadata"]["name"]
        return f"{name} expires {status['expirationTime']}, renews {status['renewalTime']}"

    async def rename(self) -> str:
        """Change the subject in Outlook; the conversation's topic follows."""
        await self._open_event(SUBJECT)
        await self._page.get_by_label("Subject").fill(RENAMED)
        await self._save()
        await until("the new topic", self._has_topic, FOLLOW_SECONDS)
        return f"topic is {RENAMED!r}"

    async def move(self) -> str:
        """Change the time in Outlook; the conversation's time follows."""
        start = self._event().start + timedelta(hours=2)
        await self._open_event(RENAMED)
        await self._fill_time("Start", start)
        await self._fill_time("End", start + timedelta(hours=1))
        await self._save()

        async def moved() -> bool:
            return self._conversation().scheduled == round(start.timestamp() * 1000)

        await until("the new time", moved, FOLLOW_SECONDS)
        await expect(self._page.locator("#unblu").get_by_text(f"{start:%H:%M}")).to_be_visible()
        await self._picture("followed")
        return f"scheduled for {start:%Y-%m-%d %H:%M} UTC"

    async def renewed(self) -> str:
        """The status shows a renewal that came after the creation."""
        made = self._made

        async def later() -> JSON | None:
            status: JSON = (await self._subscription())["status"]
            return status if status["lastRenewalTime"] > made["lastRenewalTime"] else None

        status = await until("a renewal", later, RENEWAL_SECONDS)
        if status["subscriptionId"] != made["subscriptionId"]:
            raise DemoError("the subscription was replaced, not renewed")
        return f"last renewed {status['lastRenewalTime']}, expires {status['expirationTime']}"

    async def delete(self) -> str:
        """Delete the event in Outlook; after the grace period the conversation is gone."""
        conversation = self._conversation()
        await self._open_event(RENAMED)
        await self._page.get_by_role("button", name="Delete", exact=True).click()

        async def gone() -> bool:
            return conversation.id not in self._stack.world.unblu.conversations

        await until("the conversation's deletion", gone, FOLLOW_SECONDS)
        return f"conversation {conversation.id} is gone"

    async def nothing_left(self) -> str:
        """Delete the OutlookAddin; nothing that the product made is left in the cluster or in Graph."""
        await self._stack.kubectl(
            "delete", "oaddin", "outlook-addin", "-n", NAMESPACE, "--timeout=60s", seconds=70
        )
        await until("no child left", self._no_children, FOLLOW_SECONDS)
        if self._stack.world.graph.subscriptions:
            raise DemoError("a subscription is left in Graph")
        return "no object in the cluster, no subscription in Graph"

    @property
    def _agent(self) -> Any:
        return self._stack.world.agents[0]

    @property
    def _mailbox(self) -> Mailbox:
        return self._stack.world.graph.mailbox(self._agent.user_id)

    @property
    def _pane(self) -> FrameLocator:
        return self._page.frame_locator("iframe")

    def _event(self) -> SimEvent:
        for event in self._mailbox.events():
            if event.subject in {SUBJECT, RENAMED}:
                return event
        raise DemoError("the event is not in the calendar")

    def _conversation(self) -> Conversation:
        for conversation in self._stack.world.unblu.conversations.values():
            return conversation
        raise DemoError("there is no conversation in Unblu")

    async def _has_topic(self) -> bool:
        return self._conversation().topic == RENAMED

    async def _subscription(self) -> JSON:
        found = await self._stack.items("csub")
        if len(found) != 1:
            raise DemoError(f"there are {len(found)} CalendarSubscriptions instead of one")
        return found[0]

    async def _ready_subscription(self) -> JSON | None:
        found = await self._stack.items("csub")
        return found[0] if found and _is_ready(found[0]) else None

    async def _no_children(self) -> bool:
        kinds = "deployment,replicaset,pod,service,configmap,serviceaccount,rolebinding,csub"
        ours = await self._stack.items(kinds, "-l", "app.kubernetes.io/instance=outlook-addin")
        key = await self._stack.items("secret", "--field-selector=metadata.name=outlook-addin-webhook-key")
        return not ours and not key

    async def _open_event(self, subject: str) -> None:
        await self._page.locator("#week").get_by_role("button", name=re.compile(re.escape(subject))).click()

    async def _save(self) -> None:
        await self._page.get_by_role("button", name="Save").click()
        await expect(self._page.get_by_role("button", name="Save")).to_be_hidden()

    async def _fill_time(self, label: str, moment: datetime) -> None:
        await self._page.get_by_label(label, exact=True).fill(moment.strftime("%Y-%m-%dT%H:%M"))

    async def _picture(self, name: str) -> None:
        self._images.mkdir(parents=True, exist_ok=True)
        await self._page.screenshot(path=self._images / f"{name}.png")


def _wednesday_morning_of_next_week(now: datetime) -> datetime:
    monday = (now - timedelta(days=now.weekday())).replace(hour=9, minute=0, second=0, microsecond=0)
    return monday + timedelta(days=9)


def _is_ready(resource: JSON) -> bool:
    conditions = resource.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
