"""Brings one OutlookAddin to where its spec wants it: gather, plan, apply, status."""

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from outlook_addin_core.domain.clock import Clock
from outlook_addin_core.domain.config import ConfigError
from outlook_addin_core.domain.resources import ADDIN, FINALIZER
from outlook_addin_operator.addin import gather, status
from outlook_addin_operator.addin.acceptance import Acceptance
from outlook_addin_operator.addin.apply import apply
from outlook_addin_operator.addin.deletion import Deletion
from outlook_addin_operator.addin.expiry import Expiry
from outlook_addin_operator.addin.health import Health, assess, is_available
from outlook_addin_operator.addin.objects.webhook_key import LENGTH
from outlook_addin_operator.addin.plan import EXPOSURES, Observed, Plan, plan
from outlook_addin_operator.addin.spec import AddinView, view
from outlook_addin_operator.addin.ways_in import refusal
from outlook_addin_operator.agenda import Agenda
from outlook_addin_operator.cluster import Cluster
from outlook_addin_operator.credentials import CredentialsReader
from outlook_addin_operator.events import Recorder, transitions
from outlook_addin_operator.graph_access import GraphAccessCache
from outlook_addin_operator.inventory import Inventory, SubscriptionEntry
from outlook_addin_operator.keys import Key, Object, has_finalizer, is_deleting
from outlook_addin_operator.status import Condition, differs

RESYNC: Final = timedelta(minutes=10)
UNWATCHED: Final = timedelta(minutes=1)
"""How often Secrets, ConfigMaps and ways in are read again, which nobody tells us about."""

RETRY: Final = timedelta(seconds=15)


