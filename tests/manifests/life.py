"""Everything that the product does with the API server's objects, done once."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import aiohttp

from manifests.product import ADDIN, JSON, Product, condition, is_ready
from outlook_addin_core.domain.config import default_addin_id
from outlook_addin_core.domain.links import SourceId
from outlook_addin_core.domain.mailbox import Mailbox
from outlook_addin_sandbox.entra import FederatedCredential, Secret
from outlook_addin_sandbox.world import Agent

EXPOSURES: dict[str, tuple[str, JSON]] = {
    "ingress": ("ingresses.networking.k8s.io", {}),
    "httpRoute": ("httproutes.gateway.networking.k8s.io", {"parentRefs": [{"name": "gateway"}]}),
    "route": ("routes.route.openshift.io", {}),
}
PARTS: dict[str, tuple[str, JSON]] = {
    "autoscaling": ("horizontalpodautoscalers.autoscaling", {"maxReplicas": 2}),
    "disruptionBudget": ("poddisruptionbudgets.policy", {}),
    "networkPolicy": ("networkpolicies.networking.k8s.io", {}),
    "podMonitor": ("podmonitors.monitoring.coreos.com", {}),
}
TOMORROW = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1)


async def live(product: Product) -> None:
    """Install an add-in, and use all that it has."""
    await product.apply(*product.resources())
    await product.until("oaddin", ADDIN, is_ready)
    await with_every_part(product)
    await what_an_older_version_left(product)
    await agents_at_work(product)
    await new_credentials(product)


async def with_every_part(product: Product) -> None:
    """Ask for each way in, one after the other, and for all that surrounds the pods; and take it back."""
    await product.change(**{field: spec for field, (_, spec) in PARTS.items()})
    before: str | None = None
    for field, (kind, spec) in EXPOSURES.items():
        await product.change(**({before: None} if before else {}), **{field: spec})
        await product.until(kind, ADDIN)
        if before:
            await product.until_gone(EXPOSURES[before][0], ADDIN)
        before = field
    for kind, _ in PARTS.values():
        await product.until(kind, ADDIN)
    await product.change(**dict.fromkeys([*PARTS, *EXPOSURES]))
    for kind, _ in (*PARTS.values(), *EXPOSURES.values()):
        await product.until_gone(kind, ADDIN)
    await product.until("oaddin", ADDIN, is_ready)


async def what_an_older_version_left(product: Product) -> None:
    """Give the OutlookAddin children under other names, as after an upgrade; they go."""
    addin = await product.until("oaddin", ADDIN)
    deployment = await product.until("deployment", ADDIN)
    described = {key: deployment["metadata"][key] for key in ("labels", "ownerReferences")}
    left: dict[str, JSON] = {
        "ConfigMap": {"apiVersion": "v1"},
        "ServiceAccount": {"apiVersion": "v1"},
        "Service": {"apiVersion": "v1", "spec": {"ports": [{"port": 80}]}},
        "Deployment": {"apiVersion": "apps/v1", "spec": {**deployment["spec"], "replicas": 0}},
    }
    assert described["ownerReferences"][0]["uid"] == addin["metadata"]["uid"]
    await product.apply(
        *({"kind": kind, **body, "metadata": {"name": "older", **described}} for kind, body in left.items())
    )
    await product.annotate("oaddin", ADDIN, "look", "again")
    for kind in left:
        await product.until_gone(kind, "older")


async def agents_at_work(product: Product) -> None:
    """One agent schedules, one only looks; Graph asks for the renewal of a subscription."""
    anna, ben, *_ = product.world.agents
    used, idle = await product.use(anna), await product.use(ben)
    made = await product.until("csub", used, is_ready)
    await schedule(product, anna)
    await product.annotate("oaddin", ADDIN, "sync-requested", "first")
    await product.until("csub", used, lambda body: condition(body, "Synchronized") == "True")
    await product.until("csub", used, lambda body: note(body, "last-needed"))

    product.world.graph.send_lifecycle(made["status"]["subscriptionId"], "reauthorizationRequired")
    await product.until("csub", used, lambda body: body["status"].get("handledRenewRequest"))

    await product.until("csub", idle, is_ready)
    sync = {"idleSubscriptionRetention": "1s"}
    await product.change(syncServer=sync)
    await product.until_gone("csub", idle)


async def schedule(product: Product, agent: Agent) -> None:
    """Save an event with a conversation, as the pane does."""
    mailbox, link = Mailbox(agent.tenant_id, agent.user_id), uuid4()
    addin_id = default_addin_id(product.world.client_id)
    participant = {
        "$_type": "ConversationCreationParticipantData",
        "personId": agent.person_id,
        "participationType": "ASSIGNED_AGENT",
    }
    creation = {
        "$_type": "ConversationCreationData",
        "initialEngagementType": "SCHEDULED_CONVERSATION",
        "topic": "Portfolio review",
        "scheduledTimestamp": int(TOMORROW.timestamp() * 1000),
        "sourceId": str(SourceId(addin_id, mailbox, link)),
        "participants": [participant],
    }
    async with as_agent(product, agent) as session:
        url = f"{product.world.unblu.url}/app/rest/v4/conversations/create"
        async with session.post(url, json=creation) as answer:
            assert answer.status == 200, await answer.text()
    calendar = product.world.graph.mailbox(agent.user_id)
    event = calendar.create_event("Portfolio review", TOMORROW, TOMORROW + timedelta(hours=1))
    calendar.set_custom_properties(event.immutable_id, addin_id, json.dumps({"v": 1, "uuid": str(link)}))


@asynccontextmanager
async def as_agent(product: Product, agent: Agent) -> AsyncIterator[aiohttp.ClientSession]:
    headers = {"Authorization": f"Bearer {product.world.user_token(agent)}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield session


async def new_credentials(product: Product) -> None:
    """Exchange the client secret, and then do without one."""
    world = product.world
    app = world.entra.apps[world.client_id]
    app.secrets[:] = [Secret("another-secret")]
    before = await product.until("oaddin", ADDIN)
    secret = product.resources()[0]
    await product.apply({**secret, "stringData": {**secret["stringData"], "CLIENT_SECRET": "another-secret"}})
    await product.annotate("oaddin", ADDIN, "look", "at the secret")
    await product.until(
        "oaddin", ADDIN, lambda body: body["status"]["configHash"] != before["status"]["configHash"]
    )
    await product.until("oaddin", ADDIN, is_ready)
    await is_renewed(product, "with the new secret")

    issuer = json.loads(await product.kubectl("get", "--raw", "/.well-known/openid-configuration"))["issuer"]
    keys = json.loads(await product.kubectl("get", "--raw", "/openid/v1/jwks"))
    app.federated.append(FederatedCredential(issuer, product.web, keys))
    app.secrets.clear()
    await product.change(credentials={"type": "WorkloadIdentity"})
    await product.until("oaddin", ADDIN, is_ready)
    await is_renewed(product, "without a secret")


async def is_renewed(product: Product, request: str) -> None:
    [name] = (await product.kubectl("get", "csub", "-o", "name")).split()
    await product.annotate("csub", name.rpartition("/")[2], "renew-requested", request)
    await product.until(
        "csub", name.rpartition("/")[2], lambda body: body["status"]["handledRenewRequest"] == request
    )


async def leave(product: Product) -> None:
    """Switch synchronisation off, and delete the OutlookAddin."""
    await product.change(syncServer={"enabled": False})
    await product.until_gone("rolebinding", ADDIN)
    await product.until("oaddin", ADDIN, is_ready)
    await product.kubectl("delete", "oaddin", ADDIN, "--timeout=60s")
    assert not await product.kubectl("get", "csub", "-o", "name")
    assert not product.world.graph.subscriptions


def note(body: JSON, key: str) -> Any:
    """Return one of our annotations."""
    return (body["metadata"].get("annotations") or {}).get(f"outlook-addin.dev/{key}")
