"""What an OutlookAddin says about credentials that Entra refuses, in one tenant or in all."""

from typing import Any

import pytest

from operator_.mill import ADDIN, BEN, KEY, Mill, add_ben, settings
from outlook_addin_operator.keys import Key
from outlook_addin_sandbox.serving import Fault

ACCEPTED, REFUSED = ("True", "Accepted"), ("False", "CredentialsRefused")


def said(mill: Mill) -> str:
    conditions = mill.cluster.objects[ADDIN]["status"]["conditions"]
    [message] = [item["message"] for item in conditions if item["type"] == "CredentialsValid"]
    return str(message)


def version(mill: Mill) -> str:
    return str(mill.cluster.objects[ADDIN]["metadata"]["resourceVersion"])


def secret(mill: Mill) -> dict[str, Any]:
    data: dict[str, Any] = mill.cluster.objects[Key("Secret", "bank", "outlook-addin-secrets")]["data"]
    return data


def shut_out(mill: Mill) -> None:
    """List a second tenant, in which nobody has consented; Ben is from there."""
    settings(mill)["tenantIds"] = [mill.world.tenant_id, mill.world.other_tenant_id]
    mill.world.entra.apps[mill.world.client_id].tenants.pop(mill.world.other_tenant_id, None)
    add_ben(mill)["spec"]["tenantId"] = mill.world.other_tenant_id


async def test_a_wrong_secret_is_told_before_any_mailbox_is_subscribed(mill: Mill) -> None:
    right = secret(mill)["CLIENT_SECRET"]
    secret(mill)["CLIENT_SECRET"] = "d3Jvbmc="
    states = await mill.run_addin()
    assert states["CredentialsValid"] == REFUSED
    tenant = mill.world.tenant_id
    assert said(mill) == (
        f"Microsoft Entra refuses the credentials in tenant {tenant}: the client secret is wrong; "
        "put the secret's value, not its id, into the Secret. (Code AADSTS7000215.)"
    )
    assert mill.cluster.events == ["Available", "CredentialsRefused"]
    assert "d3Jvbmc=" not in str(mill.cluster.objects[ADDIN]["status"])
    before = version(mill)
    for _ in range(3):
        mill.clock.turn(minutes=1)
        await mill.run_addin()
    assert version(mill) == before
    secret(mill)["CLIENT_SECRET"] = right
    assert (await mill.run_addin())["CredentialsValid"] == ACCEPTED


async def test_of_two_tenants_the_one_that_refuses_is_named_and_the_other_is_not(mill: Mill) -> None:
    shut_out(mill)
    assert (await mill.run_addin())["CredentialsValid"] == REFUSED
    assert f"in tenant {mill.world.other_tenant_id}: the app is not known in this tenant" in said(mill)
    assert "AADSTS700016" in said(mill)
    assert mill.world.tenant_id not in said(mill)


async def test_an_administrator_who_consents_ends_the_pauses_of_the_tenant(mill: Mill) -> None:
    shut_out(mill)
    await mill.run()
    await mill.run(BEN)
    await mill.run_addin()
    ben = mill.cluster.objects[BEN]
    assert ben["status"]["failedRenewals"] == 1
    app = mill.world.entra.apps[mill.world.client_id]
    app.tenants[mill.world.other_tenant_id] = app.tenants[mill.world.tenant_id]
    again = mill.restarted()  # msal, too, remembers refusals for a minute
    for key in (KEY, BEN):
        again.inventory.put_subscription(again.cluster.objects[key], key.kind)
    assert (await again.run_addin())["CredentialsValid"] == ACCEPTED
    assert BEN in again.woken
    assert KEY not in again.woken
    await again.run(BEN)
    conditions = again.cluster.objects[BEN]["status"]["conditions"]
    assert [item["status"] for item in conditions if item["type"] == "CredentialsValid"] == ["True"]


@pytest.mark.parametrize("consent", [True, False])
async def test_while_entra_cannot_be_asked_its_last_word_counts_also_after_a_restart(
    mill: Mill, *, consent: bool
) -> None:
    if not consent:
        shut_out(mill)
    before = await mill.run_addin()
    assert before["CredentialsValid"] == (ACCEPTED if consent else REFUSED)
    written = version(mill)
    mill.world.entra.faults.rules = [Fault(operation="*", status=503)]
    again = mill.restarted()
    for _ in range(3):
        mill.clock.turn(minutes=1)
        assert await again.run_addin() == before
    assert version(mill) == written


async def test_without_a_word_from_entra_the_secret_alone_is_told(mill: Mill) -> None:
    mill.world.entra.faults.rules = [Fault(operation="*", status=503)]
    assert (await mill.run_addin())["CredentialsValid"] == ("True", "SecretComplete")


async def test_of_many_tenants_the_first_are_named(mill: Mill) -> None:
    unknown = [f"{number}1111111-2222-3333-4444-555555555555" for number in range(8)]
    settings(mill)["tenantIds"] = unknown
    assert (await mill.run_addin())["CredentialsValid"] == REFUSED
    assert f"{unknown[4]} and 3 more: " in said(mill)