class AddinReconciler:
    """Reconciles OutlookAddins.

    Args:
        web_image: The web server's image for those that name none.
        graph: Asked when client secrets end; None asks nobody.
    """

    def __init__(  # noqa: PLR0913 - the collaborators, by name
        self,
        *,
        cluster: Cluster,
        credentials: CredentialsReader,
        inventory: Inventory,
        agenda: Agenda,
        recorder: Recorder,
        clock: Clock,
        web_image: str,
        graph: GraphAccessCache | None = None,
    ) -> None:
        self._cluster = cluster
        self._credentials = credentials
        self._inventory = inventory
        self._agenda = agenda
        self._recorder = recorder
        self._clock = clock
        self._web_image = web_image
        self._deletion = Deletion(cluster, agenda, recorder, clock)
        self._graph = graph
        self._expiry = Expiry(graph, clock)
        self._acceptance = Acceptance(graph, clock)
        self._ends: dict[Key, datetime] = {}
        self._seen: dict[Key, tuple[object, ...]] = {}
        self._new_keys: dict[Key, bytes] = {}

    async def reconcile(self, key: Key) -> datetime | None:
        """Look at one OutlookAddin; returns when to look again."""
        body = await self._cluster.get(ADDIN, key.namespace, key.name)
        if body is None:
            self._seen.pop(key, None)
            self._ends.pop(key, None)
            self._new_keys.pop(key, None)
            self._acceptance.forget(key)
            return None
        if is_deleting(body):
            again = await self._deletion.reconcile(body)
            if again is None and self._graph is not None:
                self._graph.forget(body["metadata"]["uid"])
            return again
        prepared = await self._prepare(body)
        if prepared is None:
            return None
        try:
            meaning = view(prepared)
        except ConfigError as error:
            ready = Condition("Ready", False, "InvalidSpec", f"spec: {error}.")
            await self._write(prepared, status.simple(prepared, ready, self._clock.now(), stalled=True))
            return self._clock.now() + RESYNC
        return await self._bring_about(key, prepared, meaning)

    def earliest_credential_expiration(self) -> datetime | None:
        """Return when the first of all known client secrets and certificates ends."""
        return min(self._ends.values(), default=None)

    async def _prepare(self, body: Object) -> Object | None:
        """Say that work has begun, and hold the object until its subscriptions are cleaned up."""
        if (body.get("status") or {}).get("observedGeneration", -1) < 0:
            first = status.first_sight(body, self._clock.now())
            await self._write(body, first)
            body = {**body, "status": first}
        if has_finalizer(body):
            return body
        fresh = await self._cluster.get(ADDIN, body["metadata"]["namespace"], body["metadata"]["name"])
        if fresh is None or is_deleting(fresh):
            return None
        return await self._cluster.set_finalizers(
            fresh, [*fresh["metadata"].get("finalizers", ()), FINALIZER]
        )

    async def _bring_about(self, key: Key, body: Object, meaning: AddinView) -> datetime:
        observed = await gather.gather(self._cluster, self._credentials, body, meaning)
        observed = replace(
            observed,
            expires=await self._expires(key, observed),
            verdict=await self._acceptance.of(meaning, observed.credentials),
        )
        todo = plan(observed, image=self._web_image, new_key=self._new_key(key, observed))
        applied = await apply(self._cluster, todo, observed.children)
        deployment = applied.objects.get("Deployment") or observed.children.get("Deployment")
        if todo.conflicts or todo.leaving:
            deployment = None
        outcome = status.Outcome(
            deployment=deployment,
            health=await self._health(meaning, deployment),
            errors=applied.errors,
            immutable=applied.immutable,
            sharing=self._inventory.sharing(key, meaning.config.client_id),
            counts=self._inventory.counts(key),
            refusal=refusal(applied.objects),
        )
        await self._write(body, status.compose(observed, todo, outcome, self._clock.now()))
        self._wake_subscriptions(key, observed, available=is_available(deployment))
        return self._clock.now() + _pause(observed, todo, applied.errors)

    def _new_key(self, key: Key, observed: Observed) -> bytes:
        """Return what becomes the webhook key; the same until it is there, so that pods are rolled once."""
        if observed.credentials.webhook_key is not None:
            self._new_keys.pop(key, None)
            return observed.credentials.webhook_key
        return self._new_keys.setdefault(key, os.urandom(LENGTH))

    async def _expires(self, key: Key, observed: Observed) -> datetime | None:
        expires = await self._expiry.of(observed.view, observed.credentials)
        if expires is None:
            self._ends.pop(key, None)
        else:
            self._ends[key] = expires
        return expires

    async def _health(self, meaning: AddinView, deployment: Object | None) -> Health | None:
        if deployment is None:
            return None
        first = assess(deployment, ())
        if first.available and not first.stuck:
            return first
        return assess(deployment, await gather.pods(self._cluster, meaning.owner))

    async def _write(self, body: Object, desired: Mapping[str, Any]) -> None:
        live = body.get("status") or {}
        if differs(live, desired):
            await self._cluster.apply_status(body, desired)
            await self._recorder.record(
                body, transitions(live.get("conditions") or (), desired["conditions"])
            )

    def _wake_subscriptions(self, key: Key, observed: Observed, *, available: bool) -> None:
        """Have those looked at that are not where this OutlookAddin wants them.

        Who is subscribed and in place sleeps on. Who waits for something is woken when it has changed.
        """
        meaning = observed.view
        state = (
            observed.body["metadata"]["generation"],
            available,
            observed.credentials.fingerprint,
            observed.credentials.problem,
        )
        before, self._seen[key] = self._seen.get(key), state
        changed = before != state
        target = meaning.config.notification_url(meaning.installation)

        def concerned(entry: SubscriptionEntry) -> bool:
            allowed = meaning.sync_enabled and entry.mailbox[0].lower() in meaning.config.tenant_ids
            misplaced = bool(entry.notification_url) and (not allowed or entry.notification_url != target)
            return misplaced or (changed and entry.failing)

        self._agenda.wake_subscriptions(key, concerned, retry=changed and before is not None)
        relieved = observed.verdict.relieved
        self._agenda.wake_subscriptions(
            key, lambda entry: entry.refused and entry.mailbox[0].lower() in relieved, retry=True
        )


def _pause(observed: Observed, todo: Plan, errors: list[str]) -> timedelta:
    if todo.conflicts or todo.leaving or errors:
        return RETRY
    view = observed.view
    unwatched = (
        view.sync_enabled,
        view.ca_bundle_ref,
        view.invitation_text_ref,
        todo.unavailable,
        todo.missing,
        any(view.spec.get(field) is not None for field in EXPOSURES.values()),
    )
    return UNWATCHED if any(unwatched) else RESYNC
