"""A whole life of the product with the shipped rights: none was missing, and each was needed."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from manifests import rights
from manifests.life import leave, live
from manifests.minimal_kinds import FOREIGN
from manifests.product import OPERATOR, SYSTEM, Product, installed
from manifests.rights import Right

NAMESPACE = "bank"
CHECKED_ELSEWHERE = {
    # asked for while something else is written, and so in no log; test_rights.py shows that each is needed
    Right("bind", "rbac.authorization.k8s.io", "clusterroles", "outlook-addin-web"),
    Right("update", "outlook-addin.dev", "outlookaddins/finalizers"),
    # asked for by OpenShift's own API server, which is not here
    Right("create", "route.openshift.io", "routes/custom-host"),
    Right("update", "route.openshift.io", "routes/custom-host"),
}

pytestmark = [pytest.mark.control_plane, pytest.mark.timeout(400), pytest.mark.asyncio(loop_scope="module")]


def a_day_is_a_second(body: dict[str, Any]) -> dict[str, Any]:
    """Let the OutlookAddin be told a shorter retention of idle mailboxes than the schema allows."""
    text = json.dumps(body).replace("duration('24h')", "duration('1s')")
    changed: dict[str, Any] = json.loads(text) if body["kind"] == "CustomResourceDefinition" else body
    return changed


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def product(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Product]:
    """The installation with all rights that there are, after everything was done and undone."""
    folder, change = tmp_path_factory.mktemp("rights"), a_day_is_a_second
    async with installed(folder, NAMESPACE, "workload-identity", first=FOREIGN, change=change) as product:
        await live(product)
        # whoever switches synchronisation off takes the role from pods that are only just ending
        assert product.audit.refusals(product.web) == []
        await leave(product)
        yield product


async def test_nothing_was_refused(product: Product) -> None:
    assert product.audit.refusals(OPERATOR) == []


async def test_the_operator_used_every_right_that_it_holds_and_no_other(product: Product) -> None:
    held = {without_name(each) for each in rights.bound(product.installed, "outlook-addin-operator")}
    assert used(product, OPERATOR) == held - {without_name(each) for each in CHECKED_ELSEWHERE}


async def test_the_web_server_used_every_right_that_it_holds_and_no_other(product: Product) -> None:
    [role] = [each for each in product.installed if each["metadata"]["name"] == "outlook-addin-web"]
    assert used(product, product.web) == {without_name(each) for each in rights.of_rules(role["rules"])}


def used(product: Product, user: str) -> set[tuple[str, str, str]]:
    return {(use.verb, use.group, use.resource) for use in product.audit.uses(user)}


def without_name(right: Right) -> tuple[str, str, str]:
    return right.verb, right.group, right.resource


@pytest.mark.parametrize("namespace", [SYSTEM, NAMESPACE, "default"])
async def test_the_api_server_says_that_nothing_more_is_held(product: Product, namespace: str) -> None:
    nobody = rights.told(product.plane.kubectl, "system:serviceaccount:default:default", namespace)
    everywhere = None if namespace == SYSTEM else True
    expected = rights.bound(product.installed, "outlook-addin-operator", everywhere=everywhere)
    assert rights.told(product.plane.kubectl, OPERATOR, namespace) - nobody == expected
    assert rights.told(product.plane.kubectl, product.web, namespace) == nobody
