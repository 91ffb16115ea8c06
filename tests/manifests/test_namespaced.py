"""The installation for its own namespace works there, and nowhere else."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from manifests import rights
from manifests.product import ADDIN, JSON, OPERATOR, SYSTEM, Product, condition, installed, is_ready

ELSEWHERE = "elsewhere"

pytestmark = [pytest.mark.control_plane, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]


def subscription(product: Product, agent: int) -> JSON:
    person = product.world.agents[agent]
    return {
        "apiVersion": "outlook-addin.dev/v1alpha1",
        "kind": "CalendarSubscription",
        "metadata": {"name": "by-hand"},
        "spec": {"addinRef": {"name": ADDIN}, "tenantId": person.tenant_id, "userId": person.user_id},
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    """In use in its own namespace, with the same resources in another one, which were there first."""
    async with installed(tmp_path_factory.mktemp("namespaced"), SYSTEM, "namespaced") as product:
        await product.kubectl("create", "namespace", ELSEWHERE)
        for namespace in (ELSEWHERE, SYSTEM):
            await product.apply(*product.resources(), subscription(product, 1), namespace=namespace)
        await product.until("oaddin", ADDIN, is_ready)
        yield product


async def test_what_is_in_its_namespace_becomes_ready(product: Product) -> None:
    made = await product.use(product.world.agents[0])
    for name in (made, "by-hand"):
        await product.until("csub", name, is_ready)
    await product.until("csub", made, lambda body: condition(body, "Synchronized") == "True")
    users = {each.user_id for each in product.world.graph.subscriptions.values()}
    assert users == {agent.user_id for agent in product.world.agents[:2]}


async def test_what_is_elsewhere_is_left_alone(product: Product) -> None:
    for kind, name in (("oaddin", ADDIN), ("csub", "by-hand")):
        body = await product.get(kind, name, namespace=ELSEWHERE)
        assert body is not None
        assert "finalizers" not in body["metadata"]
        assert condition(body, "Ready") is None
    assert not await product.kubectl("get", "deployments", "-n", ELSEWHERE, "-o", "name")


async def test_the_operator_asks_for_nothing_outside_its_namespace(product: Product) -> None:
    assert product.audit.refusals(OPERATOR) == []
    assert product.audit.refusals(product.web) == []
    for user in (OPERATOR, product.web):
        uses = product.audit.uses(user)
        assert uses
        assert {use.namespace for use in uses} == {SYSTEM}


async def test_the_operator_holds_nothing_outside_its_namespace(product: Product) -> None:
    def told(user: str, namespace: str) -> set[rights.Right]:
        return rights.told(product.plane.kubectl, user, namespace)

    nobody = await asyncio.to_thread(told, "system:serviceaccount:default:default", SYSTEM)
    assert await asyncio.to_thread(told, OPERATOR, ELSEWHERE) == nobody
    here = rights.bound(product.installed, "outlook-addin-operator")
    assert await asyncio.to_thread(told, OPERATOR, SYSTEM) - nobody == here
    assert rights.bound(product.installed, "outlook-addin-operator", everywhere=True) == set()


async def test_deleting_the_add_in_leaves_nothing(product: Product) -> None:
    await product.kubectl("delete", "csub", "by-hand", "--timeout=60s")
    await product.kubectl("delete", "oaddin", ADDIN, "--timeout=60s")
    assert not product.world.graph.subscriptions
    await product.until_gone("deployment", ADDIN)
