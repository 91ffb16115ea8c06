"""The whole story, played as an agent and a platform engineer would, and checked at both ends.

Each step does one thing that a person does, and then looks at the systems that must show it: the cluster
through kubectl, the calendar and the conversations through the page and the simulators behind it.
"""

from datetime import datetime, timedelta
from typing import Any

from playwright.async_api import expect

from outlook_addin_sandbox.demo.calendar_page import CalendarPage
from outlook_addin_sandbox.demo.following import FOLLOW_SECONDS, SUBJECT, Following
from outlook_addin_sandbox.demo.report import Report
from outlook_addin_sandbox.demo.resources import INVITATION
from outlook_addin_sandbox.demo.stack import NAMESPACE, DemoError, Stack, until

JSON = dict[str, Any]

RENEWAL_SECONDS = 100.0


class Story:
    """The steps, in their order; each returns what it saw and raises when it did not come true."""

    def __init__(self, stack: Stack, calendar: CalendarPage) -> None:
        self._stack = stack
        self._calendar = calendar
        self._following = Following(stack, calendar)
        self._made: JSON = {}

    async def play(self, report: Report) -> None:
        """Take all steps; the first that fails ends the story."""
        follow = self._following
        for name, step in (
            ("Outlook shows the agent's week", self.open_calendar),
            ("Unblu Conversation: sign in and schedule", self.schedule),
            ("The link stands in the event", self.link_in_event),
            ("The mailbox's CalendarSubscription is Ready", self.subscription_ready),
            ("Renaming the event renames the conversation", follow.rename),
            ("Dragging the event to another day moves the conversation", follow.drag),
            ("As a weekly series it keeps one conversation, at the next occurrence", follow.repeat),
            ("Cancelling that occurrence moves the conversation to the one after", follow.cancel_occurrence),
            (
                "Deleted and restored within the grace period, it keeps the conversation",
                follow.delete_and_restore,
            ),
            ("The subscription is renewed, and its status shows it", self.renewed),
            ("The grace period is over, and the conversation is still as it was", follow.outlive_grace),
            ("Deleting the series for good deletes the conversation", follow.delete_for_good),
            ("Deleting the OutlookAddin leaves nothing", self.nothing_left),
        ):
            await report.play(name, step)

    async def open_calendar(self) -> str:
        """The page comes up, signed in as the first agent."""
        await self._calendar.show(self._stack.page.url)
        await self._calendar.picture("calendar")
        return f"{self._stack.page.url}, as {self._agent.name}"

    async def schedule(self) -> str:
        """Make an event, press Unblu Conversation, and schedule in the pane."""
        start = _wednesday_morning_of_next_week(self._stack.world.now())
        calendar, pane = self._calendar, self._calendar.pane
        await calendar.button("New event").click()
        await calendar.fill("Subject", SUBJECT)
        await calendar.fill("Start", start)
        await calendar.fill("End", start + timedelta(hours=1))
        await calendar.button("Unblu Conversation").click()
        await pane.get_by_role("button", name="Schedule conversation").click()
        await expect(pane.get_by_role("heading", name="Conversation scheduled")).to_be_visible(timeout=20_000)
        await expect(pane.get_by_text("Outlook changes follow automatically.")).to_be_visible(timeout=30_000)
        await calendar.shows_conversation(SUBJECT, start, FOLLOW_SECONDS)
        await expect(calendar.terminal.get_by_text(self._agent.address)).to_be_visible()
        await calendar.picture("scheduled")
        await calendar.save()
        conversation = self._following.conversation()
        if conversation.topic != SUBJECT:
            raise DemoError(f"the conversation's topic is {conversation.topic!r}")
        return f"conversation {conversation.id} in state {conversation.state}"

    async def link_in_event(self) -> str:
        """The public link is in body and location, the bank's words around it, a reference in the event."""
        event = self._following.event()
        link = self._stack.world.unblu.public_link(self._following.conversation().id)
        for place, text in (("body", event.body_html), ("location", event.location)):
            if link not in text:
                raise DemoError(f"the link is missing in the event's {place}")
        before, after = (event.body_html.find(words) for words in INVITATION)
        if not 0 <= before < event.body_html.find(link) < after:
            raise DemoError("the bank's words do not surround the link")
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


def _wednesday_morning_of_next_week(now: datetime) -> datetime:
    monday = (now - timedelta(days=now.weekday())).replace(hour=9, minute=0, second=0, microsecond=0)
    return monday + timedelta(days=9)


def _is_ready(resource: JSON) -> bool:
    conditions = resource.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
