import asyncio
import base64
import json
import os
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import ClientConnectionError, ClientSession, web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from outlook_addin_core.domain.client_state import issue
from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_web.settings import Settings, SettingsError
from web.fakes import ANNA, CONFIG, KEY
from web.polling import until

SYNC_ENV = {
    "ADDIN_NAME": "outlook-addin",
    "POD_NAMESPACE": "bank",
    "WEBHOOK_KEY": base64.urlsafe_b64encode(KEY).decode(),
    "CLIENT_SECRET": "s1",
    "SYNCSERVER_AUTH_GATEWAY_CLIENT_SECRET": "s2",
}
KUBECONFIG = """
apiVersion: v1
kind: Config
current-context: test
contexts: [{name: test, context: {cluster: test, user: test}}]
clusters: [{name: test, cluster: {server: "http://127.0.0.1:9"}}]
users: [{name: test, user: {token: t}}]
"""


def test_the_documented_variables_are_read() -> None:
    settings = Settings.from_env(
        {
            **SYNC_ENV,
            "ADDIN_CONFIG": "/c.json",
            "LISTEN_ADDRESS": "127.0.0.9",
            "PORT": "1",
            "METRICS_PORT": "2",
        }
    )
    assert settings == Settings(
        config_path=Path("/c.json"),
        addin_name="outlook-addin",
        namespace="bank",
        webhook_keys=(KEY,),
        client_secret="s1",
        gateway_client_secret="s2",
        listen_address="127.0.0.9",
        port=1,
        metrics_port=2,
    )


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    text = repr(Settings.from_env({**SYNC_ENV, "CLIENT_SECRET": "a-client-secret"}))
    assert "a-client-secret" not in text
    assert str(KEY) not in text


@pytest.mark.parametrize("key", ["short", "!" * 43, base64.urlsafe_b64encode(b"x" * 31).decode()])
def test_a_webhook_key_that_is_none_is_refused(key: str) -> None:
    with pytest.raises(SettingsError, match="WEBHOOK_KEY"):
        Settings.from_env({"WEBHOOK_KEY": key})


@pytest.mark.parametrize("port", ["http", "-1", "70000", "8080.5"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(SettingsError, match="PORT"):
        Settings.from_env({"PORT": port})


@pytest.mark.parametrize("name", SYNC_ENV)
def test_everything_that_synchronising_needs_must_be_there(name: str, config: AddinConfig) -> None:
    environ = {key: value for key, value in SYNC_ENV.items() if key != name}
    with pytest.raises(SettingsError, match=name):
        Settings.from_env(environ).check(config)


def test_without_synchronisation_no_secret_is_needed(config: AddinConfig) -> None:
    Settings.from_env({}).check(replace(config, sync_server_enabled=False))


@pytest.mark.parametrize(("path", "said"), [("nowhere/ca.crt", "No such file"), ("", "Is a directory")])
def test_a_ca_bundle_that_is_no_file_is_named(tmp_path: Path, path: str, said: str) -> None:
    bundle = tmp_path / path
    with pytest.raises(SettingsError, match=f"CA_BUNDLE names {bundle}, which cannot be read: {said}"):
        Settings.from_env({**SYNC_ENV, "CA_BUNDLE": str(bundle)})


@pytest.mark.parametrize("content", [b"nonsense", b"\xff\xfe\x00", b""])
def test_a_ca_bundle_without_certificates_is_named(tmp_path: Path, content: bytes) -> None:
    bundle = tmp_path / "ca.crt"
    bundle.write_bytes(content)
    with pytest.raises(SettingsError, match="holds no readable PEM certificates"):
        Settings.from_env({**SYNC_ENV, "CA_BUNDLE": str(bundle)})


def free_ports() -> tuple[int, int]:
    """Return two ports of the loopback that nobody listens on."""
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


async def start(environ: dict[str, str]) -> Process:
    base = {"PATH": os.environ["PATH"], "LISTEN_ADDRESS": "127.0.0.1"}
    command = "from outlook_addin_web.main import main; main()"
    arguments = (sys.executable, "-W", "error", "-c", command)
    return await asyncio.create_subprocess_exec(*arguments, stdout=PIPE, stderr=PIPE, env={**base, **environ})


@asynccontextmanager
async def serving(environ: dict[str, str]) -> AsyncIterator[tuple[Process, ClientSession, int, int]]:
    """Run the server as a process of its own until the block ends."""
    port, metrics_port = free_ports()
    process = await start({**environ, "PORT": str(port), "METRICS_PORT": str(metrics_port)})
    try:
        async with ClientSession() as session:
            await until_ready(process, session, port)
            yield process, session, port, metrics_port
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def until_ready(process: Process, session: ClientSession, port: int) -> None:
    async with asyncio.timeout(20):
        while True:
            assert process.returncode is None, (await process.communicate())[1].decode()
            try:
                async with session.get(f"http://127.0.0.1:{port}/ready") as answer:
                    if answer.status == 200:
                        return
            except ClientConnectionError:
                pass
            await asyncio.sleep(0.02)


def written(tmp_path: Path, config: AddinConfig) -> dict[str, str]:
    path = tmp_path / "addin.json"
    path.write_text(config.to_json())
    return {"ADDIN_CONFIG": str(path)}


def resident_mebibytes(process: Process) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) // 1024


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("{", "not JSON"), ("{}", "deploymentUrl is missing"), (None, "cannot be read")],
)
async def test_a_bad_configuration_ends_the_process_with_one_sentence(
    tmp_path: Path, text: str | None, complaint: str
) -> None:
    path = tmp_path / "addin.json"
    if text is not None:
        path.write_text(text)
    process = await start({"ADDIN_CONFIG": str(path)})
    stdout, stderr = await process.communicate()
    assert (process.returncode, stdout) == (2, b"")
    assert len(stderr.decode().splitlines()) == 1
    assert complaint in stderr.decode()


