import asyncio
import base64
import hashlib
import json
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import httpx2
import jwt
import msal  # type: ignore[import-untyped]
import pytest

from outlook_addin_sandbox.entra import Secret
from outlook_addin_sandbox.world import World

VERIFIER = "a-verifier-of-enough-characters-for-the-specification"
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
REDIRECT = "http://addin.localhost:4711/addin/auth.html"


def msal_token(client: httpx2.Client, world: World, secret: str, tenant: str, scope: str) -> dict[str, Any]:
    app = msal.ConfidentialClientApplication(
        world.client_id,
        client_credential=secret,
        authority=f"{world.entra.url}/{tenant}",
        instance_discovery=False,
        http_client=client,
    )
    answer: dict[str, Any] = app.acquire_token_for_client([scope])
    return answer


async def app_only(world: World, *, secret: str = "", tenant: str = "", scope: str = "") -> dict[str, Any]:
    def acquire() -> dict[str, Any]:
        with httpx2.Client(verify=world.tls.client_context(), trust_env=False) as client:
            return msal_token(
                client,
                world,
                secret or world.client_secret,
                tenant or world.tenant_id,
                scope or "https://graph.microsoft.com/.default",
            )

    return await asyncio.to_thread(acquire)


async def token_request(session: aiohttp.ClientSession, world: World, **form: str) -> tuple[int, Any]:
    url = f"{world.entra.url}/{world.tenant_id}/oauth2/v2.0/token"
    headers = {"Origin": "http://addin.localhost:4711"}
    async with session.post(url, data={"client_id": world.client_id, **form}, headers=headers) as response:
        assert response.headers["Access-Control-Allow-Origin"] == "*"
        return response.status, await response.json()


def authorize_query(world: World, **more: str) -> dict[str, str]:
    query = {
        "client_id": world.client_id,
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "response_mode": "fragment",
        "scope": f"{world.client_id}/.default openid profile offline_access",
        "state": "a state, with = and &",
        "nonce": "n1",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    return {**query, **more}


async def authorize(session: aiohttp.ClientSession, world: World, **more: str) -> tuple[int, str, str]:
    url = f"{world.entra.url}/organizations/oauth2/v2.0/authorize"
    query = authorize_query(world, **more)
    async with session.get(url, params=query, allow_redirects=False) as response:
        return response.status, response.headers.get("Location", ""), await response.text()


async def test_msal_gets_an_app_only_token_for_graph_that_the_key_set_verifies(
    world: World, session: aiohttp.ClientSession
) -> None:
    answer = await app_only(world)
    async with session.get(f"{world.entra.url}/{world.tenant_id}/discovery/v2.0/keys") as response:
        keys = jwt.PyJWKSet.from_dict(await response.json())
    header = jwt.get_unverified_header(answer["access_token"])
    claims = jwt.decode(
        answer["access_token"], keys[header["kid"]], ["RS256"], audience="https://graph.microsoft.com"
    )
    assert claims["iss"] == f"{world.entra.url}/{world.tenant_id}/v2.0"
    assert set(claims["roles"]) == {"Calendars.Read", "Calendars.ReadWrite"}
    assert claims["tid"] == world.tenant_id
    assert "scp" not in claims


async def test_the_simulated_graph_s_address_is_a_resource_too(world: World) -> None:
    answer = await app_only(world, scope=f"{world.graph.url}/.default")
    assert jwt.decode(answer["access_token"], options={"verify_signature": False})["aud"] == world.graph.url


async def test_a_wrong_secret_is_aadsts7000215(world: World) -> None:
    answer = await app_only(world, secret="wrong")
    assert (answer["error"], answer["error_codes"]) == ("invalid_client", [7000215])
    assert answer["error_description"].startswith("AADSTS7000215: Invalid client secret")


async def test_an_expired_secret_is_aadsts7000222(world: World) -> None:
    expired = Secret("old", expires=world.now() - timedelta(days=1))
    world.entra.apps[world.client_id].secrets.append(expired)
    assert (await app_only(world, secret="old"))["error_codes"] == [7000222]


async def test_an_app_that_a_tenant_did_not_install_is_aadsts700016(world: World) -> None:
    del world.entra.apps[world.client_id].tenants[world.other_tenant_id]
    answer = await app_only(world, tenant=world.other_tenant_id)
    assert (answer["error"], answer["error_codes"]) == ("unauthorized_client", [700016])


async def test_revoked_consent_still_yields_a_token_but_without_roles(world: World) -> None:
    world.entra.apps[world.client_id].tenants[world.tenant_id] = ()
    answer = await app_only(world)
    assert "roles" not in jwt.decode(answer["access_token"], options={"verify_signature": False})


async def test_a_bad_scope_is_aadsts70011(world: World, session: aiohttp.ClientSession) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_secret": world.client_secret,
        "scope": "Calendars.Read",
    }
    status, body = await token_request(session, world, **form)
    assert (status, body["error"], body["error_codes"]) == (400, "invalid_scope", [70011])
    assert {"timestamp", "trace_id", "correlation_id"} <= body.keys()


