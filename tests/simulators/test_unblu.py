"""Every request and answer in here is held against the official description of the Unblu Web API."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import aiohttp
import jsonschema
import pytest

from outlook_addin_sandbox.testing import TravelClock
from outlook_addin_sandbox.unblu.contract import Contract
from outlook_addin_sandbox.unblu.persons import Role
from outlook_addin_sandbox.world import Agent, World

MINUTE = 60_000
TIME = 30_000_000 * MINUTE


@dataclass
class UnbluClient:
    session: aiohttp.ClientSession
    world: World
    contract: Contract
    headers: dict[str, str] = field(default_factory=dict)

    def as_agent(self, agent: Agent) -> "UnbluClient":
        return self.with_token(self.world.user_token(agent))

    def as_sync(self) -> "UnbluClient":
        world = self.world
        tokens, audience = world.entra.tokens, world.gateway_client_id
        return self.with_token(tokens.for_app(world.tenant_id, audience, audience, ()))

    def with_token(self, token: str) -> "UnbluClient":
        headers = {"Authorization": f"Bearer {token}"}
        return UnbluClient(self.session, self.world, self.contract, headers)

    async def __call__(self, method: str, path: str, body: Any = None, **query: str) -> tuple[int, Any]:
        if body is not None:
            self.contract.check_request(method, path, body)
        return await self.unchecked(method, path, body, **query)

    async def unchecked(self, method: str, path: str, body: Any, **query: str) -> tuple[int, Any]:
        url = f"{self.world.unblu.url}/app/rest/v4{path}"
        request = self.session.request(method, url, json=body, params=query, headers=self.headers)
        async with request as response:
            answer = await response.json() if response.content_length else None
            self.contract.check_answer(method, path, response.status, answer)
            return response.status, answer

    async def schedule(self, agent: Agent, **changes: Any) -> tuple[int, Any]:
        participant = {"personId": agent.person_id, "participationType": "ASSIGNED_AGENT"}
        body = {
            "$_type": "ConversationCreationData",
            "initialEngagementType": "SCHEDULED_CONVERSATION",
            "topic": "Review",
            "scheduledTimestamp": TIME,
            "participants": [participant],
            "sourceId": "outlook:a:t:m:1",
        }
        return await self("POST", "/conversations/create", {**body, **changes})

    async def find(self, *filters: tuple[str, dict[str, Any]], **page: int) -> tuple[int, Any]:
        searched = [{"field": name, "operator": operator} for name, operator in filters]
        return await self("POST", "/conversations/search", {"searchFilters": searched, **page})


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract()


@pytest.fixture
def client(session: aiohttp.ClientSession, world: World, contract: Contract) -> UnbluClient:
    return UnbluClient(session, world, contract)


@pytest.fixture
def anna(world: World) -> Agent:
    return world.agents[0]


@pytest.fixture
def ben(world: World) -> Agent:
    return world.agents[1]


@pytest.fixture
def as_anna(client: UnbluClient, anna: Agent) -> UnbluClient:
    return client.as_agent(anna)


@pytest.fixture
def sync(client: UnbluClient) -> UnbluClient:
    return client.as_sync()


@pytest.fixture
async def scheduled(as_anna: UnbluClient, anna: Agent) -> str:
    _, body = await as_anna.schedule(anna)
    return str(body["id"])


def test_the_contract_notices_invented_properties_and_wrong_types(contract: Contract) -> None:
    for body in ({"topik": "x"}, {"topic": 1}):
        with pytest.raises(jsonschema.ValidationError):
            contract.check_request("POST", "/conversations/1/setTopic", body)
    bad_operator = {"field": "STATE", "operator": {"type": "STARTS_WITH", "value": "CREATED"}}
    with pytest.raises(jsonschema.ValidationError):
        contract.check_request("POST", "/conversations/search", {"searchFilters": [bad_operator]})


def test_role_rules_agree_with_the_description(contract: Contract) -> None:
    needed = {
        ("GET", "/authenticator/getCurrentPerson"): Role.ANONYMOUS_USER,
        ("GET", "/global/ping"): Role.ANONYMOUS_USER,
        ("POST", "/conversations/create"): Role.REGISTERED_USER,
        ("POST", "/conversations/1/updateMetadata"): Role.ADMIN,
        ("DELETE", "/conversations/1/delete"): Role.REGISTERED_USER,
    }
    for (method, path), role in needed.items():
        assert contract.operation(method, path)["x-required-role"] == [role.name]


async def test_the_gateway_propagates_the_agent(as_anna: UnbluClient, anna: Agent) -> None:
    _, person = await as_anna("GET", "/authenticator/getCurrentPerson")
    assert (person["id"], person["sourceId"]) == (anna.person_id, anna.user_id)
    assert (person["authorizationRole"], person["email"]) == ("REGISTERED_USER", anna.address)


async def test_the_synchronisation_client_has_the_role_of_the_switch(sync: UnbluClient, world: World) -> None:
    assert (await sync("GET", "/authenticator/getCurrentPerson"))[1]["authorizationRole"] == "ADMIN"
    world.apply_faults({"unblu": {"sync_role": "REGISTERED_USER"}})
    person = (await sync("GET", "/authenticator/getCurrentPerson"))[1]
    assert person["authorizationRole"] == "REGISTERED_USER"


async def test_only_tokens_for_this_gateway_are_accepted(
    client: UnbluClient, world: World, clock: TravelClock, anna: Agent
) -> None:
    tokens, user = world.entra.tokens, world.entra.directory.users[anna.user_id]
    foreign = [
        tokens.for_app(world.tenant_id, world.client_id, world.graph.url, ()),
        tokens.for_app(world.tenant_id, world.client_id, world.client_id, ()),
        tokens.for_user(user, world.client_id, "other", "access_as_user"),
        tokens.identity(user, world.client_id, None),
        "nonsense",
    ]
    expired = world.user_token(anna)
    for token in foreign:
        status, _ = await client.with_token(token)("GET", "/authenticator/getCurrentPerson")
        assert status == 401
    clock.offset = timedelta(hours=2)
    assert (await client.with_token(expired)("GET", "/authenticator/getCurrentPerson"))[0] == 401
    assert (await client("GET", "/authenticator/getCurrentPerson"))[0] == 401
    assert (await client("GET", "/global/ping"))[0] == 200


async def test_an_agent_schedules_a_conversation_with_a_public_link(
    as_anna: UnbluClient, anna: Agent, session: aiohttp.ClientSession
) -> None:
    status, body = await as_anna.schedule(anna, topic="<Plan>", scheduledTimestamp=TIME + 31_000)
    links = {each["type"]: each["url"] for each in body["links"]}
    assert (status, body["state"], body["scheduledTimestamp"]) == (200, "CREATED", TIME + MINUTE)
    async with session.get(links["OPEN_PUBLIC_LINK"]) as response:
        assert "&lt;Plan&gt;" in await response.text()


async def test_without_the_property_there_is_no_public_link(
    as_anna: UnbluClient, anna: Agent, world: World
) -> None:
    world.apply_faults({"unblu": {"allow_public_link": False}})
    _, body = await as_anna.schedule(anna)
    assert "OPEN_PUBLIC_LINK" not in {each["type"] for each in body["links"]}


@pytest.mark.parametrize(
    "changes", [{"topic": None}, {"scheduledTimestamp": None}, {"participants": []}, {"topic": ""}]
)
async def test_a_scheduled_conversation_needs_topic_time_and_participant(
    as_anna: UnbluClient, anna: Agent, changes: dict[str, Any]
) -> None:
    assert (await as_anna.schedule(anna, **changes))[0] == 400


async def test_an_agent_schedules_for_nobody_else(
    as_anna: UnbluClient, ben: Agent, sync: UnbluClient
) -> None:
    assert (await as_anna.schedule(ben))[0] == 403
    assert (await sync.schedule(ben))[0] == 200


async def test_a_source_id_is_unique_among_active_conversations(
    as_anna: UnbluClient, anna: Agent, world: World, scheduled: str
) -> None:
    status, error = await as_anna.schedule(anna)
    assert (status, error["$_type"], error["statusDescription"]) == (409, "Error", "Conflict")
    world.unblu.end_conversation(scheduled)
    assert (await as_anna.schedule(anna))[0] == 200


async def test_agents_rename_and_move_their_own_only(
    as_anna: UnbluClient, client: UnbluClient, ben: Agent, world: World, scheduled: str
) -> None:
    one = f"/conversations/{scheduled}"
    _, renamed = await as_anna("POST", f"{one}/setTopic", {"topic": "New"})
    _, moved = await as_anna(
        "POST", f"{one}/setScheduledTimestamp", {"scheduledTimestamp": TIME + 5 * MINUTE}
    )
    assert (renamed["topic"], moved["scheduledTimestamp"]) == ("New", TIME + 5 * MINUTE)
    as_ben = client.as_agent(ben)
    assert (await as_ben("POST", f"{one}/setTopic", {"topic": "Ben's"}))[0] == 403
    assert (await as_ben("GET", f"{one}/read"))[0] == 403
    assert world.unblu.conversations[scheduled].topic == "New"


async def test_the_configuration_decides_what_agents_may_change(
    as_anna: UnbluClient, sync: UnbluClient, world: World, scheduled: str
) -> None:
    topic = f"/conversations/{scheduled}/setTopic"
    world.apply_faults({"unblu": {"allow_topic_change": False}})
    assert (await as_anna("POST", topic, {"topic": "x"}))[0] == 403
    world.apply_faults({"unblu": {"topic_change_types": "ASSIGNED_AGENT"}})
    assert (await as_anna("POST", topic, {"topic": "y"}))[0] == 200
    world.apply_faults({"unblu": {"topic_change_types": ""}})
    assert (await sync("POST", topic, {"topic": "z"}))[0] == 200
    assert (await sync("POST", topic, {"topic": None}))[0] == 400


async def test_the_time_has_switches_of_its_own(as_anna: UnbluClient, world: World, scheduled: str) -> None:
    time, body = f"/conversations/{scheduled}/setScheduledTimestamp", {"scheduledTimestamp": TIME + MINUTE}
    world.apply_faults({"unblu": {"allow_time_change": False}})
    assert (await as_anna("POST", time, body))[0] == 403
    world.apply_faults({"unblu": {"time_change_types": "CONTEXT_PERSON, ASSIGNED_AGENT"}})
    assert (await as_anna("POST", time, body))[0] == 200


async def test_how_a_taken_source_id_is_refused_and_how_long_pages_are_are_switches(
    as_anna: UnbluClient, anna: Agent, sync: UnbluClient, world: World
) -> None:
    world.apply_faults({"unblu": {"duplicate_source_status": 400, "page_limit": 2}})
    for number in (1, 2, 3):
        await as_anna.schedule(anna, sourceId=f"outlook:{number}")
    assert (await as_anna.schedule(anna, sourceId="outlook:3"))[0] == 400
    _, page = await sync.find(limit=100)
    assert len(page["items"]) == 2


async def test_agents_delete_only_where_nobody_else_ever_was(
    as_anna: UnbluClient, anna: Agent, sync: UnbluClient, world: World, scheduled: str
) -> None:
    assert (await as_anna("DELETE", f"/conversations/{scheduled}/delete"))[0] == 204
    assert (await as_anna("GET", f"/conversations/{scheduled}/read"))[0] == 404
    _, body = await as_anna.schedule(anna)
    world.unblu.join(body["id"])
    world.unblu.conversations[body["id"]].participants.pop()
    assert (await as_anna("DELETE", f"/conversations/{body['id']}/delete"))[0] == 403
    assert (await sync("DELETE", f"/conversations/{body['id']}/delete"))[0] == 204


async def test_metadata_is_for_admins_and_guarded_by_its_version(
    as_anna: UnbluClient, sync: UnbluClient, scheduled: str
) -> None:
    one = f"/conversations/{scheduled}"
    _, read = await sync("GET", f"{one}/read", expand="metadata")
    assert read["metadata"] == {"$_version": "d41d8cd98f00b204e9800998ecf8427e"}
    assert (await sync("GET", f"{one}/read"))[1]["metadata"] is None
    written = {**read["metadata"], "event": "AAkA"}
    assert (await as_anna("POST", f"{one}/updateMetadata", written))[0] == 403
    status, updated = await sync("POST", f"{one}/updateMetadata", written, expand="metadata")
    assert (status, updated["metadata"]["event"]) == (200, "AAkA")
    assert (await sync("POST", f"{one}/updateMetadata", written))[0] == 409


async def test_conversations_are_found_by_source_and_state(
    client: UnbluClient, anna: Agent, ben: Agent, sync: UnbluClient, world: World
) -> None:
    as_anna = client.as_agent(anna)
    for number in range(3):
        await as_anna.schedule(anna, sourceId=f"outlook:a:t:anna:{number}")
    await client.as_agent(ben).schedule(ben, sourceId="outlook:a:t:ben:0")
    world.unblu.end_conversation(next(iter(world.unblu.conversations)))
    prefix = ("SOURCE_ID", {"type": "STARTS_WITH", "value": "outlook:a:t:anna:"})
    exact = ("SOURCE_ID", {"type": "EQUALS", "value": "outlook:a:t:ben:0"})
    opened = ("STATE", {"type": "NOT_EQUALS", "value": "ENDED"})
    kind = ("INITIAL_ENGAGEMENT_TYPE", {"type": "EQUALS", "value": "SCHEDULED_CONVERSATION"})
    mine = ("PARTICIPANT_PERSON_ID", {"type": "ANY_OF", "values": [anna.person_id]})
    counts = [
        len((await sync.find(*filters))[1]["items"])
        for filters in ([], [prefix], [prefix, opened], [exact, kind], [mine])
    ]
    assert counts == [4, 3, 2, 1, 3]
    assert len((await as_anna.find(exact))[1]["items"]) == 0


async def test_searches_have_pages(as_anna: UnbluClient, anna: Agent) -> None:
    for number in range(3):
        await as_anna.schedule(anna, sourceId=f"outlook:{number}")
    _, first = await as_anna.find(limit=2)
    _, second = await as_anna.find(limit=2, offset=first["nextOffset"])
    assert (first["hasMoreItems"], second["hasMoreItems"]) == (True, False)
    found = [each["sourceId"] for each in first["items"] + second["items"]]
    assert found == ["outlook:0", "outlook:1", "outlook:2"]


async def test_an_operator_that_does_not_fit_the_field_is_refused(sync: UnbluClient) -> None:
    body = {"searchFilters": [{"field": "STATE", "operator": {"type": "STARTS_WITH", "value": "C"}}]}
    assert (await sync.unchecked("POST", "/conversations/search", body))[0] == 400


async def test_a_customer_joins_on_the_public_page(
    scheduled: str, world: World, session: aiohttp.ClientSession
) -> None:
    async with session.post(world.unblu.public_link(scheduled)) as response:
        assert "2 participants" in await response.text()
    conversation = world.unblu.conversations[scheduled]
    assert (conversation.state, len(conversation.participants)) == ("ONBOARDING", 2)


async def test_an_outage_is_a_503_everywhere(as_anna: UnbluClient, world: World) -> None:
    world.apply_faults({"unblu": {"outage": True}})
    assert (await as_anna("GET", "/global/ping"))[0] == 503
    assert (await as_anna("GET", "/authenticator/getCurrentPerson"))[0] == 503


async def test_the_pane_s_origin_is_allowed_and_others_are_not(
    world: World, session: aiohttp.ClientSession
) -> None:
    url = f"{world.unblu.url}/app/rest/v4/conversations/create"
    pane, stranger = "http://addin.localhost:8080", "https://stranger.example"
    allowed = {}
    for origin in (pane, stranger):
        headers = {"Origin": origin, "Access-Control-Request-Headers": "authorization"}
        async with session.options(url, headers=headers) as response:
            allowed[origin] = response.headers.get("Access-Control-Allow-Origin")
            assert response.status == 204
    assert allowed == {pane: pane, stranger: None}


async def test_other_processes_see_the_state_and_set_faults(
    world: World, session: aiohttp.ClientSession, scheduled: str
) -> None:
    async with session.get(f"{world.unblu.origin}/_sim/state") as response:
        text = await response.text()
        state = await response.json()
    assert [each["id"] for each in state["conversations"]] == [scheduled]
    assert world.client_secret not in text
    assert world.gateway_client_secret not in text
    control = f"{world.unblu.origin}/_sim/faults"
    for body, status in (({"graph": {"lose": 2}}, 200), ({"graph": {"loose": 2}}, 400), ({"x": {}}, 400)):
        async with session.post(control, json=body) as response:
            assert response.status == status
    assert world.graph.faults.lose == 2
    assert quote(scheduled, safe="") == scheduled
