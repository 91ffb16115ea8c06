import base64
import json
from typing import Any

import pytest

from outlook_addin_core.domain.clock import SystemClock
from outlook_addin_operator.addin.objects import (
    configmap,
    deployment,
    httproute,
    ingress,
    rolebinding,
    route,
    service,
    serviceaccount,
    webhook_key,
)
from outlook_addin_operator.addin.objects.labels import selector
from outlook_addin_operator.addin.spec import AddinView, admin_consent_urls, view
from outlook_addin_operator.credentials import interpret
from outlook_addin_operator.graph_access import GraphAccessCache
from outlook_addin_web import main, sync, worker

CLIENT = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
TENANT = "11111111-2222-3333-4444-555555555555"


def addin(*, sync: bool = False, name: str = "desk", **spec: Any) -> AddinView:
    return view(
        {
            "metadata": {
                "name": name,
                "namespace": "bank",
                "uid": "uid-1",
                "generation": 1,
                "labels": {"x": "y"},
            },
            "spec": {
                "deploymentUrl": "https://outlook.bank.example",
                "unbluOAuthBackendUrl": "https://unblu.bank.example/gateway",
                "clientId": CLIENT,
                "tenantIds": [TENANT],
                "syncServer": {"enabled": sync, "authGateway": {"clientId": "gateway"}},
                **spec,
            },
        }
    )


def pod(view_: AddinView) -> dict[str, Any]:
    body = deployment.build(view_, image="web:1", config_hash="h")
    result: dict[str, Any] = body["spec"]["template"]["spec"]
    return result


def variables(view_: AddinView) -> dict[str, Any]:
    [container] = pod(view_)["containers"]
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in container["env"]}


def everything(view_: AddinView) -> list[dict[str, Any]]:
    owner, config = view_.owner, view_.config
    return [
        configmap.build(owner, config),
        webhook_key.build(owner, bytes(32)),
        serviceaccount.build(owner),
        rolebinding.build(owner),
        deployment.build(view_, image="web:1", config_hash="h"),
        service.build(owner),
        ingress.build(owner, config, {}),
        httproute.build(owner, config, {"parentRefs": [{"name": "gate"}]}),
        route.build(owner, config, {}),
    ]


def test_every_child_belongs_to_its_addin_and_copies_no_label() -> None:
    for body in everything(addin()):
        [owner] = body["metadata"]["ownerReferences"]
        assert (owner["uid"], owner["controller"], owner["blockOwnerDeletion"]) == ("uid-1", True, True)
        labels = body["metadata"]["labels"]
        assert labels["component"] == "outlook-addin"
        assert labels["app.kubernetes.io/instance"] == "desk"
        assert labels["app.kubernetes.io/managed-by"] == "outlook-addin-operator"
        assert "x" not in labels


def test_two_addins_of_one_namespace_do_not_share_pods() -> None:
    one, other = addin(name="one"), addin(name="other")
    labels = deployment.build(one, image="i", config_hash="h")["spec"]["template"]["metadata"]["labels"]
    assert selector(one.owner).items() <= labels.items()
    assert not selector(other.owner).items() <= labels.items()


@pytest.mark.parametrize("sync", [False, True])
def test_pods_meet_the_restricted_standard_under_any_user_id(sync: bool) -> None:  # noqa: FBT001
    spec = pod(addin(sync=sync))
    [container] = spec["containers"]
    assert spec["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert spec["automountServiceAccountToken"] is False
    assert all({"configMap", "emptyDir", "projected"} & set(volume) for volume in spec["volumes"])
    assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]
    assert "runAsUser" not in json.dumps(spec)


def test_a_pod_may_finish_its_work_before_it_is_killed() -> None:
    # the add-in's port and its requests, the worker, the last reports, the port of the metrics
    stopping = main.SHUTDOWN_SECONDS + worker.DRAIN_SECONDS + sync.LAST_WORDS + main.SHUTDOWN_SECONDS
    assert deployment.DRAIN_SECONDS + stopping + 5 <= pod(addin())["terminationGracePeriodSeconds"]


