"""The whole operator in front of a real API server, Graph and Entra."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from operator_.conftest import Here
    from outlook_addin_sandbox.world import World

    Build = Callable[..., dict[str, Any]]
    Holds = Callable[[dict[str, Any]], bool]


def condition(body: dict[str, Any], kind: str) -> tuple[str, str] | None:
    for item in body.get("status", {}).get("conditions", ()):
        if item["type"] == kind:
            return item["status"], item["reason"]
    return None


def says(kind: str, status: str, reason: str) -> Holds:
    return lambda body: condition(body, kind) == (status, reason)


AVAILABLE = says("Ready", "True", "Available")
SUBSCRIBED = says("Ready", "True", "Subscribed")


async def set_up(here: Here, addin: dict[str, Any], credentials: list[dict[str, Any]]) -> dict[str, Any]:
    """Bring an OutlookAddin to where its web server is available."""
    await here.apply(*credentials, addin)
    await here.make_pods_ready()
    return await here.until("oaddin", addin["metadata"]["name"], AVAILABLE)


async def test_an_outlook_addin_becomes_a_running_web_server_and_says_so(
    here: Here, addin: Build, credentials: list[dict[str, Any]]
) -> None:
    body = await set_up(here, addin(), credentials)
    status = body["status"]
    assert status["manifestUrl"] == f"{body['spec']['deploymentUrl']}/addin/manifest.xml"
    assert status["readyReplicas"] == 1
    assert condition(body, "CredentialsValid") == ("True", "Accepted")
    assert condition(body, "Stalled") is None
    for kind in ("deployment", "service", "serviceaccount", "rolebinding"):
        child = await here.get(kind, "desk")
        assert child is not None
        assert child["metadata"]["ownerReferences"][0]["uid"] == body["metadata"]["uid"]
    assert await here.get("secret", "desk-webhook-key") is not None
    assert here.process.healthy()


async def test_what_probes_ask_for_is_in_no_log(here: Here) -> None:
    await here.until_healthy()
    log = here.process.log.read_text()
    assert "healthz" not in log
    assert "schedule" not in log


async def test_without_synchronisation_nothing_needs_a_secret_or_a_right(here: Here, addin: Build) -> None:
    await here.apply(addin(sync=False, proxy={}))
    await here.make_pods_ready()
    body = await here.until("oaddin", "desk", AVAILABLE)
    assert condition(body, "CredentialsValid") is None
    assert await here.get("secret", "desk-webhook-key") is None
    assert await here.get("rolebinding", "desk") is None


async def test_a_child_that_somebody_changes_or_deletes_is_repaired(
    here: Here, addin: Build, credentials: list[dict[str, Any]]
) -> None:
    await set_up(here, addin(), credentials)
    await here.kubectl("delete", "service", "desk")
    await here.until("service", "desk", lambda body: body["spec"]["ports"][0]["targetPort"] == "http")
    patch = json.dumps({"data": {"addin.json": "{}"}})
    await here.kubectl("patch", "configmap", "desk-config", "--type=merge", "-p", patch)
    await here.until("configmap", "desk-config", lambda body: "clientId" in body["data"]["addin.json"])


async def test_an_object_of_somebody_else_is_not_taken_over_until_it_is_handed_over(
    here: Here, addin: Build, credentials: list[dict[str, Any]]
) -> None:
    foreign = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "desk"}}
    foreign["spec"] = {"ports": [{"port": 80, "targetPort": 9999}], "selector": {"app": "other"}}
    await here.apply(foreign, *credentials, addin())
    body = await here.until("oaddin", "desk", says("NameConflict", "True", "NameTaken"))
    assert condition(body, "Stalled") == ("True", "NameConflict")
    service = await here.get("service", "desk")
    assert service is not None
    assert service["spec"]["selector"] == {"app": "other"}
    assert await here.get("deployment", "desk") is None
    await here.kubectl("annotate", "service", "desk", "outlook-addin.dev/adopt=true")
    await here.make_pods_ready()
    await here.until("oaddin", "desk", AVAILABLE)
    service = await here.get("service", "desk")
    assert service is not None
    assert service["metadata"]["ownerReferences"][0]["name"] == "desk"


async def test_a_missing_secret_is_named_with_its_remedy_and_is_found_when_it_comes(
    here: Here, addin: Build, credentials: list[dict[str, Any]]
) -> None:
    await here.apply(credentials[1], addin())
    body = await here.until("oaddin", "desk", says("CredentialsValid", "False", "SecretNotFound"))
    assert condition(body, "Ready") == ("False", "SecretNotFound")
    await here.apply(credentials[0])
    await here.kubectl("annotate", "oaddin", "desk", "look=again")
    await here.make_pods_ready()
    await here.until("oaddin", "desk", AVAILABLE)


async def test_a_gateway_route_without_the_gateway_api_is_explained(here: Here, addin: Build) -> None:
    await here.apply(addin(sync=False, proxy={}, httpRoute={"parentRefs": [{"name": "gate"}]}))
    body = await here.until("oaddin", "desk", says("ExposureUnavailable", "True", "KindNotServed"))
    assert condition(body, "Stalled") == ("True", "ExposureUnavailable")
    patch = json.dumps({"spec": {"httpRoute": None, "ingress": {"className": "nginx"}}})
    await here.kubectl("patch", "oaddin", "desk", "--type=merge", "-p", patch)
    ingress = await here.until("ingress", "desk", lambda body: bool(body["spec"]["rules"]))
    assert ingress["spec"]["rules"][0]["http"]["paths"][0]["path"] == "/addin"
    patch = json.dumps({"spec": {"ingress": None}})
    await here.kubectl("patch", "oaddin", "desk", "--type=merge", "-p", patch)
    await here.until_gone("ingress", "desk")


async def test_a_mailbox_is_subscribed_at_graph_and_unsubscribed_when_its_object_goes(
    here: Here, world: World, addin: Build, credentials: list[dict[str, Any]], subscription: Build
) -> None:
    parent = await set_up(here, addin(), credentials)
    await here.apply(subscription())
    body = await here.until("csub", "desk-0", SUBSCRIBED)
    [live] = world.graph.subscriptions.values()
    assert body["status"]["subscriptionId"] == live.id
    assert live.user_id == world.agents[0].user_id
    assert live.notification_url.endswith(f"?installation={parent['metadata']['uid']}")
    assert body["status"]["expirationTime"] == live.expiration.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert 'outlook_addin_renewals_total{outcome="success"}' in here.process.metrics()
    await here.kubectl("delete", "csub", "desk-0")
    assert not world.graph.subscriptions


async def test_a_subscription_waits_for_the_web_server(
    here: Here, addin: Build, credentials: list[dict[str, Any]], subscription: Build
) -> None:
    await here.apply(*credentials, addin(), subscription())
    await here.until("csub", "desk-0", says("Ready", "False", "WaitingForWebServer"))
    await here.make_pods_ready()
    await here.until("csub", "desk-0", SUBSCRIBED)


async def test_a_requested_renewal_renews_and_another_writers_condition_survives(
    here: Here, world: World, addin: Build, credentials: list[dict[str, Any]], subscription: Build
) -> None:
    await set_up(here, addin(), credentials)
    await here.apply(subscription())
    before = await here.until("csub", "desk-0", SUBSCRIBED)
    await foreign_condition(here, before)
    world.graph.subscriptions.remove(before["status"]["subscriptionId"])
    await here.kubectl("annotate", "csub", "desk-0", "outlook-addin.dev/renew-requested=t1")
    after = await here.until("csub", "desk-0", lambda body: body["status"].get("handledRenewRequest") == "t1")
    assert after["status"]["subscriptionId"] in world.graph.subscriptions
    assert after["status"]["subscriptionId"] != before["status"]["subscriptionId"]
    assert condition(after, "Synchronized") == ("True", "InSync")


async def test_kubectl_outlook_has_a_mailbox_renewed_and_waits_for_it(
    here: Here, world: World, addin: Build, credentials: list[dict[str, Any]], subscription: Build
) -> None:
    await set_up(here, addin(), credentials)
    await here.apply(subscription())
    before = await here.until("csub", "desk-0", SUBSCRIBED)
    world.graph.subscriptions.remove(before["status"]["subscriptionId"])
    assert (await here.outlook("renew", "desk-0", "--wait=30")).endswith("Done.\n")
    after = await here.until("csub", "desk-0", SUBSCRIBED)
    assert after["status"]["subscriptionId"] in world.graph.subscriptions
    listed = await here.outlook("subscriptions")
    assert listed.splitlines()[1].split()[:3] == ["desk-0", "True", "Subscribed"]


async def foreign_condition(here: Here, body: dict[str, Any]) -> None:
    """Write the condition of the web server, as the web server does."""
    item = {"type": "Synchronized", "status": "True", "reason": "InSync", "message": "All is well."}
    patch = {
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "metadata": {"name": body["metadata"]["name"]},
        "status": {"conditions": [{**item, "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
    }
    flags = ("--server-side", "--subresource=status", "--field-manager=outlook-addin-web", "-f", "-")
    await here.kubectl("apply", *flags, text=json.dumps(patch))


async def test_refused_credentials_are_explained_and_a_new_secret_is_used(
    here: Here, addin: Build, credentials: list[dict[str, Any]], subscription: Build
) -> None:
    wrong = {**credentials[0], "data": {**credentials[0]["data"], "CLIENT_SECRET": "d3Jvbmc="}}
    await set_up(here, addin(), [wrong, credentials[1]])
    await here.apply(subscription())
    body = await here.until("csub", "desk-0", says("CredentialsValid", "False", "CredentialsRefused"))
    assert condition(body, "Stalled") == ("True", "CredentialsRefused")
    told = [(item["reason"], item["regarding"]["name"]) for item in await here.list("events.events.k8s.io")]
    assert ("CredentialsRefused", "desk-0") in told
    await here.apply(credentials[0])
    await here.kubectl("annotate", "oaddin", "desk", "look=again")
    body = await here.until("csub", "desk-0", SUBSCRIBED)
    assert condition(body, "CredentialsValid") == ("True", "Accepted")
    assert condition(body, "Stalled") is None


async def test_switching_synchronisation_off_gives_up_the_graph_subscription(
    here: Here, world: World, addin: Build, credentials: list[dict[str, Any]], subscription: Build
) -> None:
    await set_up(here, addin(), credentials)
    await here.apply(subscription())
    await here.until("csub", "desk-0", SUBSCRIBED)
    patch = json.dumps({"spec": {"syncServer": {"enabled": False}}})
    await here.kubectl("patch", "oaddin", "desk", "--type=merge", "-p", patch)
    body = await here.until("csub", "desk-0", says("Stalled", "True", "SyncDisabled"))
    assert "subscriptionId" not in body["status"]
    assert not world.graph.subscriptions
    await here.until_gone("rolebinding", "desk")


async def test_of_two_objects_for_one_mailbox_the_older_is_served(
    here: Here, world: World, addin: Build, credentials: list[dict[str, Any]], subscription: Build
) -> None:
    await set_up(here, addin(), credentials)
    await here.apply(subscription(name="first"))
    await here.until("csub", "first", SUBSCRIBED)
    await here.apply(subscription(name="second"), subscription(1, "foreign", tenantId=world.other_tenant_id))
    await here.until("csub", "second", says("Stalled", "True", "Duplicate"))
    await here.until("csub", "foreign", says("Stalled", "True", "TenantNotAllowed"))
    await here.kubectl("delete", "csub", "first")
    await here.until("csub", "second", SUBSCRIBED)
    assert len(world.graph.subscriptions) == 1


async def test_deleting_an_outlook_addin_cleans_up_at_graph_and_keeps_what_came_from_git(
    here: Here, world: World, addin: Build, credentials: list[dict[str, Any]], subscription: Build
) -> None:
    await set_up(here, addin(), credentials)
    await here.apply(subscription(0, "web-made", web_made=True), subscription(1, "from-git"))
    await here.until("csub", "web-made", SUBSCRIBED)
    await here.until("csub", "from-git", SUBSCRIBED)
    await here.kubectl("delete", "oaddin", "desk")
    assert not world.graph.subscriptions
    assert await here.get("csub", "web-made") is None
    await here.until("csub", "from-git", says("Stalled", "True", "AddinNotFound"))
    await here.until_gone("deployment", "desk")


async def test_a_namespace_that_is_deleted_with_everything_in_it_is_not_held_up(
    here: Here, world: World, addin: Build, credentials: list[dict[str, Any]], subscription: Build
) -> None:
    await set_up(here, addin(), credentials)
    await here.apply(subscription(0, "web-made", web_made=True), subscription(1, "from-git"))
    await here.until("csub", "web-made", SUBSCRIBED)
    await here.until("csub", "from-git", SUBSCRIBED)
    await here.kubectl("delete", "namespace", here.namespace, "--wait=false")
    await here.until_gone("csub", "web-made")
    await here.until_gone("csub", "from-git")
    await here.until_gone("oaddin", "desk")
    assert not world.graph.subscriptions
