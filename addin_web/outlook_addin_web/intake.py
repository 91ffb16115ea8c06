"""Where Graph delivers: answer the handshake, check every item alone, note where to look, answer 202.

Graph wants an answer within three seconds and slows everybody down who takes longer, so nothing is read or
decided here (learn.microsoft.com/graph/change-notifications-delivery-webhooks). 202 means that every
genuine item is noted; if one could not be, 503 has Graph deliver again. Forged and malformed items are
counted and dropped: another answer than 202 would only tell their sender more, and have genuine neighbours
delivered again.

Everything is bounded: the length of a body (by the application), the items in it, how many bodies are read at
a time, and how many deliveries are taken per second. Beyond that the answer is 503 at once; Graph tries
again for four hours.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from enum import StrEnum
from itertools import product
from typing import Final
from uuid import uuid4

from aiohttp import web

from outlook_addin_core.domain import client_state
from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.notifications import MalformedBody, Notification, TooManyItems, decode
from outlook_addin_core.domain.token_bucket import TokenBucket
from outlook_addin_web.headers import NO_STORE
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.tasks import Kind, Place, Task
from outlook_addin_web.tracing import noted

log = logging.getLogger(__name__)

LONGEST_TOKEN: Final = 4_096
LONGEST_EVENT_ID: Final = 1_024
"""Exchange's ids have some 150 characters; a queue of endless ones would have no bound in memory."""
MOST_ITEMS: Final = 5_000
AT_ONCE: Final = 32
"""Bodies that are read at a time: with a megabyte each, what slow senders can make us hold."""
READING_SECONDS: Final = 10.0
"""Graph itself waits no longer for an answer."""
DELIVERIES_RATE: Final = 2_000.0
DELIVERIES_BURST: Final = 4_000
COMPLAINTS_RATE: Final = 1 / 60
"""A full queue refuses thousands of deliveries a minute: one line tells of it, metrics tell the rest."""
_BUSY: Final = {"Retry-After": "30"}
_RENEWAL_EVENTS: Final = frozenset({"reauthorizationRequired", "subscriptionRemoved"})
_MISSED: Final = "missed"


class Outcome(StrEnum):
    """What became of one item."""

    ACCEPTED = "accepted"
    MALFORMED = "malformed"
    """No notification at all, or one whose event nobody could look up."""
    FORGED = "forged"
    WRONG_TENANT = "wrong_tenant"
    IGNORED = "ignored"
    """Genuine, but of a kind that says nothing to us."""
    FULL = "queue_full"


class Intake:
    """The handler of both webhooks; Graph may mix changes and lifecycle events in one delivery.

    Args:
        keys: What genuine clientStates are signed with.
        tenant_ids: Whose mailboxes are served.
        accepts: Tells whether somebody works the queue off.
        submit: Notes a task; False if there is no room.
    """

    def __init__(  # noqa: PLR0913 - the parts, each by its name
        self,
        *,
        keys: Sequence[bytes],
        tenant_ids: Collection[str],
        accepts: Callable[[], bool],
        submit: Callable[[Task], bool],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._keys = keys
        self._tenant_ids = frozenset(tenant_ids)
        self._accepts = accepts
        self._submit = submit
        self._clock = clock
        self._metrics = metrics
        self._counts = {
            pair: metrics.notifications.labels(*pair) for pair in product(("change", "lifecycle"), Outcome)
        }
        self._malformed = metrics.notifications.labels("unknown", Outcome.MALFORMED)
        self._bucket = TokenBucket(clock, DELIVERIES_RATE, DELIVERIES_BURST)
        self._complaints = TokenBucket(clock, COMPLAINTS_RATE, 1)
        self._reading = 0

    async def receive(self, request: web.Request) -> web.Response:
        """Answer one POST from Graph."""
        token = request.query.get("validationToken")
        if token is not None:
            return self._handshake(token)
        response = await self._delivery(request)
        self._metrics.deliveries.labels(str(response.status)).inc()
        return response

    def _handshake(self, token: str) -> web.Response:
        """Echo the decoded token as plain text; it is opaque, so it is bounded but never altered."""
        if not token or len(token) > LONGEST_TOKEN:
            self._metrics.handshakes.labels("refused").inc()
            return web.Response(status=400, text="validationToken is empty or too long")
        self._metrics.handshakes.labels("answered").inc()
        return web.Response(text=token, headers={"Cache-Control": NO_STORE})

    async def _delivery(self, request: web.Request) -> web.Response:
        if not self._accepts():
            return web.Response(status=503, text="not working yet, or not any more")
        if self._reading >= AT_ONCE or not self._bucket.allows():
            return web.Response(status=503, text="too busy", headers=_BUSY)
        self._reading += 1
        try:
            async with asyncio.timeout(READING_SECONDS):
                body = await request.read()
        except TimeoutError:
            return web.Response(status=408, text="the body did not come in time")
        except web.HTTPRequestEntityTooLarge:
            return web.Response(status=413, text="the body is too large")
        except (ConnectionError, web.RequestPayloadError):
            return web.Response(status=400, text="the body did not come whole")
        finally:
            self._reading -= 1
        return self._noted(body)

    def _noted(self, body: bytes) -> web.Response:
        try:
            items, malformed = decode(body, MOST_ITEMS)
        except MalformedBody as error:
            return web.Response(status=400, text=str(error))
        except TooManyItems as error:
            return web.Response(status=413, text=str(error))
        correlation, now = str(uuid4()), self._clock.now()
        outcomes = Counter((_kind(item), self._note(item, correlation, now)) for item in items)
        self._malformed.inc(malformed)
        for pair, number in outcomes.items():
            self._counts[pair].inc(number)
        log.debug("a delivery was noted", extra={"items": len(items), "correlation": correlation})
        if any(outcome is Outcome.FULL for _, outcome in outcomes):
            if self._complaints.allows():
                log.warning("the queue is full; Graph is asked to deliver again")
            return web.Response(status=503, text="too busy", headers=_BUSY)
        return web.Response(status=202)

    def _note(self, item: Notification, correlation: str, now: datetime) -> Outcome:
        mailbox = client_state.verify(self._keys, item.client_state or "")
        if mailbox is None:
            return Outcome.FORGED
        if mailbox.tenant_id != item.tenant_id.lower() or mailbox.tenant_id not in self._tenant_ids:
            return Outcome.WRONG_TENANT
        if len(item.event_id or "") > LONGEST_EVENT_ID:
            return Outcome.MALFORMED
        place = _place(item, now)
        if place is None:
            return Outcome.IGNORED
        suspected = item.change_type == "deleted"
        since = now if item.lifecycle_event is None else None
        task = Task(mailbox, *place, suspected=suspected, correlation=correlation, since=since)
        return Outcome.ACCEPTED if self._submit(noted(task)) else Outcome.FULL


def _kind(item: Notification) -> str:
    return "change" if item.lifecycle_event is None else "lifecycle"


def _place(item: Notification, now: datetime) -> Place | None:
    """Return where a notification tells to look, if anywhere."""
    if item.lifecycle_event is None:
        return (Kind.EVENT, item.event_id) if item.event_id else None
    if item.lifecycle_event in _RENEWAL_EVENTS:
        return Kind.RENEWAL, f"{item.lifecycle_event}-{now:%Y-%m-%dT%H-%MZ}"
    return (Kind.MAILBOX, "") if item.lifecycle_event == _MISSED else None
