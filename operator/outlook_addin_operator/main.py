"""The operator's edge to Kopf, which watches and dispatches, and nothing more.

Only CalendarSubscriptions, of which there may be tens of thousands, are watched without it (``watching.py``).

Start it with ``kopf run --module outlook_addin_operator.main --standalone --all-namespaces``.

No handler does I/O: each takes in an event, and the workers do the rest (see ``runtime.py``). Timers, daemons
and handlers for changes are not used, because each costs memory or writes per object.
"""

import logging
import os
import sys
from typing import Any, Final

import kopf
from lightkube import AsyncClient
from lightkube.core.exceptions import ConfigError

from outlook_addin_core.clients import leases
from outlook_addin_core.clients.kubernetes import load
from outlook_addin_core.domain.clock import SystemClock
from outlook_addin_core.domain.resources import ADDIN, ADDINS, GROUP, LEASE, MANAGED_BY, SUBSCRIPTION, VERSION
from outlook_addin_operator.connection import connection_info
from outlook_addin_operator.keys import FIELD_MANAGER
from outlook_addin_operator.runtime import Runtime
from outlook_addin_operator.settings import Settings

CHILDREN: Final = (
    ("", "v1", "configmaps"),
    ("", "v1", "serviceaccounts"),
    ("", "v1", "services"),
    ("apps", "v1", "deployments"),
    ("rbac.authorization.k8s.io", "v1", "rolebindings"),
)
"""Children whose changes are seen at once; what happens to the others is repaired at the next resync."""

LEASES: Final = (leases.GROUP, leases.VERSION, leases.PLURAL)

TALKATIVE: Final = ("aiohttp.access", "httpx2", "kopf.activities.probe", "kopf.objects", "msal")
"""Loggers that tell of every event, every request and every look of the kubelet's probes."""

_UNUSED_FINALIZER: Final = "kopf.outlook-addin.dev/unused"
"""Kopf takes its finalizer off objects that need none; it must not be ours."""


@kopf.on.login()
def login(**_: Any) -> kopf.ConnectionInfo:
    """Say how the API server is reached; asked again when a token expires or is refused."""
    return connection_info(load(os.environ))


@kopf.on.startup()
async def configure(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:
    """Make Kopf a thin watcher that copes with 50,000 objects, and start the workers."""
    settings.peering.standalone = True
    settings.scanning.disabled = True
    settings.posting.enabled = False
    settings.watching.chunk_size = 500
    settings.queueing.worker_limit = 200
    settings.queueing.idle_timeout = 0.02
    settings.persistence.finalizer = _UNUSED_FINALIZER
    for child in CHILDREN:
        settings.watching.label_selectors[child] = f"{MANAGED_BY}={FIELD_MANAGER}"
    settings.watching.field_selectors[LEASES] = f"metadata.name={LEASE}"
    for talkative in TALKATIVE:
        logging.getLogger(talkative).setLevel(logging.WARNING)
    await _start(memo)


async def _start(memo: kopf.Memo) -> None:
    own = Settings.from_env(os.environ)
    runtime = Runtime(_cluster(), own, SystemClock())
    for kind in (ADDIN, SUBSCRIPTION):
        if not await runtime.cluster.served(kind, *own.namespaces[:1]):
            raise kopf.TemporaryError(f"the API server does not know {kind}; apply crds/ first", delay=5)
    if own.metrics_port:
        runtime.metrics.serve(own.listen_address, own.metrics_port)
    runtime.start()
    memo.runtime = runtime


def _cluster() -> AsyncClient:
    try:
        return load(os.environ)
    except ConfigError as error:
        # an error would be shown with its trace; there is nothing to trace in a missing file
        sys.exit(f"{error}; run in a pod, or name a kubeconfig with KUBECONFIG")


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: Any) -> None:
    """Stop the workers, and let go of the Lease."""
    if "runtime" in memo:
        await memo.runtime.stop()


@kopf.on.probe(id="schedule")
def schedule_probe(memo: kopf.Memo, **_: Any) -> dict[str, float]:
    """Answer the liveness probe: the event loop runs, the workers do, and the watch shows what happens."""
    return dict(memo.runtime.health())


@kopf.on.event(GROUP, VERSION, ADDINS)
async def on_addin(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    """Take in an event of an OutlookAddin."""
    _note_list(event, memo)
    memo.runtime.agenda.addin(event["type"] == "DELETED", event["object"])


async def on_lease(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    """Take in an event of the Lease that decides which operator works."""
    memo.runtime.lease(event["object"])


async def on_child(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    """Take in an event of an object that the operator made."""
    memo.runtime.agenda.child(event["object"])


for _child in CHILDREN:
    kopf.on.event(*_child)(on_child)
if Settings.from_env(os.environ).sees_lease:
    kopf.on.event(*LEASES)(on_lease)


def _note_list(event: kopf.RawEvent, memo: kopf.Memo) -> None:
    if event["type"] is None:
        memo.runtime.listed()
