"""What Graph shows of an app registration, and to whom."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from certificates import key_pair
from outlook_addin_sandbox.entra import Certificate, Secret
from outlook_addin_sandbox.testing import GraphClient
from outlook_addin_sandbox.world import GRAPH_ROLES, World

END = datetime(2027, 3, 1, tzinfo=UTC)


@pytest.fixture
def permitted(world: World) -> None:
    """The administrators of both tenants let the app read registrations."""
    app = world.entra.apps[world.client_id]
    app.tenants = dict.fromkeys(app.tenants, (*GRAPH_ROLES, "Application.Read.All"))


def paths(client_id: str) -> tuple[str, dict[str, str]]:
    return f"/applications(appId='{client_id}')", {"$filter": f"appId eq '{client_id}'"}


@pytest.mark.usefixtures("permitted")
async def test_secrets_are_shown_by_hint_and_end_and_never_by_text(graph: GraphClient, world: World) -> None:
    world.entra.apps[world.client_id].secrets[:] = [Secret("abcdef", expires=END), Secret("xyz-secret")]
    path, query = paths(world.client_id)
    status, body = await graph("GET", path, **{"$select": "passwordCredentials"})
    first, second = body["passwordCredentials"]
    assert (status, body.keys()) == (200, {"passwordCredentials"})
    assert (first["hint"], first["endDateTime"], first["secretText"]) == ("abc", "2027-03-01T00:00:00Z", None)
    assert (second["hint"], second["endDateTime"][:4]) == ("xyz", "2299")
    assert first["keyId"] != second["keyId"]
    assert "abcdef" not in str(body)
    _, listed = await graph("GET", "/applications", **query, **{"$select": "appId, passwordCredentials"})
    [found] = listed["value"]
    assert found == {"appId": world.client_id, **body}


@pytest.mark.usefixtures("permitted")
async def test_certificates_are_shown_with_their_end(graph: GraphClient, world: World) -> None:
    pair = key_pair(timedelta(days=10))
    world.entra.apps[world.client_id].certificates.append(Certificate(pair.certificate))
    _, body = await graph("GET", paths(world.client_id)[0])
    [key] = body["keyCredentials"]
    left = datetime.fromisoformat(key["endDateTime"]) - datetime.now(UTC)
    assert timedelta(days=9) < left <= timedelta(days=10)
    assert (key["type"], key["usage"], key["key"]) == ("AsymmetricX509Cert", "Verify", None)


async def test_without_the_permission_nothing_is_shown(graph: GraphClient, world: World) -> None:
    path, query = paths(world.client_id)
    for status, body in (await graph("GET", path), await graph("GET", "/applications", **query)):
        assert (status, body["error"]["code"]) == (403, "Authorization_RequestDenied")


@pytest.mark.usefixtures("permitted")
async def test_a_registration_is_visible_in_its_home_tenant_only(graph: GraphClient, world: World) -> None:
    graph.tenant_id = world.other_tenant_id
    path, query = paths(world.client_id)
    status, body = await graph("GET", path)
    assert (status, body["error"]["code"]) == (404, "Request_ResourceNotFound")
    assert (await graph("GET", "/applications", **query))[1] == {"value": []}


@pytest.mark.usefixtures("permitted")
async def test_whether_there_is_a_path_by_client_id_is_a_switch(graph: GraphClient, world: World) -> None:
    world.apply_faults({"graph": {"application_by_key": False}})
    path, query = paths(world.client_id)
    assert (await graph("GET", path))[0] == 400
    assert len((await graph("GET", "/applications", **query))[1]["value"]) == 1


@pytest.mark.usefixtures("permitted")
async def test_other_questions_are_refused_and_unknown_ids_not_found(graph: GraphClient) -> None:
    assert (await graph("GET", "/applications"))[0] == 400
    assert (await graph("GET", f"/applications/{uuid4()}"))[0] == 400
    assert (await graph("GET", paths(str(uuid4()))[0]))[0] == 404
