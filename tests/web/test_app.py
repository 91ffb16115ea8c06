import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry

from outlook_addin_core.domain.client_state import issue
from outlook_addin_core.domain.conversations import Marker
from outlook_addin_web.app import build_app
from outlook_addin_web.metrics import Metrics, metrics_app
from outlook_addin_web.sync import Outside, Sync
from outlook_addin_web.user_tokens import Caller
from web.fakes import ANNA, CONFIG, KEY, START, TENANT, TOMORROW, Bench, FakeClock
from web.polling import until

Client = TestClient[web.Request, web.Application]
HASHED = "assets/taskpane-3f9c2b71.js"


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A built user interface."""
    for name in ("taskpane.html", "auth.html", "dialog.html", HASHED, "icons/icon-64.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"content of {name}")
    (tmp_path / f"{HASHED}.gz").write_bytes(b"compressed")
    (tmp_path / "secret.txt").write_text("not to be served")
    return tmp_path


@pytest.fixture
async def client(built: Path) -> AsyncIterator[Client]:
    """The add-in without synchronisation."""
    async with TestClient(TestServer(build_app(CONFIG, static_root=built)), auto_decompress=False) as client:
        yield client


async def header(client: Client, path: str, name: str) -> str | None:
    async with client.get(path) as answer:
        assert answer.status == 200, path
        return answer.headers.get(name)


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("taskpane.html", "no-cache"),
        ("dialog.html", "no-cache"),
        ("auth.html", "no-store"),
        ("manifest.xml", "no-cache"),
        ("config.json", "no-cache"),
        (HASHED, "public, max-age=31536000, immutable"),
        ("icons/icon-64.png", "public, max-age=86400"),
    ],
)
async def test_each_file_has_its_cache_rule(client: Client, path: str, rule: str) -> None:
    assert await header(client, f"/addin/{path}", "Cache-Control") == rule


@pytest.mark.parametrize("page", ["taskpane.html", "auth.html", "dialog.html"])
async def test_pages_may_be_framed_and_talk_where_the_configuration_says_and_nowhere_else(
    client: Client, page: str
) -> None:
    policy = await header(client, f"/addin/{page}", "Content-Security-Policy")
    assert policy is not None
    directives = dict(each.strip().split(" ", 1) for each in policy.split(";"))
    assert directives == {
        "default-src": "'none'",
        "script-src": "'self' https://appsforoffice.microsoft.com https://ajax.aspnetcdn.com",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self' https://login.microsoftonline.com https://unblu.bank.example",
        "frame-src": "'self' https://login.microsoftonline.com",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": f"'self' {' '.join(CONFIG.frame_ancestors)}",
    }


@pytest.mark.parametrize("path", ["taskpane.html", "auth.html", "manifest.xml", HASHED, "nothing-here"])
async def test_every_answer_forbids_sniffing_and_none_cuts_the_dialog_off(client: Client, path: str) -> None:
    async with client.get(f"/addin/{path}") as answer:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Cross-Origin-Opener-Policy" not in answer.headers
        assert "X-Frame-Options" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/addin/secret.txt",
        "/addin/assets/../secret.txt",
        "/addin/assets/%2e%2e/secret.txt",
        "/addin/assets/..%2fsecret.txt",
        "/addin/icons//etc/passwd",
        f"/addin/{HASHED}.gz",
        "/taskpane.html",
    ],
)
async def test_nothing_else_is_served(client: Client, path: str) -> None:
    async with client.get(path) as answer:
        assert answer.status == 404


@pytest.mark.parametrize("base", ["/outlook/addin", "/addin"])
async def test_a_deployment_url_with_a_path_is_served_whether_or_not_a_proxy_takes_the_path_away(
    built: Path, base: str
) -> None:
    config = replace(CONFIG, deployment_url="https://bank.example/outlook")
    app = build_app(config, static_root=built)
    async with TestClient(TestServer(app), auto_decompress=False) as client:
        for path in ("manifest.xml", "config.json", "taskpane.html", HASHED, "api/mailbox"):
            assert await header(client, f"{base}/{path}", "Content-Type")


async def test_compressed_siblings_are_used_where_the_client_takes_them(client: Client) -> None:
    async with client.get(f"/addin/{HASHED}", headers={"Accept-Encoding": "gzip"}) as answer:
        assert (answer.headers["Content-Encoding"], await answer.read()) == ("gzip", b"compressed")
        assert answer.content_type == "text/javascript"
    async with client.get(f"/addin/{HASHED}", headers={"Accept-Encoding": "identity"}) as answer:
        assert await answer.text() == f"content of {HASHED}"


async def test_without_a_built_interface_the_page_says_so(tmp_path: Path) -> None:
    async with TestClient(TestServer(build_app(CONFIG, static_root=tmp_path / "none"))) as client:
        async with client.get("/addin/taskpane.html") as answer:
            assert answer.status == 503
            assert "missing" in await answer.text()
        async with client.get("/ready") as answer:
            assert answer.status == 200


async def test_the_pane_gets_its_settings_and_nothing_about_the_sync_servers_identity(client: Client) -> None:
    async with client.get("/addin/config.json") as answer:
        settings = json.loads(await answer.text())
    assert settings["clientId"] == CONFIG.client_id
    assert settings["tokenScope"] == f"{CONFIG.client_id}/.default"
    assert settings["invitationTexts"] is None
    assert str(CONFIG.sync_server_auth_gateway_client_id) not in json.dumps(settings)


async def test_the_pane_gets_the_words_of_invitations(built: Path) -> None:
    texts = {"de-CH": "Grüezi <b>\n\n{link}", "default": "Welcome"}
    app = build_app(replace(CONFIG, invitation_texts=texts), static_root=built)
    async with TestClient(TestServer(app)) as client, client.get("/addin/config.json") as answer:
        assert (await answer.json())["invitationTexts"] == texts


async def test_with_synchronisation_off_webhooks_do_not_exist_and_the_api_says_off(client: Client) -> None:
    for path in ("notifications", "lifecycle"):
        async with client.post(f"/addin/graph/{path}", params={"validationToken": "t"}) as answer:
            assert answer.status == 404
    for method in ("GET", "PUT"):
        async with client.request(method, "/addin/api/mailbox") as answer:
            assert (answer.status, await answer.json()) == (200, {"sync": "off"})
    for path in ("/live", "/ready"):
        async with client.get(path) as answer:
            assert answer.status == 200


async def test_metrics_show_what_was_counted() -> None:
    metrics = Metrics(CollectorRegistry())
    metrics.notifications.labels("change", "forged").inc()
    async with (
        TestClient(TestServer(metrics_app(metrics.registry))) as client,
        client.get("/metrics") as answer,
    ):
        text = await answer.text()
    assert 'outlook_addin_notifications_total{kind="change",outcome="forged"} 1.0' in text


class Office:
    """The whole add-in with synchronisation, between fakes."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.sync = Sync(
            config=CONFIG,
            keys=(KEY,),
            outside=Outside(
                events=bench.outlook,
                conversations=bench.unblu,
                subscriptions=bench.kubernetes,
                lease=bench.lease,
                verify=self._verify,
                known_to_unblu=self._known,
            ),
            clock=FakeClock(),
            metrics=bench.metrics,
        )

    async def _verify(self, _: str) -> Caller:
        return Caller(ANNA, "anna@bank.example")

    async def _known(self, _: str) -> None:
        return None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Sync]:
        async with self.sync.running():
            yield self.sync

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Client]:
        async with TestClient(TestServer(build_app(CONFIG, sync=self.running))) as client:
            yield client


