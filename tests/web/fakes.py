"""Outlook, Unblu and Kubernetes as the web server sees them: small, with a state, and without a network."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from prometheus_client import CollectorRegistry

from outlook_addin_core.clients.errors import ClientError, NotFound, Rejected
from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_core.domain.conversations import Conversation, Marker, Participant
from outlook_addin_core.domain.decisions import Policy
from outlook_addin_core.domain.election import Term
from outlook_addin_core.domain.events import Event, Gone
from outlook_addin_core.domain.links import SourceId
from outlook_addin_core.domain.mailbox import Mailbox, subscription_name
from outlook_addin_core.domain.series import Series
from outlook_addin_web.dirty_queue import DirtyQueue
from outlook_addin_web.keeper import Keeper
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.ports import Followed, StoreUnavailable, SubscriptionState
from outlook_addin_web.recorded import Recorded, RememberedConversations
from outlook_addin_web.role import Role
from outlook_addin_web.synchroniser import Synchroniser
from outlook_addin_web.tasks import Kind, Task
from outlook_addin_web.verdicts import Verdict

if TYPE_CHECKING:
    from outlook_addin_web.survey import Survey

TENANT = "11111111-1111-4111-8111-111111111111"
OTHER_TENANT = "22222222-2222-4222-8222-222222222222"
CLIENT_ID = "33333333-3333-4333-8333-333333333333"
ANNA = Mailbox(TENANT, "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa")
BEN = Mailbox(TENANT, "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb")
KEY = bytes(range(32))
START = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
TOMORROW = START + timedelta(days=1)
GRACE = timedelta(minutes=5)

BRANCH = "66666666-6666-4666-8666-666666666666"
CARL = Mailbox(BRANCH, "cccccccc-cccc-4ccc-8ccc-cccccccccccc")

CONFIG = AddinConfig(
    deployment_url="https://outlook.bank.example",
    unblu_oauth_backend_url="https://unblu.bank.example/gateway",
    client_id=CLIENT_ID,
    tenant_ids=(TENANT, BRANCH),
    sync_server_enabled=True,
    sync_server_auth_gateway_client_id="44444444-4444-4444-8444-444444444444",
    sync_server_deletion_grace_period=GRACE,
)


class FakeClock:
    """A clock that stands until somebody moves it."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> datetime:
        return self.moment

    def monotonic(self) -> float:
        return (self.moment - START).total_seconds() + 1_000_000

    def advance(self, span: timedelta) -> None:
        self.moment += span


def uuid(number: int) -> UUID:
    return UUID(int=number, version=4)


@dataclass
class FakeOutlook:
    """Mailboxes with events; ``failure`` makes every read fail, ``failures`` those of a mailbox or tenant."""

    events: dict[tuple[Mailbox, str], Event] = field(default_factory=dict)
    unlisted: set[str] = field(default_factory=set)
    occurrences: dict[str, tuple[Event, ...]] = field(default_factory=dict)
    failure: ClientError | None = None
    failures: dict[Mailbox | str, Exception] = field(default_factory=dict)
    after_read: Callable[[str], None] = lambda _: None
    after_search: Callable[[], None] = lambda: None
    reads: list[str] = field(default_factory=list)

    def put(self, mailbox: Mailbox, event_id: str, **changes: Any) -> Event:
        """Make an event or change it; every change gives it another etag."""
        known = self.events.get((mailbox, event_id)) or Event(
            id=event_id, etag="0", subject="Portfolio review", start=TOMORROW, link=uuid(1)
        )
        event = replace(known, etag=str(int(known.etag) + 1), **changes)
        self.events[mailbox, event_id] = event
        return event

    def remove(self, mailbox: Mailbox, event_id: str) -> None:
        del self.events[mailbox, event_id]

    async def get(self, mailbox: Mailbox, event_id: str) -> Event | Gone:
        self._check(mailbox, event_id)
        self.reads.append(event_id)
        event = self.events.get((mailbox, event_id), Gone("not there"))
        self.after_read(event_id)
        return event

    async def find_by_link(self, mailbox: Mailbox, uuid: UUID, series_id: str | None = None) -> list[Event]:
        self._check(mailbox)
        found = [event for event in self._listed(mailbox) if event.link == uuid]
        return found + [event for event in self.occurrences.get(series_id or "", ()) if event.link == uuid]

    async def linked(self, mailbox: Mailbox) -> AsyncIterator[Event]:
        self._check(mailbox)
        for event in self._listed(mailbox):
            if event.link is not None:
                yield event

    async def on_day(self, mailbox: Mailbox, conversation: Conversation) -> list[Event]:
        self._check(mailbox)
        found = [event for event in self._listed(mailbox) if event.link == conversation.link]
        self.after_search()
        return found

    async def series(self, mailbox: Mailbox, master: Event, now: datetime) -> Series | None:
        self._check(mailbox)
        known = self.occurrences.get(master.id, ())
        return Series(occurrences=tuple(each for each in known if each.start and each.start > now))

    def _listed(self, mailbox: Mailbox) -> list[Event]:
        return [
            event
            for (owner, _), event in self.events.items()
            if owner == mailbox and event.id not in self.unlisted
        ]

    def _check(self, mailbox: Mailbox, event_id: str = "") -> None:
        candidates = (self.failures.get(key) for key in (mailbox, mailbox.tenant_id, event_id))
        failure = self.failure or next(filter(None, candidates), None)
        if failure is not None:
            raise failure