async def test_an_unknown_tenant_is_aadsts90002(world: World, session: aiohttp.ClientSession) -> None:
    url = f"{world.entra.url}/nowhere/oauth2/v2.0/token"
    async with session.post(url, data={"grant_type": "client_credentials"}) as response:
        assert (response.status, (await response.json())["error_codes"]) == (400, [90002])
    async with session.get(f"{world.entra.url}/nowhere/v2.0/.well-known/openid-configuration") as response:
        assert response.status == 400


@pytest.mark.parametrize(("switch", "status"), [("outage", 503), ("throttled", 429)])
async def test_faults_of_the_token_endpoint_ask_to_wait(
    world: World, session: aiohttp.ClientSession, switch: str, status: int
) -> None:
    world.apply_faults({"entra": {switch: True, "retry_after": 7}})
    url = f"{world.entra.url}/{world.tenant_id}/oauth2/v2.0/token"
    async with session.post(url, data={"grant_type": "client_credentials"}) as response:
        assert (response.status, response.headers["Retry-After"]) == (status, "7")


async def test_the_sign_in_page_lists_the_agents_to_click_on(
    world: World, session: aiohttp.ClientSession
) -> None:
    status, _, page = await authorize(session, world)
    assert status == 200
    assert all(agent.name in page for agent in world.agents)


async def test_a_sign_in_with_pkce_gives_tokens_once(world: World, session: aiohttp.ClientSession) -> None:
    anna = world.agents[0]
    status, location, _ = await authorize(session, world, login_hint=anna.address)
    parts = urlsplit(location)
    answer = parse_qs(parts.fragment)
    assert (status, f"{parts.scheme}://{parts.netloc}{parts.path}") == (302, REDIRECT)
    assert answer["state"] == ["a state, with = and &"]
    form = {"grant_type": "authorization_code", "code": answer["code"][0], "redirect_uri": REDIRECT}
    status, tokens = await token_request(session, world, **form, code_verifier=VERIFIER)
    access = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    identity = jwt.decode(tokens["id_token"], options={"verify_signature": False})
    assert (access["aud"], access["scp"], access["oid"]) == (world.client_id, "access_as_user", anna.user_id)
    assert (access["ver"], access["preferred_username"], access["azp"]) == (
        "2.0",
        anna.address,
        world.client_id,
    )
    assert (identity["nonce"], identity["name"]) == ("n1", "Anna Keller")
    padded = tokens["client_info"] + "=" * (-len(tokens["client_info"]) % 4)
    info = json.loads(base64.urlsafe_b64decode(padded))
    assert info == {"uid": anna.user_id, "utid": world.tenant_id}
    status, body = await token_request(session, world, **form, code_verifier=VERIFIER)
    assert (status, body["error"]) == (400, "invalid_grant")


async def test_another_verifier_does_not_redeem_a_code(world: World, session: aiohttp.ClientSession) -> None:
    _, location, _ = await authorize(
        session, world, login_hint="ben.rossi@bank.example", response_mode="query"
    )
    code = parse_qs(urlsplit(location).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    status, body = await token_request(session, world, **form, code_verifier="another")
    assert (status, body["error_codes"]) == (400, [501481])


async def test_a_refresh_token_gives_new_tokens_for_the_same_person(
    world: World, session: aiohttp.ClientSession
) -> None:
    _, location, _ = await authorize(session, world, login_hint=world.agents[1].address)
    code = parse_qs(urlsplit(location).fragment)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
    _, tokens = await token_request(session, world, **form, code_verifier=VERIFIER)
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    status, renewed = await token_request(session, world, **refresh)
    claims = jwt.decode(renewed["access_token"], options={"verify_signature": False})
    assert (status, claims["oid"]) == (200, world.agents[1].user_id)


async def test_a_silent_request_without_session_says_so(world: World, session: aiohttp.ClientSession) -> None:
    _, location, _ = await authorize(session, world, prompt="none")
    assert parse_qs(urlsplit(location).fragment)["error"] == ["login_required"]


async def test_a_redirect_uri_of_another_machine_is_refused(
    world: World, session: aiohttp.ClientSession
) -> None:
    status, location, _ = await authorize(session, world, redirect_uri="https://evil.example/")
    assert (status, location) == (400, "")


async def test_the_host_page_gets_tokens_for_nested_app_authentication(
    world: World, session: aiohttp.ClientSession
) -> None:
    claire = world.agents[2]
    body = {"user": claire.user_id, "scopes": [f"{world.client_id}/.default"], "clientId": world.client_id}
    async with session.post(f"{world.entra.url}/_sim/naa-token", json=body) as response:
        answer = await response.json()
    assert world.entra.tokens.verify(answer["access_token"])["oid"] == claire.user_id
    assert answer["account"]["homeAccountId"] == f"{claire.user_id}.{world.tenant_id}"
    assert answer["expires_in"] > 3000


async def test_preflight_requests_of_the_browser_are_allowed(
    world: World, session: aiohttp.ClientSession
) -> None:
    url = f"{world.entra.url}/common/v2.0/.well-known/openid-configuration"
    headers = {"Origin": "http://addin.localhost:1", "Access-Control-Request-Headers": "x-client-sku"}
    async with session.options(url, headers=headers) as response:
        assert (response.status, response.headers["Access-Control-Allow-Headers"]) == (204, "x-client-sku")
    async with session.get(url) as response:
        assert (await response.json())["issuer"] == f"{world.entra.url}/{{tenantid}}/v2.0"