def delivery(event_id: str) -> str:
    item = {
        "subscriptionId": "subscription",
        "tenantId": TENANT,
        "clientState": issue(KEY, ANNA),
        "changeType": "updated",
        "resourceData": {"id": event_id},
    }
    return json.dumps({"value": [item]})


async def test_a_notification_renames_the_conversation(bench: Bench) -> None:
    bench.unblu.put(ANNA, 1)
    bench.outlook.put(ANNA, "event", subject="Mortgage")
    async with Office(bench).open() as client:
        async with client.post("/addin/graph/notifications", data=delivery("event")) as answer:
            assert answer.status == 202
        await until(lambda: bench.conversation.topic == "Mortgage")


async def test_what_was_acknowledged_is_done_before_the_process_ends(bench: Bench) -> None:
    bench.unblu.put(ANNA, 1)
    bench.outlook.put(ANNA, "event", subject="Mortgage")
    async with Office(bench).open() as client:
        await client.post("/addin/graph/notifications", data=delivery("event"))
    assert bench.conversation.topic == "Mortgage"


async def test_what_changed_while_nobody_was_there_is_repaired_at_start(bench: Bench) -> None:
    bench.unblu.put(ANNA, 1, marker=Marker("event", START))
    bench.outlook.put(ANNA, "event", start=TOMORROW.replace(hour=15))
    async with Office(bench).open():
        await until(lambda: bench.conversation.scheduled == TOMORROW.replace(hour=15))


async def test_an_agent_subscribes_her_mailbox_over_http(bench: Bench) -> None:
    async with Office(bench).open() as client:
        async with client.put("/addin/api/mailbox", headers={"Authorization": "Bearer t"}) as answer:
            assert (await answer.json())["subscription"]["ready"] is False
        assert bench.kubernetes.addresses == {ANNA: "anna@bank.example"}


async def test_readiness_follows_the_worker(bench: Bench) -> None:
    office = Office(bench)
    async with office.open() as client:
        async with client.get("/ready") as answer:
            assert answer.status == 200
        await office.sync.worker.drain()
        async with client.get("/ready") as answer:
            assert answer.status == 503
        async with client.get("/live") as answer:
            assert answer.status == 200
