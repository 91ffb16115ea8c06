import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from outlook_addin_core.domain.notifications import (
    Delivery,
    MalformedBody,
    ResourceData,
    TooManyItems,
    decode,
)

CHANGE = {
    "subscriptionId": "c6126aa3-0ed8-412f-a988-71e6cee627c4",
    "subscriptionExpirationDateTime": "2026-10-20T11:00:00.2257768+00:00",
    "changeType": "created",
    "resource": "Users/622eaaff-0683-4862-9de4-f2ec83c2bd98/Events/AAMkAGUwNjQ4ZjIxAAA=",
    "resourceData": {"@odata.type": "#Microsoft.Graph.Event", "id": "AAMkAGUwNjQ4ZjIxAAA="},
    "clientState": "state",
    "tenantId": "84BD8158-6d4d-4958-8b9f-9d6445542f95",
}
LIFECYCLE = {"subscriptionId": "s", "lifecycleEvent": "missed", "clientState": "state", "tenantId": "t"}
BROKEN: list[Any] = [None, 1, "x", [], {}, {"subscriptionId": 7}, {"subscriptionId": "s"}, CHANGE | LIFECYCLE]


MOST = 1_000


def read(raw: bytes) -> Delivery:
    return decode(raw, MOST)


def body(*items: Any) -> bytes:
    return json.dumps({"value": items, "validationTokens": []}).encode()


def test_a_change_is_reduced_to_what_is_used() -> None:
    (notification,) = read(body(CHANGE)).items
    assert notification.event_id == "AAMkAGUwNjQ4ZjIxAAA="
    assert asdict(notification) == {
        "subscription_id": "c6126aa3-0ed8-412f-a988-71e6cee627c4",
        "tenant_id": "84BD8158-6d4d-4958-8b9f-9d6445542f95",
        "client_state": "state",
        "change_type": "created",
        "lifecycle_event": None,
        "resource_data": ResourceData("AAMkAGUwNjQ4ZjIxAAA="),
    }


def test_a_lifecycle_event_has_no_event_id() -> None:
    (notification,) = read(body(LIFECYCLE)).items
    assert (notification.lifecycle_event, notification.change_type, notification.event_id) == (
        "missed",
        None,
        None,
    )


def test_change_types_that_are_not_known_yet_pass_through() -> None:
    (notification,) = read(body(CHANGE | {"changeType": "unknownFutureValue"})).items
    assert notification.change_type == "unknownFutureValue"


def test_a_client_state_may_be_missing() -> None:
    (notification,) = read(body({key: CHANGE[key] for key in CHANGE if key != "clientState"})).items
    assert notification.client_state is None


@given(st.lists(st.sampled_from([*BROKEN, CHANGE, LIFECYCLE])))
def test_malformed_items_do_not_hurt_their_neighbours(items: list[Any]) -> None:
    good = [item for item in items if item in (CHANGE, LIFECYCLE)]
    assert read(body(*items)).items == read(body(*good)).items
    assert read(body(*items)).malformed == len(items) - len(good)
    assert read(body(*good)).malformed == 0


@pytest.mark.parametrize(
    "raw", [b"", b"null", b"[]", b"{}", b'{"value": {}}', b'{"value": [}', b"\xff", b"[" * 9999]
)
def test_a_body_of_another_form_is_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedBody):
        read(raw)


@given(st.binary(max_size=100))
def test_no_bytes_do_anything_but_be_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedBody):
        read(raw)


@pytest.mark.parametrize("item", [CHANGE, "nonsense"])
def test_items_are_counted_before_they_are_looked_at(item: Any) -> None:
    with pytest.raises(TooManyItems):
        read(body(*[item] * (MOST + 1)))
    delivery = read(body(*[item] * MOST))
    assert len(delivery.items) + delivery.malformed == MOST
