"""Carries out a decision at Microsoft Graph."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs, urlsplit

from outlook_addin_core.clients.errors import (
    ClientError,
    Conflict,
    NotFound,
    ServerError,
    Throttled,
    Unauthorized,
    Unreachable,
)
from outlook_addin_core.clients.graph_subscriptions import GraphSubscriptions, Subscription
from outlook_addin_core.domain import client_state
from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_core.domain.renewal import requested_expiration
from outlook_addin_operator.addin.spec import AddinView
from outlook_addin_operator.ratelimit import Throttle
from outlook_addin_operator.subscription.failures import ClaimedElsewhereError, is_handshake
from outlook_addin_operator.subscription.replacements import Replacements

PROMPT: Final = (0.5, 1.0, 2.0, *(4.0,) * 15)
"""Seconds between the attempts to make at once what was just deleted."""

LONGEST_PROMPT: Final = 60.0
"""Seconds after which it is left to the ordinary attempts."""


_ORPHANED: Final = "orphaned"


class LostError(Exception):
    """The Graph subscription is gone, and no new one could be made; ``__cause__`` says why."""


@dataclass(frozen=True)
class Seat:
    """One mailbox's place at Graph.

    Args:
        key: Signs the client state.
        now: When the attempt is made.
        fence: Asked before every write; raises what stops it.
        replacements: Says whose turn it is to be replaced.
        replaced: Is told the seconds in which there was no subscription, because it had to be replaced.
    """

    api: GraphSubscriptions
    throttle: Throttle
    addin: AddinView
    mailbox: Mailbox
    key: bytes
    now: datetime
    clock: Clock
    fence: Callable[[], None]
    replacements: Replacements
    replaced: Callable[[float], None]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    @property
    def notification_url(self) -> str:
        """Where notifications are to go."""
        return self.addin.config.notification_url(self.addin.installation)

    @property
    def expiration(self) -> datetime:
        """What is asked for; what is granted may differ."""
        return requested_expiration(self.now, self.addin.config.sync_server_subscription_expiration)

    async def create(self) -> Subscription:
        """Make the subscription; one of ours that exists already is taken over.

        Raises:
            ClaimedElsewhereError: The one that exists belongs to another installation.
            ClientError: As Graph answers.
        """
        await self._permit()
        return await self._create()

    async def renew(self, subscription_id: str) -> Subscription:
        """Renew the subscription; one that is gone is made anew. Raises as ``create`` or LostError."""
        await self._permit()
        try:
            return await self.api.renew(subscription_id, self.expiration)
        except NotFound:
            return await self._recreate()

    async def check(self, subscription_id: str) -> Subscription:
        """Read the subscription; one that is gone is made anew. Raises as ``renew``."""
        try:
            return await self.api.get(subscription_id)
        except NotFound:
            return await self._recreate()

    async def move(self, subscription_id: str) -> Subscription:
        """Send notifications to where the add-in is now. Raises as ``renew``.

        The notification URL is changed first: if Graph cannot reach the new one, all stays as it was. The
        lifecycle URL moves with it but cannot be changed, so the subscription is then replaced at once.
        """
        try:
            with self.replacements.turn():
                await self._permit()
                await self.api.set_notification_url(subscription_id, self.notification_url)
                return await self._exchange(subscription_id)
        except NotFound:
            return await self._recreate()

    async def replace(self, subscription_id: str) -> Subscription:
        """Make the subscription anew at once, for what Graph cannot change. Raises as ``renew``.

        Nothing is deleted while Graph does not even let us read.
        """
        try:
            with self.replacements.turn():
                await self.api.get(subscription_id)
                return await self._exchange(subscription_id)
        except NotFound:
            return await self._recreate()

    async def _exchange(self, subscription_id: str) -> Subscription:
        """Delete and make anew, the only gap on purpose: for as long as Graph takes to answer twice.

        Both requests get their place before the first one is sent.
        """
        await self.throttle.acquire()
        await self._permit()
        await self.api.delete(subscription_id)
        began = self.clock.monotonic()
        made = await self._promptly(began)
        self.replaced(self.clock.monotonic() - began)
        return made

    async def _promptly(self, began: float) -> Subscription:
        """Try for a minute what may pass: every second without a subscription counts."""
        attempt = self._create
        for pause in PROMPT:
            try:
                return await attempt()
            except (ClientError, ClaimedElsewhereError) as error:
                wait = max(pause, _wait(error))
                if not _may_pass(error) or self.clock.monotonic() + wait - began > LONGEST_PROMPT:
                    self.replacements.failed()
                    raise LostError from error
            await self.sleep(wait)
            attempt = self.create
        return await self._recreate()

    async def delete(self, subscription_id: str) -> None:
        """Remove the subscription."""
        await self._permit()
        await self.api.delete(subscription_id)

    async def orphan(self, subscription_id: str, notification_url: str) -> None:
        """Mark the subscription as left behind on purpose, where every later operator sees it: at itself."""
        await self._permit()
        with suppress(NotFound):
            await self.api.set_notification_url(subscription_id, orphaned_url(notification_url))

    async def _permit(self) -> None:
        """Wait for our turn; whoever lost the Lease meanwhile writes nothing."""
        await self.throttle.acquire()
        self.fence()

    async def _create(self) -> Subscription:
        try:
            made = await self.api.create(
                self.mailbox,
                notification_url=self.notification_url,
                lifecycle_url=self.addin.config.lifecycle_url(self.addin.installation),
                client_state=client_state.issue(self.key, self.mailbox),
                expiration=self.expiration,
            )
        except Conflict as error:
            return await self._adopt(error.existing_id)
        self.replacements.made()
        return made

    async def _recreate(self) -> Subscription:
        try:
            return await self.create()
        except (ClientError, ClaimedElsewhereError) as error:
            raise LostError from error

    async def _adopt(self, subscription_id: str | None) -> Subscription:
        existing = None if subscription_id is None else await self._named(subscription_id)
        if existing is None or not self._is_of_mailbox(existing):
            existing = await self._search()
        if existing is None or not is_ours(existing, self.addin.installation):
            raise ClaimedElsewhereError
        if not existing.notifies(self.notification_url):
            return await self.move(existing.id)
        return await self.renew(existing.id)

    async def _named(self, subscription_id: str) -> Subscription:
        """Read what Graph says is in the way; that it is gone meanwhile says nothing about the mailbox."""
        try:
            return await self.api.get(subscription_id)
        except NotFound as error:
            raise ServerError("what is said to exist is not there", operation=error.operation) from error

    async def _search(self) -> Subscription | None:
        """Find ours by its resource, if Graph did not say what is in the way."""
        async for found in self.api.list():
            if self._is_of_mailbox(found) and is_ours(found, self.addin.installation):
                return found
        return None

    def _is_of_mailbox(self, found: Subscription) -> bool:
        return user_of(found) == self.mailbox.user_id


def _may_pass(error: ClientError | ClaimedElsewhereError) -> bool:
    """Tell whether the next attempt may succeed; it goes with another token if this one was refused."""
    passing = Unreachable | ServerError | Throttled | Unauthorized
    return isinstance(error, passing) or is_handshake(error)


def _wait(error: ClientError | ClaimedElsewhereError) -> float:
    """Return the seconds that Graph asks to wait."""
    asked = error.retry_after if isinstance(error, ClientError) else None
    return asked.total_seconds() if asked else 0.0


def is_ours(found: Subscription, installation: str) -> bool:
    """Tell whether a Graph subscription was made by this installation."""
    return _parameter(found, "installation") == installation


def user_of(found: Subscription) -> str | None:
    """Return whose events a Graph subscription announces; None for anything but all events of a user."""
    match found.resource.strip("/").lower().split("/"):
        case ["users", user, "events"]:
            return user
        case _:
            return None


def is_orphaned(found: Subscription) -> bool:
    """Tell whether a Graph subscription was left behind on purpose."""
    return _parameter(found, _ORPHANED) is not None


def orphaned_url(notification_url: str) -> str:
    """Return the notification URL that says so."""
    suffix = f"&{_ORPHANED}=true"
    return notification_url.removesuffix(suffix) + suffix


def _parameter(found: Subscription, name: str) -> str | None:
    try:
        values = parse_qs(urlsplit(found.notification_url).query).get(name)
    except ValueError:
        return None  # not a URL of ours
    return values[0] if values else None