@dataclass(frozen=True)
class FakePerson:
    is_admin: bool


@dataclass
class FakeUnblu:
    """Conversations by id.

    Args:
        admin: The role of who asks.
        rejected: A topic that it does not take.
        searches: How often it has searched.
    """

    conversations: dict[str, Conversation] = field(default_factory=dict)
    admin: bool = True
    failure: ClientError | None = None
    before_read: Callable[[], None] = lambda: None
    rejected: str | None = None
    searches: int = 0

    def put(self, mailbox: Mailbox, number: int, **changes: Any) -> Conversation:
        """Make a conversation as the pane does, or change it."""
        identity = f"conversation-{number}"
        known = self.conversations.get(identity) or Conversation(
            id=identity,
            source_id=str(SourceId(CONFIG.addin_id, mailbox, uuid(number))),
            state="CREATED",
            topic="Portfolio review",
            scheduled=TOMORROW,
            assignee="anna",
            participants=(Participant("anna", "ASSIGNED_AGENT", "INVITED"),),
        )
        self.conversations[identity] = replace(known, **changes)
        return self.conversations[identity]

    async def current_person(self) -> FakePerson:
        self._check()
        return FakePerson(self.admin)

    async def read(self, conversation_id: str) -> Conversation:
        self.before_read()
        if conversation_id not in self.conversations:
            raise NotFound("HTTP 404", operation="fake")
        return self.conversations[conversation_id]

    async def find_by_source_id(self, source_id: str) -> Conversation | None:
        self._check()
        self.searches += 1
        return next((each for each in self.conversations.values() if each.source_id == source_id), None)

    async def search_mailbox(self, prefix: str) -> AsyncIterator[Conversation]:
        self._check()
        self.searches += 1
        for each in list(self.conversations.values()):
            if each.source_id and each.source_id.startswith(prefix) and each.state != "ENDED":
                yield each

    async def set_topic(self, conversation_id: str, topic: str) -> Conversation:
        if topic == self.rejected:
            raise Rejected("HTTP 400", operation="unblu.conversations.rename")
        return self._change(conversation_id, topic=topic)

    async def set_scheduled(self, conversation_id: str, scheduled: datetime) -> Conversation:
        return self._change(conversation_id, scheduled=scheduled)

    async def delete(self, conversation_id: str) -> None:
        self.conversations.pop(conversation_id, None)

    async def update_metadata(self, conversation: Conversation, marker: Marker) -> Conversation:
        assert self.admin, "Unblu lets only an ADMIN write metadata"
        return self._change(conversation.id, marker=marker)

    def _change(self, conversation_id: str, **changes: Any) -> Conversation:
        self.conversations[conversation_id] = replace(self.conversations[conversation_id], **changes)
        return self.conversations[conversation_id]

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure


@dataclass
class FakeKubernetes:
    """CalendarSubscriptions by mailbox, and the OutlookAddin's annotation."""

    addresses: dict[Mailbox, str | None] = field(default_factory=dict)
    renewals: dict[Mailbox, str] = field(default_factory=dict)
    states: dict[Mailbox, SubscriptionState] = field(default_factory=dict)
    followed: dict[Mailbox, Followed] = field(default_factory=dict)
    verdicts: dict[Mailbox, list[Verdict]] = field(default_factory=dict)
    request: str = ""
    others: int = 0
    broken: bool = False
    changed: "asyncio.Queue[Followed]" = field(default_factory=asyncio.Queue)

    async def get(self, mailbox: Mailbox) -> SubscriptionState | None:
        self._check()
        return self.states.get(mailbox)

    async def create(self, mailbox: Mailbox, address: str | None) -> None:
        self._check()
        self.addresses[mailbox] = address
        name = subscription_name("outlook-addin", mailbox)
        self.states[mailbox] = SubscriptionState(name, ready=False, reason="Pending", expiration_time=None)
        self.followed[mailbox] = Followed(
            name=name,
            mailbox=mailbox,
            web_made=True,
            subscription_id="",
            sync_requested="",
            last_needed=None,
            created=START,
            version="1",
        )

    async def count(self) -> int:
        return self.others + len(self.states)

    async def request_renewal(self, mailbox: Mailbox, token: str) -> bool:
        if mailbox not in self.states:
            return False
        self.renewals[mailbox] = token
        return True

    async def all(self) -> AsyncIterator[Followed]:
        self._check()
        for each in list(self.followed.values()):
            yield each

    async def changes(self) -> AsyncIterator[Followed]:
        for each in list(self.followed.values()):
            yield each
        while True:
            yield await self.changed.get()

    def change(self, mailbox: Mailbox, **changes: Any) -> None:
        """Change a subscription as somebody else does, and tell those who watch."""
        self.followed[mailbox] = replace(self.followed[mailbox], **changes)
        self.changed.put_nowait(self.followed[mailbox])

    async def report(self, mailbox: Mailbox, verdict: Verdict) -> bool:
        self._check()
        if mailbox not in self.followed:
            return False
        if self.followed[mailbox].verdict != verdict:
            self.verdicts.setdefault(mailbox, []).append(verdict)
            self.followed[mailbox] = replace(self.followed[mailbox], verdict=verdict)
        return True

    async def note_needed(self, followed: Followed, day: date) -> None:
        self._check()
        self.followed[followed.mailbox] = replace(self.followed[followed.mailbox], last_needed=day)

    async def remove(self, followed: Followed) -> None:
        self._check()
        del self.followed[followed.mailbox]
        del self.states[followed.mailbox]

    async def sweep_request(self) -> str:
        self._check()
        return self.request

    def _check(self) -> None:
        if self.broken:
            raise StoreUnavailable("Kubernetes gave no answer")