def test_the_probes_are_those_of_the_documentation() -> None:
    [container] = pod(addin())["containers"]
    ready, live = container["readinessProbe"], container["livenessProbe"]
    names = ("initialDelaySeconds", "periodSeconds", "failureThreshold", "successThreshold", "timeoutSeconds")
    assert [ready[name] for name in names] == [5, 5, 1, 1, 5]
    assert [live[name] for name in names] == [10, 15, 3, 1, 5]
    assert (ready["httpGet"]["path"], live["httpGet"]["path"]) == ("/ready", "/live")


def test_the_configuration_stands_at_both_documented_paths() -> None:
    [container] = pod(addin())["containers"]
    paths = {
        mount["mountPath"] for mount in container["volumeMounts"] if mount.get("subPath") == "addin.json"
    }
    assert paths == {
        "/home/node/app/addin/config/addin.json",
        "/home/node/app/addin/configuration/addin.json",
    }
    assert variables(addin())["ADDIN_CONFIG"] in paths


def test_without_synchronisation_there_is_no_token_and_the_secret_is_optional() -> None:
    spec = pod(addin())
    [container] = spec["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "outlook-addin-secrets", "optional": True}}]
    assert "WEBHOOK_KEY" not in variables(addin())
    assert not any("projected" in volume for volume in spec["volumes"])


def test_with_synchronisation_the_pod_has_a_token_and_the_key() -> None:
    view_ = addin(sync=True, credentials={"secretRef": {"name": "own"}})
    [container] = pod(view_)["containers"]
    assert container["envFrom"] == [{"secretRef": {"name": "own", "optional": False}}]
    assert variables(view_)["WEBHOOK_KEY"] == {"secretKeyRef": {"name": "desk-webhook-key", "key": "key"}}
    folder = variables(view_)["SERVICE_ACCOUNT_DIR"]
    assert folder in {mount["mountPath"] for mount in container["volumeMounts"]}


def test_a_proxy_never_stands_between_the_pod_and_the_api_server() -> None:
    view_ = addin(proxy={"httpsProxy": "http://proxy:3128", "noProxy": "bank.example"})
    assert variables(view_)["HTTPS_PROXY"] == "http://proxy:3128"
    assert variables(view_)["NO_PROXY"].split(",") == [
        "bank.example",
        "kubernetes.default.svc",
        "$(KUBERNETES_SERVICE_HOST)",
    ]
    assert "NO_PROXY" not in variables(addin())


def test_traces_go_to_the_collector_that_the_spec_names_and_nowhere_else() -> None:
    view_ = addin(tracing={"endpoint": "http://collector:4318"})
    assert variables(view_)["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector:4318"
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" not in variables(addin())


def test_a_ca_bundle_is_mounted_whatever_its_key_is_called() -> None:
    view_ = addin(proxy={"caBundleRef": {"name": "ca", "key": "root.pem"}})
    volumes = {volume["name"]: volume for volume in pod(view_)["volumes"]}
    assert volumes["ca"]["configMap"] == {"name": "ca", "items": [{"key": "root.pem", "path": "ca.crt"}]}
    assert variables(view_)["CA_BUNDLE"] == "/etc/outlook-addin/ca/ca.crt"


def test_what_the_pod_template_adds_does_not_replace_what_the_operator_sets() -> None:
    extra = {
        "labels": {"team": "video", "component": "mine"},
        "annotations": {"note": "1", "outlook-addin.dev/config-hash": "mine"},
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"operator": "Exists"}],
    }
    template = deployment.build(addin(podTemplate=extra), image="i", config_hash="h")["spec"]["template"]
    assert template["metadata"]["labels"]["team"] == "video"
    assert template["metadata"]["labels"]["component"] == "outlook-addin"
    assert template["metadata"]["annotations"] == {"note": "1", "outlook-addin.dev/config-hash": "h"}
    assert template["spec"]["nodeSelector"] == {"disk": "ssd"}
    assert template["spec"]["tolerations"] == [{"operator": "Exists"}]


