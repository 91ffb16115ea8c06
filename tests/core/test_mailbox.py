import hashlib
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outlook_addin_core.domain.links import SourceId, custom_property_id, parse_link
from outlook_addin_core.domain.mailbox import Mailbox, subscription_name

TENANT = "84bd8158-6d4d-4958-8b9f-9d6445542f95"
USER = "622eaaff-0683-4862-9de4-f2ec83c2bd98"
ADDIN = "0f0e0d0c-0b0a-4908-8706-050403020100"


def test_mailboxes_are_equal_whatever_the_case_of_their_ids() -> None:
    assert Mailbox(TENANT.upper(), USER) == Mailbox(TENANT, USER.upper())


@pytest.mark.parametrize(
    "text", ["", "anna@bank.example", "{" + USER + "}", USER.replace("-", ""), f"urn:uuid:{USER}"]
)
def test_an_id_that_is_not_a_guid_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a GUID"):
        Mailbox(TENANT, text)


def test_the_name_of_a_subscription_follows_from_the_mailbox_alone() -> None:
    digest = hashlib.sha256(f"{TENANT}/{USER}".encode()).hexdigest()
    assert subscription_name("outlook-addin", Mailbox(TENANT, USER.upper())) == f"outlook-addin-{digest[:10]}"


def test_neither_name_nor_log_id_tells_who_it_is() -> None:
    mailbox = Mailbox(TENANT, USER)
    for text in (mailbox.log_id, subscription_name("addin", mailbox)):
        assert not any(part in text for part in (*TENANT.split("-"), *USER.split("-")))


def test_the_resource_names_the_user_by_object_id() -> None:
    assert Mailbox(TENANT, USER).resource == f"users/{USER}/events"


@given(addin=st.uuids(), tenant=st.uuids(), user=st.uuids(), uuid=st.uuids())
def test_a_source_id_survives_being_written_and_read(
    addin: UUID, tenant: UUID, user: UUID, uuid: UUID
) -> None:
    source_id = SourceId(str(addin), Mailbox(str(tenant), str(user)), uuid)
    assert SourceId.parse(str(source_id)) == source_id
    assert str(source_id) == f"outlook:{addin}:{tenant}:{user}:{uuid}"
    assert str(source_id).startswith(SourceId.prefix(source_id.addin_id, source_id.mailbox))


@pytest.mark.parametrize(
    "text", ["", "outlook", f"teams:{ADDIN}:{TENANT}:{USER}:{USER}", f"outlook:{ADDIN}:x:y:z"]
)
def test_source_ids_of_others_are_not_ours(text: str) -> None:
    assert SourceId.parse(text) is None


def test_the_property_is_named_as_outlook_names_it() -> None:
    expected = f"String {{00020329-0000-0000-c000-000000000046}} Name cecp-{ADDIN}"
    assert custom_property_id(ADDIN.upper()) == expected


@pytest.mark.parametrize("version", ["1", '"1"'])
def test_a_link_is_read_from_custom_properties(version: str) -> None:
    assert parse_link(f'{{"v": {version}, "uuid": "{USER}", "more": 1}}') == UUID(USER)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"v": 1}',
        '{"v": 1, "uuid": null}',
        '{"v": 1, "uuid": ["x"]}',
        '{"v": 1, "uuid": "nonsense"}',
        '{"v": [], "uuid": "622eaaff-0683-4862-9de4-f2ec83c2bd98"}',
        '{"v": 2, "uuid": "622eaaff-0683-4862-9de4-f2ec83c2bd98"}',
        "[" * 2_000,
        '{"v": 1, "uuid": "622eaaff-0683-4862-9de4-f2ec83c2bd98"}' + " " * 2_500,
    ],
)
def test_properties_without_a_readable_link_have_none(text: str) -> None:
    assert parse_link(text) is None


@given(st.text(max_size=200))
def test_no_text_breaks_the_reading_of_a_link(text: str) -> None:
    assert parse_link(text) is None