@dataclass
class FakeLease:
    """One Lease for all replicas of a test; of two writes over the same version, one wins."""

    term: Term | None = None
    broken: bool = False

    async def read(self) -> Term | None:
        self._check()
        return self.term

    async def write(self, term: Term) -> Term | None:
        self._check()
        current = self.term.version if self.term else ""
        if term.version != current:
            return None
        self.term = replace(term, version=str(int(current or 0) + 1))
        return self.term

    def _check(self) -> None:
        if self.broken:
            raise StoreUnavailable("Kubernetes gave no answer")


class Bench:
    """A synchroniser between fakes, worked by hand: one task after the other, at the time of its clock."""

    def __init__(self, draft_grace: timedelta | None = None) -> None:
        self.clock = FakeClock()
        self.outlook = FakeOutlook()
        self.unblu = FakeUnblu()
        self.kubernetes = FakeKubernetes()
        self.lease = FakeLease()
        self.metrics = Metrics(CollectorRegistry())
        self.queue = DirtyQueue(1_000)
        self.surveys: list[Survey] = []
        self.draft_grace = draft_grace
        self.synchroniser = self._synchroniser()

    def restart(self) -> None:
        """Lose everything that a process remembers."""
        self.queue = DirtyQueue(1_000)
        self.synchroniser = self._synchroniser()

    async def lists_everything(self) -> None:
        """List all open conversations, as every replica does now and then."""
        async for _ in self.conversations.search_mailbox(SourceId.prefix_of_all(CONFIG.addin_id)):
            pass

    def _synchroniser(self) -> Synchroniser:
        recorded = Recorded()
        conversations = RememberedConversations(self.unblu, recorded, CONFIG.addin_id)
        self.conversations = conversations
        keeper = Keeper(
            addin_id=CONFIG.addin_id,
            policy=Policy(may_delete=False, grace=GRACE, draft_grace=self.draft_grace),
            events=self.outlook,
            conversations=conversations,
            role=Role(conversations, self.clock, self.metrics),
            put_off=self.queue.add_later,
            clock=self.clock,
            metrics=self.metrics,
        )
        return Synchroniser(
            addin_id=CONFIG.addin_id,
            keeper=keeper,
            events=self.outlook,
            conversations=conversations,
            recorded=recorded,
            subscriptions=self.kubernetes,
            put_off=self.queue.add_later,
            surveyed=lambda _, survey, __: self.surveys.append(survey),
            clock=self.clock,
            metrics=self.metrics,
        )

    async def swept(self, mailbox: Mailbox = ANNA) -> None:
        """Sweep one mailbox and do everything that is due."""
        self.queue.add(Task(mailbox, Kind.MAILBOX))
        await self.settle()

    def repaired(self, kind: str) -> float:
        """Return how many repairs of a kind were counted."""
        return self.metrics.registry.get_sample_value("outlook_addin_repairs_total", {"kind": kind}) or 0.0

    async def notified(self, event_id: str, *, deleted: bool = False, mailbox: Mailbox = ANNA) -> None:
        """Deliver one change notification and do everything that is due."""
        self.queue.add(Task(mailbox, Kind.EVENT, event_id, suspected=deleted, since=self.clock.now()))
        await self.settle()

    async def passed(self, span: timedelta) -> None:
        """Let time pass and do everything that has become due."""
        self.clock.advance(span)
        await self.settle()

    async def settle(self) -> None:
        while (task := self.queue.take(self.clock.now())) is not None:
            await self.synchroniser.carry_out(task)
            self.queue.done(task.mailbox)

    def decided(self, action: str, reason: str) -> float:
        """Return how often something was decided."""
        labels = {"action": action, "reason": reason}
        return self.metrics.registry.get_sample_value("outlook_addin_decisions_total", labels) or 0.0

    @property
    def conversation(self) -> Conversation:
        return self.unblu.conversations["conversation-1"]
