"""A web server is killed in the middle of a storm of changes: how long until Unblu equals Outlook again.

Real processes: a Kubernetes API server, simulated Entra, Graph and Unblu, and the web server with the role
that is shipped. Every event is changed and every change is notified; SIGKILL takes the queue of
those that were accepted, and what changes while nobody listens is never notified. The next process
knows nothing of either.

The peer is the least that the new process could do with: the Lease of the one that was killed has to run out,
and then it sends so many requests to Unblu and to Graph, and keeps to so many a second (``pacing.py``).
"""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from aiohttp import ClientSession

from bench.web_server import KEY, WebServer, connected, requests_to
from outlook_addin_core.domain.client_state import issue
from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_core.domain.conversations import Marker
from outlook_addin_core.domain.links import SourceId
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.unblu.conversations import Conversation, Participant
from outlook_addin_sandbox.world import Agent, World
from outlook_addin_web.leadership import LENGTH
from outlook_addin_web.pacing import TENANT_RATE, UNBLU_RATE

EVENTS, MAILBOXES = 2_000, 100
DELETED_EVERY = 10
"""One event of so many is deleted in the storm; the others are renamed and moved."""
KILLED_AFTER = 0.3
"""The share of changes that have been carried over when the process is killed."""
UNHEARD = 200
"""Changes made while no process runs."""
PATIENCE = 900.0
MINUTE = timedelta(minutes=1)
TOMORROW = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1)


@dataclass
class Linked:
    """An event and its conversation."""

    agent: Agent
    event_id: str
    conversation: Conversation
    link: UUID
    deleted: bool = False


class Bank:
    """Calendars and conversations in a simulated world."""

    def __init__(self, world: World, config: AddinConfig) -> None:
        self.world = world
        self.config = config
        agents = [world.add_agent(f"Agent {n}", f"agent{n}@bank.example") for n in range(MAILBOXES)]
        self.linked = [self._schedule(agents[number % MAILBOXES], number) for number in range(EVENTS)]

    def differing(self) -> int:
        """Return how many conversations do not say what their events say."""
        return sum(not self._agrees(each) for each in self.linked)

    def change(self, each: Linked, subject: str, moved: timedelta) -> None:
        """Rename an event and move it."""
        start = TOMORROW + moved
        calendar = self.world.graph.mailbox(each.agent.user_id)
        calendar.update_event(each.event_id, subject=subject, start=start, end=start + 30 * MINUTE)

    def delete(self, each: Linked) -> None:
        """Delete an event."""
        self.world.graph.mailbox(each.agent.user_id).delete_event(each.event_id)
        each.deleted = True

    def storm(self) -> None:
        """Change every event."""
        for number, each in enumerate(self.linked):
            if number % DELETED_EVERY == 0:
                self.delete(each)
            else:
                self.change(each, f"Renamed {number}", (number % 300) * MINUTE)

    async def notify(self, url: str) -> None:
        """Deliver one notification for every event, twenty at a time, as Graph does when it has many."""
        items = [self._notification(each) for each in self.linked]
        async with ClientSession() as session:
            for first in range(0, len(items), 20):
                async with session.post(url, json={"value": items[first : first + 20]}) as answer:
                    answer.raise_for_status()

    def _schedule(self, agent: Agent, number: int) -> Linked:
        """Make an event with a conversation that knows it, as they are some time after scheduling."""
        link, mailbox = uuid4(), Mailbox(agent.tenant_id, agent.user_id)
        calendar = self.world.graph.mailbox(agent.user_id)
        event = calendar.create_event(f"Review {number}", TOMORROW, TOMORROW + 30 * MINUTE)
        properties = json.dumps({"v": 1, "uuid": str(link)})
        calendar.set_custom_properties(event.immutable_id, self.config.addin_id, properties)
        conversation = Conversation(
            topic=event.subject,
            scheduled=_milliseconds(TOMORROW),
            participants=[Participant(agent.person_id, state="INVITED")],
            created=_milliseconds(datetime.now(UTC)),
            source_id=str(SourceId(self.config.addin_id, mailbox, link)),
            metadata=Marker(event.immutable_id, datetime.now(UTC)).encode(),
        )
        self.world.unblu.conversations[conversation.id] = conversation
        return Linked(agent, event.immutable_id, conversation, link)

    def _agrees(self, each: Linked) -> bool:
        kept = each.conversation.id in self.world.unblu.conversations
        if each.deleted or not kept:
            return each.deleted and not kept
        event = self.world.graph.mailbox(each.agent.user_id).get(each.event_id)
        said = (each.conversation.topic, each.conversation.scheduled)
        return said == (event.subject, _milliseconds(event.start))

    def _notification(self, each: Linked) -> dict[str, Any]:
        return {
            "subscriptionId": "made-up",
            "tenantId": each.agent.tenant_id,
            "clientState": issue(KEY, Mailbox(each.agent.tenant_id, each.agent.user_id)),
            "changeType": "deleted" if each.deleted else "updated",
            "resourceData": {"id": each.event_id},
        }


def _milliseconds(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


async def play() -> dict[str, Any]:
    """Set everything up, play the storm and return what was seen."""
    async with AsyncExitStack() as stack:
        plane = stack.enter_context(ControlPlane())
        world = await stack.enter_async_context(World.start())
        server = await connected(stack, plane, world, sync_server_deletion_grace_period=timedelta(0))
        return await _played(Bank(world, server.config), server)


async def _played(bank: Bank, server: WebServer) -> dict[str, Any]:
    await server.start()
    await server.until_swept(1)  # finds nothing but makes the CalendarSubscriptions
    bank.storm()
    began = time.monotonic()
    await bank.notify(server.url)
    accepted = time.monotonic() - began
    await _until(lambda: bank.differing() <= EVENTS * (1 - KILLED_AFTER))
    server.kill()
    unfinished = bank.differing()
    changed = [each for each in bank.linked if not each.deleted][:UNHEARD]
    for number, each in enumerate(changed):
        bank.change(each, f"Unheard {number}", (number % 300 + 1) * MINUTE)
    to_repair, before = bank.differing(), requests_to(bank.world)
    began = time.monotonic()
    await server.start()
    started = time.monotonic() - began
    repaired = await _until(lambda: bank.differing() == 0)
    seconds, requests = time.monotonic() - began, requests_to(bank.world) - before
    paced = max(requests["unblu"] / UNBLU_RATE, requests["graph"] / TENANT_RATE)
    least = LENGTH.total_seconds() + paced
    return {
        "size": {"events": EVENTS, "mailboxes": MAILBOXES, "changes in the storm": EVENTS},
        "seconds until all changes were accepted": round(accepted, 1),
        "changes undone when the process was killed": unfinished,
        "changes that nobody notified": len(changed),
        "to be repaired": to_repair,
        "seconds from the start of the new process until Unblu equals Outlook": round(seconds, 1),
        "of these, until it was ready": round(started, 1),
        "requests meanwhile": dict(requests),
        "seconds that the Lease and our own pace make necessary": round(least, 1),
        "ratio": round(seconds / least, 2),
        "changes lost": 0 if repaired else bank.differing(),
    }


async def _until(holds: Callable[[], bool]) -> bool:
    """Wait, in vain if need be; another process changes what is looked at."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.2)
    return True


def measure() -> dict[str, Any]:
    """Return all figures."""
    return asyncio.run(play())
