"""`/v1.0/subscriptions`."""

from datetime import timedelta
from typing import Any

import aiohttp
from aiohttp import web

from outlook_addin_sandbox.graph.access import Caller, check_fresh, find
from outlook_addin_sandbox.graph.errors import bad_request, extension_error
from outlook_addin_sandbox.graph.faults import GraphFaults
from outlook_addin_sandbox.graph.handshake import validate
from outlook_addin_sandbox.graph.mailbox import Mailbox, MailboxState
from outlook_addin_sandbox.graph.odata import preferences
from outlook_addin_sandbox.graph.subscriptions import (
    Subscription,
    SubscriptionStore,
    check_body,
    check_url,
    from_request,
    parse_resource,
)
from outlook_addin_sandbox.serving import Clock, read_json

UPDATABLE = frozenset({"expirationDateTime", "notificationUrl"})


class SubscriptionApi:
    """Makes, renews, lists and deletes subscriptions.

    Args:
        store: live subscriptions.
        mailboxes: mailboxes by user id.
        faults: limits and switches.
        origin: scheme, host and port of this service, for links.
        now: the clock.
    """

    def __init__(
        self,
        store: SubscriptionStore,
        mailboxes: dict[str, Mailbox],
        faults: GraphFaults,
        origin: str,
        now: Clock,
    ) -> None:
        self._store = store
        self._mailboxes = mailboxes
        self._faults = faults
        self._origin = origin
        self._now = now
        self.session: aiohttp.ClientSession | None = None
        """For validation requests; set when the simulator starts."""

    async def create(self, request: web.Request, caller: Caller) -> web.Response:
        """POST: both URLs are validated before the answer, so the caller must be able to serve meanwhile."""
        body = await _body(request)
        check_body(body, allow_http_localhost=self._faults.allow_http_localhost)
        expiration = self._store.grant(body["expirationDateTime"])
        mailbox = self._mailbox(caller, body["resource"])
        immutable = preferences(request).immutable_ids
        new = from_request(body, caller, mailbox.user_id, expiration, immutable_ids=immutable)
        self._store.check_unique(new)
        self._store.check_quota(new)
        await self._validate(new)
        self._store.check_unique(new)
        self._store.add(new)
        return web.json_response(self._entity(new), status=201)

    async def read(self, request: web.Request, caller: Caller) -> web.Response:
        """GET by id."""
        return web.json_response(self._entity(self._find(request, caller)))

    async def renew(self, request: web.Request, caller: Caller) -> web.Response:
        """PATCH of the expiration or the notification URL."""
        subscription, body = self._find(request, caller), await _body(request)
        if not body or not body.keys() <= UPDATABLE:
            raise bad_request("Only expirationDateTime and notificationUrl can be updated.")
        url = body.get("notificationUrl", subscription.notification_url)
        expiration = self._store.grant(body["expirationDateTime"]) if "expirationDateTime" in body else None
        if url != subscription.notification_url or self._faults.validate_on_renewal:
            check_url(url, allow_http_localhost=self._faults.allow_http_localhost)
            await self._handshake(url)
        subscription.notification_url = url
        if expiration is not None:
            subscription.expiration = expiration
            subscription.history.append(expiration)
        subscription.renewed = self._now()
        self._guard(subscription)
        return web.json_response(self._entity(subscription))

    async def reauthorize(self, request: web.Request, caller: Caller) -> web.Response:
        """POST: refreshes the permission; the expiration stays."""
        subscription = self._find(request, caller)
        if self._faults.validate_on_renewal:
            await self._handshake(subscription.notification_url)
        subscription.reauthorized = self._now()
        self._guard(subscription)
        return web.Response(status=204)

    async def delete(self, request: web.Request, caller: Caller) -> web.Response:
        """DELETE."""
        self._store.remove(self._find(request, caller).id)
        return web.Response(status=204)

    async def list_own(self, request: web.Request, caller: Caller) -> web.Response:
        """GET: what this application made in this tenant, page by page, without client states."""
        start = int(request.query.get("$skiptoken", "0"))
        found = [] if self._faults.list_is_empty else self._store.owned(caller)
        end = start + max(self._faults.page_size, 1)
        page: dict[str, Any] = {
            "@odata.context": f"{self._origin}/v1.0/$metadata#subscriptions",
            "value": [each.as_json(hide_client_state=True) for each in found[start:end]],
        }
        if end < len(found):
            page["@odata.nextLink"] = f"{self._origin}/v1.0/subscriptions?$skiptoken={end}"
        return web.json_response(page)

    def _mailbox(self, caller: Caller, resource: str) -> Mailbox:
        user_id, calendar_id = parse_resource(resource)
        check_fresh(self._faults)
        mailbox = find(caller, self._mailboxes, user_id)
        if mailbox is None:
            raise extension_error(404, "Create", "NotFound", f"The requested user '{user_id}' is invalid.")
        if not caller.can_read or mailbox.state is MailboxState.DENIED:
            raise extension_error(
                403, "Create", "Forbidden", "Access is denied. Check credentials and try again."
            )
        if mailbox.state is MailboxState.NOT_ENABLED:
            raise extension_error(
                404, "Create", "NotFound", "REST API is not yet supported for this mailbox."
            )
        if calendar_id is not None and calendar_id not in mailbox.calendars:
            raise extension_error(
                404, "Create", "NotFound", "The specified object was not found in the store."
            )
        return mailbox

    async def _validate(self, new: Subscription) -> None:
        urls = [each for each in (new.notification_url, new.lifecycle_url) if each is not None]
        if not self._faults.validate_same_url_twice:
            urls = list(dict.fromkeys(urls))
        for url in reversed(urls) if self._faults.validate_lifecycle_first else urls:
            await self._handshake(url)

    async def _handshake(self, url: str) -> None:
        if self.session is None:
            raise RuntimeError("not started")
        await validate(self.session, url, self._faults)

    def _guard(self, subscription: Subscription) -> None:
        renewed, reauthorized = subscription.renewed, subscription.reauthorized
        window = timedelta(seconds=self._faults.reauthorize_guard)
        if renewed and reauthorized and abs(renewed - reauthorized) < window:
            subscription.is_broken = True

    def _find(self, request: web.Request, caller: Caller) -> Subscription:
        return self._store.get_owned(caller, request.match_info["subscription"])

    def _entity(self, subscription: Subscription) -> dict[str, Any]:
        context = f"{self._origin}/v1.0/$metadata#subscriptions/$entity"
        hidden = not self._faults.shows_client_state
        return {"@odata.context": context, **subscription.as_json(hide_client_state=hidden)}


async def _body(request: web.Request) -> dict[str, Any]:
    body = await read_json(request)
    if body is None:
        raise bad_request("The body is not a JSON object.")
    return body
