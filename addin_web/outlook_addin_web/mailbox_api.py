"""``PUT|GET api/mailbox``: the pane asks that the caller's own calendar be followed, and whether it is.

There is no body: tenant and mailbox come from the verified token alone, so nobody can subscribe anybody else.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, Final

from aiohttp import web

from outlook_addin_core.clients.errors import ClientError, Denied, Unauthorized
from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_web.metrics import Metrics
from outlook_addin_web.ports import StoreUnavailable, Subscriptions, SubscriptionState
from outlook_addin_web.user_tokens import Caller, TokenRefused

log = logging.getLogger(__name__)

PER_MINUTE: Final = 30
"""The pane asks once when it opens and once when it has scheduled; this leaves room for impatience."""
REMEMBERED: Final = 10_000


class Refused(Exception):  # noqa: N818 - says what happened
    """The request is answered with an error.

    Args:
        code: For programs.
        message: For people; names nobody.
    """

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class MailboxApi:
    """The handlers.

    Args:
        verify: Returns whose token it is; raises TokenRefused or ClientError.
        known_to_unblu: Asks the Auth Gateway who the token's owner is; raises ClientError if it is nobody.
        limit: How many subscriptions the add-in may have.
    """

    def __init__(  # noqa: PLR0913 - the parts, each by its name
        self,
        *,
        verify: Callable[[str], Awaitable[Caller]],
        known_to_unblu: Callable[[str], Awaitable[None]],
        subscriptions: Subscriptions,
        limit: int,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._verify = verify
        self._known_to_unblu = known_to_unblu
        self._subscriptions = subscriptions
        self._limit = limit
        self._rate = RateLimit(PER_MINUTE, clock)
        self._metrics = metrics

    async def get(self, request: web.Request) -> web.Response:
        """Answer whether the caller's calendar is followed."""
        return await self._answer(request, create=False)

    async def put(self, request: web.Request) -> web.Response:
        """See to it that the caller's calendar is followed, and answer like GET."""
        return await self._answer(request, create=True)

    async def _answer(self, request: web.Request, *, create: bool) -> web.Response:
        try:
            state = await self._state(request, create=create)
        except Refused as refusal:
            self._metrics.mailbox_requests.labels(refusal.code).inc()
            return _error(refusal)
        self._metrics.mailbox_requests.labels("answered").inc()
        return web.json_response({"sync": "on", "subscription": state and _json(state)})

    async def _state(self, request: web.Request, *, create: bool) -> SubscriptionState | None:
        token = _bearer(request)
        try:
            caller = await self._caller(token)
            state = await self._subscriptions.get(caller.mailbox)
            if state is None and create:
                await self._create(caller, token)
                state = await self._subscriptions.get(caller.mailbox)
        except StoreUnavailable as error:
            log.warning("%s", error)
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE, "Unavailable", "The subscription cannot be read or made now."
            ) from error
        return state

    async def _caller(self, token: str) -> Caller:
        try:
            caller = await self._verify(token)
        except TokenRefused as error:
            raise Refused(HTTPStatus.UNAUTHORIZED, "TokenRefused", str(error)) from error
        except ClientError as error:
            log.warning("tokens cannot be verified: %s", error)
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE, "Unavailable", "The token cannot be verified now."
            ) from error
        if not self._rate.allows(caller.mailbox):
            raise Refused(HTTPStatus.TOO_MANY_REQUESTS, "TooManyRequests", "Try again in a minute.")
        return caller

    async def _create(self, caller: Caller, token: str) -> None:
        """Only agents whom Unblu knows get a subscription; anybody in the tenant could send a token."""
        try:
            await self._known_to_unblu(token)
        except (Denied, Unauthorized) as error:
            raise Refused(
                HTTPStatus.FORBIDDEN, "UnknownToUnblu", "The Auth Gateway does not accept this person."
            ) from error
        except ClientError as error:
            log.warning("the Auth Gateway cannot be asked: %s", error)
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE, "Unavailable", "The Auth Gateway cannot be asked now."
            ) from error
        if await self._subscriptions.count() >= self._limit:
            log.error(
                "syncServerMaxSubscriptions (%d) is reached; raise it or delete subscriptions", self._limit
            )
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE, "TooManySubscriptions", "No more mailboxes can be followed."
            )
        await self._subscriptions.create(caller.mailbox, caller.address)
        log.info("a subscription was made", extra={"mailbox": caller.mailbox.log_id})


class RateLimit:
    """So many requests a minute for each mailbox, in this pod; forgets everything when there are too many."""

    def __init__(self, per_minute: int, clock: Clock) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._minute = 0
        self._counts: dict[Mailbox, int] = {}

    def allows(self, mailbox: Mailbox) -> bool:
        """Count one request and tell whether it is within the limit."""
        minute = int(self._clock.monotonic() // 60)
        if minute != self._minute or len(self._counts) >= REMEMBERED:
            self._minute = minute
            self._counts.clear()
        self._counts[mailbox] = self._counts.get(mailbox, 0) + 1
        return self._counts[mailbox] <= self._per_minute


def _bearer(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refused(HTTPStatus.UNAUTHORIZED, "TokenMissing", "Send the access token as a bearer token.")
    return token.strip()


def _json(state: SubscriptionState) -> dict[str, Any]:
    document = asdict(state)
    document["expirationTime"] = document.pop("expiration_time")
    return document


def _error(refusal: Refused) -> web.Response:
    headers = {"WWW-Authenticate": "Bearer"} if refusal.status is HTTPStatus.UNAUTHORIZED else {}
    body = {"error": {"code": refusal.code, "message": str(refusal)}}
    return web.json_response(body, status=refusal.status, headers=headers)
