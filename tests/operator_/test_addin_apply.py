"""What becomes of a plan while the API server refuses a part of it."""

from typing import Any

import pytest

from operator_.mill import ADDIN, Mill
from outlook_addin_operator.cluster import ClusterError, ForbiddenError
from outlook_addin_operator.keys import Key, Object

KEY = Key("Secret", "bank", "addin-webhook-key")
DEPLOYMENT = Key("Deployment", "bank", "addin")
INGRESS = Key("Ingress", "bank", "addin")
HTTP_ROUTE = Key("HTTPRoute", "bank", "addin")
GATE = {"parentRefs": [{"name": "gate"}]}


def refuse(monkeypatch: pytest.MonkeyPatch, mill: Mill, verb: str, kind: str) -> None:
    """Have the API server refuse one verb on one kind."""
    do = getattr(mill.cluster, verb)

    async def refusing(subject: Any) -> Any:
        name = subject.kind if isinstance(subject, Key) else subject["kind"]
        if name == kind:
            raise ForbiddenError("no")
        return await do(subject)

    monkeypatch.setattr(mill.cluster, verb, refusing)


def config_hash(deployment: Object) -> str:
    value: str = deployment["spec"]["template"]["metadata"]["annotations"]["outlook-addin.dev/config-hash"]
    return value


def ask(mill: Mill, **spec: Any) -> None:
    mill.cluster.objects[ADDIN]["spec"] |= spec
    mill.cluster.put(mill.cluster.objects[ADDIN])


async def test_a_key_that_may_not_be_made_does_not_roll_the_pods_again_and_again(
    mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    del mill.cluster.objects[KEY]
    refuse(monkeypatch, mill, "create", "Secret")
    seen = set()
    for _ in range(3):
        assert (await mill.run_addin())["Ready"] == ("False", "ApplyFailed")
        seen.add(config_hash(mill.cluster.objects[DEPLOYMENT]))
    assert len(seen) == 1


async def test_a_way_in_stays_until_the_one_that_replaces_it_is_there(
    mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(mill, ingress={})
    await mill.run_addin()
    assert INGRESS in mill.cluster.objects
    ask(mill, ingress=None, httpRoute=GATE)
    with monkeypatch.context() as patched:
        refuse(patched, mill, "apply", "HTTPRoute")
        assert (await mill.run_addin())["Ready"] == ("False", "ApplyFailed")
        assert INGRESS in mill.cluster.objects
    await mill.run_addin()
    assert HTTP_ROUTE in mill.cluster.objects
    assert INGRESS not in mill.cluster.objects


async def test_a_way_in_that_is_simply_not_wanted_goes(mill: Mill) -> None:
    ask(mill, ingress={})
    await mill.run_addin()
    ask(mill, ingress=None)
    await mill.run_addin()
    assert INGRESS not in mill.cluster.objects


async def test_what_may_not_be_removed_is_told(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(mill, ingress={})
    await mill.run_addin()
    ask(mill, ingress=None)

    async def hold(_: Key) -> None:
        raise ClusterError("held by a policy")

    monkeypatch.setattr(mill.cluster, "delete", hold)
    assert (await mill.run_addin())["Ready"] == ("False", "ApplyFailed")
    [ready] = [
        item for item in mill.cluster.objects[ADDIN]["status"]["conditions"] if item["type"] == "Ready"
    ]
    assert "Ingress addin: held by a policy" in ready["message"]


async def test_a_kind_that_is_out_of_order_holds_up_only_those_who_ask_for_it(
    mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = mill.cluster.get

    async def broken(kind: str, namespace: str, name: str) -> Object | None:
        if kind == "Route":
            raise ClusterError("the server is currently unable to handle the request")
        return await read(kind, namespace, name)

    monkeypatch.setattr(mill.cluster, "get", broken)
    await mill.run_addin()
    assert Key("Service", "bank", "addin") in mill.cluster.objects
    ask(mill, route={})
    with pytest.raises(ClusterError, match="unable to handle"):
        await mill.run_addin()