async def test_without_synchronisation_it_serves_in_little_memory_and_stops_when_told(tmp_path: Path) -> None:
    config = replace(CONFIG, sync_server_enabled=False)
    async with serving(written(tmp_path, config)) as (process, session, port, metrics_port):
        async with session.get(f"http://127.0.0.1:{port}/addin/manifest.xml") as answer:
            assert (answer.status, answer.content_type) == (200, "text/xml")
        async with session.get(f"http://127.0.0.1:{metrics_port}/metrics") as answer:
            exposed = await answer.text()
            assert "process_resident_memory_bytes" in exposed
            assert "outlook_addin_" not in exposed  # an alert would take zeros for failures
        assert resident_mebibytes(process) < 64
        process.terminate()
        stdout, stderr = await process.communicate()
    assert (process.returncode, stderr) == (0, b"")
    assert [json.loads(line)["message"] for line in stdout.decode().splitlines()] == ["serving", "stopping"]


def alone(tmp_path: Path) -> dict[str, str]:
    """Return the environment of a server that reaches nobody."""
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    dead = "http://localhost:9"
    config = replace(
        CONFIG,
        authority=f"{dead}/common",
        graph_url=dead,
        unblu_oauth_backend_url=dead,
        sync_server_auth_gateway_token_url=f"{dead}/token",
    )
    return {**SYNC_ENV, **written(tmp_path, config), "KUBECONFIG": str(tmp_path / "kubeconfig")}


async def test_traces_go_to_the_endpoint_that_the_environment_names(tmp_path: Path) -> None:
    received: list[ExportTraceServiceRequest] = []

    async def collect(request: web.Request) -> web.Response:
        received.append(ExportTraceServiceRequest.FromString(await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", collect)
    item = {
        "subscriptionId": "subscription",
        "tenantId": ANNA.tenant_id,
        "clientState": issue(KEY, ANNA),
        "changeType": "updated",
        "resourceData": {"id": "event"},
    }
    async with TestServer(app) as collector:
        environ = {**alone(tmp_path), "OTEL_EXPORTER_OTLP_ENDPOINT": str(collector.make_url("")).rstrip("/")}
        async with serving(environ) as (process, session, port, _):
            url = f"http://127.0.0.1:{port}/addin/graph/notifications"
            async with session.post(url, json={"value": [item]}) as answer:
                assert answer.status == 202
            process.terminate()
            _, stderr = await process.communicate()
        assert (process.returncode, stderr) == (0, b"")
    resources = [each for request in received for each in request.resource_spans]
    names = {span.name for each in resources for scope in each.scope_spans for span in scope.spans}
    assert "notification" in names
    services = {pair.value.string_value for each in resources for pair in each.resource.attributes}
    assert {"outlook-addin-web", "bank"} <= services


async def test_with_synchronisation_it_starts_although_nothing_else_is_there(tmp_path: Path) -> None:
    async with serving(alone(tmp_path)) as (process, session, port, _):
        url = f"http://127.0.0.1:{port}/addin/graph/notifications?validationToken=hello"
        async with session.post(url) as answer:
            assert (answer.status, await answer.text()) == (200, "hello")
        assert resident_mebibytes(process) < 100
        process.terminate()
        await until(lambda: process.returncode is not None)
        _, stderr = await process.communicate()
    assert (process.returncode, stderr) == (0, b"")
