"""How long an OutlookAddin that was deleted waits for its subscriptions."""

from operator_.mill import ADDIN, Mill, delete
from outlook_addin_core.domain.resources import FINALIZER, SUBSCRIPTION
from outlook_addin_operator.addin.deletion import MOST_AT_ONCE
from outlook_addin_operator.keys import Key


def fill(mill: Mill, count: int) -> list[Key]:
    """Add what the web server made for so many mailboxes, live at Graph."""
    keys = [Key(SUBSCRIPTION, "bank", f"made-{number}") for number in range(count)]
    for key in keys:
        metadata = {
            "name": key.name,
            "namespace": "bank",
            "uid": key.name,
            "generation": 1,
            "creationTimestamp": "2026-11-01T00:00:00Z",
            "labels": {"app.kubernetes.io/managed-by": "outlook-addin-web"},
            "finalizers": [FINALIZER],
        }
        spec = {"addinRef": {"name": "addin"}}
        mill.cluster.put(
            {"kind": SUBSCRIPTION, "metadata": metadata, "spec": spec, "status": {"subscriptionId": "s"}}
        )
    return keys


async def go(mill: Mill) -> bool:
    """Look at the OutlookAddin; tells whether it still waits."""
    await mill.addins.reconcile(ADDIN)
    return bool(mill.cluster.objects[ADDIN]["metadata"]["finalizers"])


async def test_it_waits_for_as_long_as_there_are_fewer_of_them_each_time(mill: Mill) -> None:
    mill.cluster.objects[ADDIN]["metadata"]["finalizers"] = [FINALIZER]
    left = fill(mill, 6)
    delete(mill, ADDIN)
    while len(left) > 2:
        assert await go(mill)
        mill.clock.turn(minutes=9)
        del mill.cluster.objects[left.pop()]
    assert await go(mill)
    mill.clock.turn(minutes=9)
    assert await go(mill)
    mill.clock.turn(minutes=2)
    assert not await go(mill)
    assert mill.cluster.events[-1] == "CleanupIncomplete"


async def test_many_are_deleted_some_at_a_time(mill: Mill) -> None:
    mill.cluster.objects[ADDIN]["metadata"]["finalizers"] = [FINALIZER]
    keys = fill(mill, MOST_AT_ONCE + 1)
    delete(mill, ADDIN)
    for gone in (MOST_AT_ONCE, MOST_AT_ONCE + 1):
        assert await go(mill)
        marked = ["deletionTimestamp" in mill.cluster.objects[key]["metadata"] for key in keys]
        assert sum(marked) == gone
