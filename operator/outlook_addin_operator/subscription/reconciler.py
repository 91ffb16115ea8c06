"""Brings one CalendarSubscription to where it belongs: gather, plan, apply, status."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from outlook_addin_core.clients.errors import ClientError, ServerError, Throttled, Unreachable
from outlook_addin_core.clients.graph_subscriptions import Subscription
from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.resources import ADDIN, FINALIZER
from outlook_addin_operator.agenda import Agenda
from outlook_addin_operator.cluster import Cluster
from outlook_addin_operator.credentials import CredentialsReader
from outlook_addin_operator.events import Note, Recorder, transitions
from outlook_addin_operator.graph_access import GraphAccess, GraphAccessCache
from outlook_addin_operator.inventory import Inventory, SubscriptionEntry
from outlook_addin_operator.keys import Key, has_finalizer
from outlook_addin_operator.metrics import Metrics
from outlook_addin_operator.status import differs
from outlook_addin_operator.subscription import status
from outlook_addin_operator.subscription.apply import LostError, Seat
from outlook_addin_operator.subscription.due import due_time
from outlook_addin_operator.subscription.failures import ClaimedElsewhereError, Failure, failure
from outlook_addin_operator.subscription.gather import gather
from outlook_addin_operator.subscription.memory import Memory
from outlook_addin_operator.subscription.observed import Observed
from outlook_addin_operator.subscription.plan import LOOK_AGAIN, Action, Decision, decide, due_of
from outlook_addin_operator.subscription.replacements import POSTPONED, PostponedError

PASSING: Final = frozenset({"GraphError", "GraphUnreachable", "Throttled", "TokenRejected"})
"""Reasons that go away with an outage."""

_ENDS = frozenset({Action.DELETE, Action.ORPHAN, Action.RELEASE, Action.ABANDON})
_ATTEMPTS = frozenset({Action.CREATE, Action.RENEW, Action.MOVE, Action.REPLACE, Action.CHECK})


_UNDELETED: Final = "The Graph subscription could not be deleted in time; it runs out within seven days."
_UNMARKED: Final = (
    "The Graph subscription could not be marked as left behind in time; the next comparison with Graph may "
    "remove it before it runs out."
)


class SubscriptionReconciler:
    """Reconciles CalendarSubscriptions.

    Args:
        fence: Asked before every write at Graph; raises what stops it.
        sleep: Replaced in tests.
    """

    def __init__(  # noqa: PLR0913 - the collaborators, by name
        self,
        *,
        cluster: Cluster,
        credentials: CredentialsReader,
        inventory: Inventory,
        agenda: Agenda,
        graph: GraphAccessCache,
        recorder: Recorder,
        metrics: Metrics,
        clock: Clock,
        fence: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._cluster = cluster
        self._credentials = credentials
        self._inventory = inventory
        self._agenda = agenda
        self._graph = graph
        self._recorder = recorder
        self._metrics = metrics
        self._clock = clock
        self._fence = fence
        self._sleep = sleep

    async def reconcile(self, key: Key) -> datetime | None:
        """Look at one CalendarSubscription; returns when to look again."""
        retry, check = self._agenda.take_retry(key), self._agenda.take_check(key)
        now = self._clock.now()
        observed = await gather(
            self._cluster, self._credentials, self._inventory, key, now, retry=retry, check=check
        )
        if observed is None:
            self._agenda.vanished(key)
            return None
        decision = decide(observed, now)
        if decision.action in _ATTEMPTS:
            return await self._attempt(observed, decision)
        if decision.action in _ENDS:
            return await self._let_go(observed, decision)
        if decision.action is Action.RETIRE:
            await self._retire(observed, key)
            return None
        if decision.action in {Action.GIVE_UP, Action.FORGET}:
            return await self._give_up(observed, decision)
        if decision.action is Action.WAIT:
            await self._write(observed, status.waiting(observed, decision, now))
        elif decision.reason:
            await self._write(observed, status.settled(observed, now))
        return decision.next_time

    async def _attempt(self, observed: Observed, decision: Decision) -> datetime | None:
        """Call Graph, and write what came of it in one status write."""
        rest = self._rest(observed)
        if rest > 0:  # the tenant was asked to wait, which somebody's status says already
            return self._clock.now() + timedelta(seconds=rest)
        if not has_finalizer(observed.body):
            finalizers = [*observed.body["metadata"].get("finalizers", ()), FINALIZER]
            if await self._cluster.set_finalizers(observed.body, finalizers) is None:
                return None
        try:
            found = _alive(await self._call(observed, decision.action), self._clock.now())
        except PostponedError:
            return self._clock.now() + timedelta(seconds=POSTPONED)
        except (ClientError, ClaimedElsewhereError, LostError, ssl.SSLError) as error:
            return await self._failed(observed, error)
        renewed = decision.action is not Action.CHECK or found.id != observed.memory.subscription_id
        self._count("success")
        self._relieve(observed)
        if observed.memory.last_renewal is not None and found.id != observed.memory.subscription_id:
            self._agenda.want_sweep(_addin_key(observed))
        desired = status.granted(observed, found, self._clock.now(), renewed=renewed)
        await self._write(observed, desired)
        return due_of(observed, Memory.of({"status": desired}))

    async def _call(self, observed: Observed, action: Action) -> Subscription:
        seat, known = self._seat(observed), observed.memory.subscription_id
        if action is Action.CREATE or known is None:
            return await seat.create()
        if action is Action.RENEW:
            return await seat.renew(known)
        if action is Action.MOVE:
            return await seat.move(known)
        if action is Action.REPLACE:
            return await seat.replace(known)
        return await seat.check(known)

    async def _failed(self, observed: Observed, error: Exception) -> datetime | None:
        lost = isinstance(error, LostError)
        cause = error.__cause__ if lost else error
        if isinstance(cause, ClientError | ClaimedElsewhereError):
            what = failure(cause)
        else:
            message = "The CA bundle of the OutlookAddin holds no readable PEM certificates; correct it."
            what = Failure("InvalidCABundle", message, stalled=True)
        self._count(what.reason)
        if isinstance(cause, Throttled | ServerError | Unreachable):
            self._access(observed).throttle.trouble()
        if isinstance(cause, Throttled) and cause.retry_after is not None:
            self._access(observed).throttle.pause(cause.retry_after.total_seconds())
        now = self._clock.now()
        desired = status.failed(observed, what, now, lost=lost)
        await self._write(observed, desired)
        return due_time({**observed.body, "status": desired}, now)

    async def _give_up(self, observed: Observed, decision: Decision) -> datetime | None:
        """Delete the Graph subscription that must not be; one that cannot be deleted is kept in mind."""
        now = self._clock.now()
        ours = decision.action is Action.GIVE_UP and observed.memory.live(now)
        known = observed.memory.subscription_id if ours else None
        if known is not None and not await self._delete(observed, known):
            await self._write(observed, status.waiting(observed, decision, now))
            return now + LOOK_AGAIN
        await self._write(observed, status.given_up(observed, decision, now))
        return None

    async def _let_go(self, observed: Observed, decision: Decision) -> datetime | None:
        """Clean up at Graph, then take our finalizer off."""
        known = observed.memory.subscription_id
        if decision.action is Action.DELETE and known is not None and not await self._delete(observed, known):
            return decision.next_time
        if decision.action is Action.ORPHAN and known is not None and not await self._orphan(observed, known):
            return decision.next_time
        if decision.action is Action.ABANDON:
            message = _UNMARKED if observed.orphaned else _UNDELETED
            await self._recorder.record(observed.body, [Note("SubscriptionAbandoned", message, warning=True)])
        rest = [item for item in observed.body["metadata"]["finalizers"] if item != FINALIZER]
        await self._cluster.set_finalizers(observed.body, rest)
        return None

    async def _retire(self, observed: Observed, key: Key) -> None:
        message = "The mailbox was not needed for spec.syncServer.idleSubscriptionRetention."
        await self._recorder.record(observed.body, [Note("Idle", message, warning=False, action="Retire")])
        await self._cluster.delete(key)

    async def _delete(self, observed: Observed, subscription_id: str) -> bool:
        """Delete a Graph subscription if that is possible now."""
        if observed.addin is None or observed.credentials is None or observed.credentials.problem:
            return False
        try:
            await self._seat(observed).delete(subscription_id)
        except (ClientError, ssl.SSLError):
            return False
        return True

    async def _orphan(self, observed: Observed, subscription_id: str) -> bool:
        """Mark a Graph subscription as left behind if that is possible now."""
        try:
            await self._seat(observed).orphan(subscription_id, observed.memory.notification_url or "")
        except (ClientError, ssl.SSLError):
            return False
        return True

    def _access(self, observed: Observed) -> GraphAccess:
        if observed.addin is None or observed.credentials is None:
            raise ValueError("nothing is done at Graph without an OutlookAddin")  # decide() sees to it
        return self._graph.get(observed.addin, observed.mailbox.tenant_id, observed.credentials)

    def _rest(self, observed: Observed) -> float:
        try:
            return self._access(observed).throttle.rest
        except ssl.SSLError:
            return 0.0  # the attempt itself says what is wrong

    def _seat(self, observed: Observed) -> Seat:
        access = self._access(observed)
        return Seat(
            api=access.subscriptions,
            throttle=access.throttle,
            addin=observed.required_addin,
            mailbox=observed.mailbox,
            key=(observed.credentials and observed.credentials.webhook_key) or b"",
            now=self._clock.now(),
            clock=self._clock,
            fence=self._fence,
            replacements=access.replacements,
            replaced=self._metrics.replacement_gap.observe,
            sleep=self._sleep,
        )

    async def _write(self, observed: Observed, desired: Mapping[str, Any]) -> None:
        live = observed.body.get("status") or {}
        if differs(live, desired):
            await self._cluster.apply_status(observed.body, desired)
            notes = transitions(live.get("conditions") or (), desired["conditions"])
            await self._recorder.record(observed.body, notes)

    def _relieve(self, observed: Observed) -> None:
        """End all pauses in a tenant that works again: nobody waits for an hour after an outage."""
        if self._access(observed).throttle.relieved():
            tenant = observed.mailbox.tenant_id

            def waits(entry: SubscriptionEntry) -> bool:
                """Who is still ready only waits for the next attempt to renew, whatever the last one met."""
                passing = entry.ready or entry.reason in PASSING
                return entry.failing and entry.mailbox[0] == tenant and passing

            self._agenda.wake_subscriptions(_addin_key(observed), waits, retry=True)

    def _count(self, outcome: str) -> None:
        self._metrics.renewals.labels(outcome).inc()


def _alive(found: Subscription, now: datetime) -> Subscription:
    """Refuse one that has ended already: it would be renewed again at once, for ever."""
    if found.expiration <= now:
        raise ServerError("the subscription has ended already", operation="graph.subscriptions")
    return found


def _addin_key(observed: Observed) -> Key:
    owner = observed.required_addin.owner
    return Key(ADDIN, owner.namespace, owner.name)
