"""A field that the schema offers has an effect: changing it changes what is rendered."""

import copy
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from operator_.test_addin_plan import CLIENT, addin, observe, planned

ROOT = Path(__file__).resolve().parents[2]
GATE = {"name": "gate"}
PEER: Mapping[str, Any] = {"podSelector": {}}
NEEDED: Mapping[str, Any] = {
    "autoscaling": {"maxReplicas": 3},
    "httpRoute": {"parentRefs": [GATE]},
    "podMonitor": {},
    "ingress": {},
    "route": {},
}
"""What has to be there for a field below to be looked at."""

OTHER: Mapping[str, Any] = {
    "deploymentUrl": "https://other.bank.example",
    "deploymentAddinEndpoint": "other",
    "unbluOAuthBackendUrl": "https://other.bank.example/gateway",
    "clientId": "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa",
    "authority": "https://login.microsoftonline.us/common",
    "tenantIds": [CLIENT],
    "addinId": "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb",
    "tokenScope": "api://other/.default",
    "graphUrl": "https://graph.microsoft.us",
    "logLevel": "debug",
    "debugMode": True,
    "showDebugPane": True,
    "credentials.type": "WorkloadIdentity",
    "credentials.certificateRef.name": "tls",
    "credentials.secretRef.name": "other",
    "syncServer.enabled": False,
    "syncServer.authGateway.clientId": "other",
    "syncServer.authGateway.tokenUrl": "https://other.bank.example/token",
    "syncServer.authGateway.scope": "other",
    "syncServer.subscriptionExpiration": "10h",
    "syncServer.subscriptionRenewalLimit": "1h",
    "syncServer.pollingCronInterval": "*/5 * * * *",
    "syncServer.deletionGracePeriod": "1m",
    "syncServer.draftGracePeriod": "24h",
    "syncServer.sweepInterval": "1h",
    "syncServer.idleSubscriptionRetention": "24h",
    "syncServer.maxSubscriptions": 7,
    "client.officeJsUrl": "https://other.bank.example/office.js",
    "client.frameAncestors": ["https://other.bank.example"],
    "client.conversationTemplateId": "other",
    "client.invitationTextRef.name": "words",
    "image": "other:1",
    "imagePullSecrets": [{"name": "pull"}],
    "replicas": 3,
    "resources.requests": {"cpu": "1"},
    "resources.limits": {"cpu": "2"},
    "podTemplate.labels": {"a": "b"},
    "podTemplate.annotations": {"a": "b"},
    "podTemplate.nodeSelector": {"a": "b"},
    "podTemplate.priorityClassName": "high",
    "podTemplate.tolerations": [{"operator": "Exists"}],
    "podTemplate.affinity": {"nodeAffinity": {}},
    "podTemplate.topologySpreadConstraints": [{"maxSkew": 1}],
    "suspend": True,
    "autoscaling.minReplicas": 2,
    "autoscaling.maxReplicas": 9,
    "autoscaling.targetCPUUtilizationPercentage": 50,
    "disruptionBudget.minAvailable": 1,
    "disruptionBudget.maxUnavailable": 2,
    "networkPolicy.from": [PEER],
    "networkPolicy.metricsFrom": [PEER],
    "networkPolicy.to": [PEER],
    "podMonitor.labels": {"a": "b"},
    "podMonitor.interval": "7s",
    "tracing.endpoint": "http://collector:4318",
    "proxy.httpProxy": "http://proxy:1",
    "proxy.httpsProxy": "http://proxy:1",
    "proxy.noProxy": "bank.example",
    "proxy.caBundleRef.name": "ca",
    "proxy.caBundleRef.key": "root.pem",
    "ingress.className": "nginx",
    "ingress.annotations": {"a": "b"},
    "ingress.tlsSecretName": "tls",
    "httpRoute.annotations": {"a": "b"},
    "httpRoute.parentRefs": [{"name": "other"}],
    "route.annotations": {"a": "b"},
}
BESIDE: Mapping[str, Mapping[str, Any]] = {
    "credentials.certificateRef.name": {"type": "Certificate"},
    "proxy.noProxy": {"httpsProxy": "http://proxy:1"},
    "proxy.caBundleRef.key": {"caBundleRef": {"name": "ca"}},
}
"""What else stands beside a field, before and after."""

ELSEWHERE = {
    "credentials.expirationTime",  # nothing is rendered: test_expiry.py
    "route.termination",  # one value is left: tests/crds/test_validation.py
}


def leaves(schema: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        below = list(leaves(field, f"{path}{name}."))
        yield from below or [f"{path}{name}"]


def spec_schema() -> Mapping[str, Any]:
    crd = yaml.safe_load((ROOT / "crds" / "outlookaddins.yaml").read_text())
    schema: Mapping[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema["properties"]["spec"]  # type: ignore[no-any-return]


def rendered(spec: Mapping[str, Any]) -> str:
    body = addin()
    body["spec"] |= spec
    todo = planned(observe(body, config_map={"data": {"default": "Welcome"}}))
    return json.dumps([todo.apply, todo.create], sort_keys=True)


def test_the_table_has_every_field_of_the_schema() -> None:
    assert set(leaves(spec_schema())) == set(OTHER) | ELSEWHERE


@pytest.mark.parametrize("path", OTHER)
def test_every_field_has_an_effect(path: str) -> None:
    top, *below = path.split(".")
    standing = copy.deepcopy(dict(NEEDED.get(top, {})) | dict(BESIDE.get(path, {})))
    if top == "syncServer":
        standing = addin()["spec"]["syncServer"]
    before: dict[str, Any] = {top: standing} if standing or top in NEEDED else {}
    after = copy.deepcopy(before)
    place = after
    for name in (top, *below)[:-1]:
        place = place.setdefault(name, {})
    place[(top, *below)[-1]] = OTHER[path]
    assert rendered(before) != rendered(after)