def test_the_spec_chooses_image_and_replicas() -> None:
    body = deployment.build(addin(image="own:2", replicas=3), image="web:1", config_hash="h")
    assert body["spec"]["replicas"] == 3
    assert body["spec"]["template"]["spec"]["containers"][0]["image"] == "own:2"


def test_the_configuration_keeps_the_documented_forms() -> None:
    view_ = addin(sync=True, logLevel="debug")
    data = json.loads(configmap.build(view_.owner, view_.config)["data"]["addin.json"])
    assert data["syncServerSubscriptionExpiration"] == "518400000"
    assert data["syncServerSweepInterval"] == "900000"
    assert data["syncServerIdleSubscriptionRetention"] == "2592000000"
    assert "syncServerDraftGracePeriod" not in data
    assert data["logLevel"] == "debug"
    assert "SECRET" not in json.dumps(data)


def test_of_a_national_cloud_everything_follows_authority_and_graph_url() -> None:
    view_ = addin(
        sync=True,
        authority="https://login.microsoftonline.us/common",
        graphUrl="https://graph.microsoft.us",
        client={"frameAncestors": ["https://outlook.office365.us"]},
    )
    config, text = view_.config, json.dumps(everything(view_))
    assert not any(
        host in text for host in ("microsoftonline.com", "graph.microsoft.com", "outlook.office.com")
    )
    assert config.gateway_token_url == f"https://login.microsoftonline.us/{TENANT}/oauth2/v2.0/token"
    assert admin_consent_urls(config)[0].startswith(
        f"https://login.microsoftonline.us/{TENANT}/adminconsent?"
    )


async def test_the_operator_asks_the_national_cloud_for_its_own_tokens() -> None:
    view_ = addin(
        sync=True, authority="https://login.partner.example/common", graphUrl="https://graph.partner.example"
    )
    secret = {"CLIENT_SECRET": "one", "SYNCSERVER_AUTH_GATEWAY_CLIENT_SECRET": "two"}
    data = {name: base64.b64encode(text.encode()).decode() for name, text in secret.items()}
    cache = GraphAccessCache(SystemClock(), lambda _operation, _outcome: None)
    access = cache.get(view_, TENANT, interpret(view_, {"data": data}, None, None))
    assert str(access.client.base_url).rstrip("/") == "https://graph.partner.example"
    assert access.tokens._authority == f"https://login.partner.example/{TENANT}"
    assert access.tokens._scope == "https://graph.partner.example/.default"
    await cache.aclose()


def test_the_webhook_key_is_read_back_as_it_was_written() -> None:
    key = bytes(range(32))
    body = webhook_key.build(addin().owner, key)
    stored = {"data": {"key": base64.b64encode(body["stringData"]["key"].encode()).decode()}}
    assert webhook_key.read(stored) == key
    assert webhook_key.read({"data": {"key": "c2hvcnQ="}}) is None
    assert webhook_key.read(None) is None


def test_every_way_in_leads_to_the_host_and_path_of_the_deployment_url() -> None:
    view_ = addin(deploymentUrl="https://bank.example/outlook")
    owner, config = view_.owner, view_.config
    rule = ingress.build(owner, config, {"tlsSecretName": "tls"})["spec"]
    assert rule["rules"][0]["host"] == "bank.example"
    assert rule["rules"][0]["http"]["paths"][0]["path"] == "/outlook/addin"
    assert rule["tls"] == [{"hosts": ["bank.example"], "secretName": "tls"}]
    gate = httproute.build(owner, config, {"parentRefs": [{"name": "gate"}]})["spec"]
    assert gate["hostnames"] == ["bank.example"]
    assert gate["rules"][0]["matches"][0]["path"]["value"] == "/outlook/addin"
    way = route.build(owner, config, {"termination": "edge"})["spec"]
    assert (way["host"], way["path"], way["tls"]["termination"]) == (
        "bank.example",
        "/outlook/addin",
        "edge",
    )
