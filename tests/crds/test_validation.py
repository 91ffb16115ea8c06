"""What the API server says to wrong input: every sentence names the field and what to write instead."""

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from outlook_addin_sandbox.cluster.errors import KubectlError
from outlook_addin_sandbox.cluster.kubectl import Kubectl

ROOT = Path(__file__).resolve().parents[2]
GUID = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
OTHER_GUID = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"

JSON = dict[str, Any]

pytestmark = pytest.mark.usefixtures("crds")


@pytest.fixture
def apply(kubectl: Kubectl, namespace: str) -> Callable[[JSON], JSON]:
    def apply_and_read(resource: JSON) -> JSON:
        answer = kubectl("apply", "-n", namespace, "-o", "json", "-f", "-", input_text=json.dumps(resource))
        read: JSON = json.loads(answer)
        return read

    return apply_and_read


def addin(**spec: Any) -> JSON:
    required = {
        "deploymentUrl": "https://outlook.bank.example",
        "unbluOAuthBackendUrl": "https://unblu.bank.example/gateway",
        "clientId": GUID,
        "tenantIds": [OTHER_GUID],
    }
    return {
        "apiVersion": "outlook-addin.dev/v1alpha1",
        "kind": "OutlookAddin",
        "metadata": {"name": "outlook-addin"},
        "spec": required | spec,
    }


def subscription(**spec: Any) -> JSON:
    required = {"addinRef": {"name": "outlook-addin"}, "tenantId": GUID, "userId": OTHER_GUID}
    return {
        "apiVersion": "outlook-addin.dev/v1alpha1",
        "kind": "CalendarSubscription",
        "metadata": {"name": "outlook-addin-0123456789"},
        "spec": required | spec,
    }


def test_the_smallest_addin_gets_the_documented_defaults(apply: Callable[[JSON], JSON]) -> None:
    spec = apply(addin())["spec"]

    assert spec["deploymentAddinEndpoint"] == "addin"
    assert spec["authority"] == "https://login.microsoftonline.com/common"
    assert spec["replicas"] == 1
    assert spec["resources"] == {
        "requests": {"memory": "128Mi", "cpu": "100m"},
        "limits": {"memory": "128Mi", "cpu": "1000m"},
    }
    assert spec["syncServer"]["enabled"] is False
    assert spec["syncServer"]["pollingCronInterval"] == "*/1 * * * *"
    assert spec["syncServer"]["sweepInterval"] == "15m"
    assert spec["syncServer"]["idleSubscriptionRetention"] == "720h"
    assert "draftGracePeriod" not in spec["syncServer"]
    assert spec["logLevel"] == "info"
    assert spec["credentials"] == {
        "type": "ClientSecret",
        "secretRef": {"name": "outlook-addin-secrets"},
    }


SYNC = {"enabled": True, "authGateway": {"clientId": "gateway"}}


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        ({"clientId": "my-app"}, "spec.clientId: .*must be a GUID such as"),
        ({"tenantIds": ["bank"]}, r"spec.tenantIds\[0\]: .*must be a GUID such as"),
        ({"tenantIds": []}, "spec.tenantIds: .*should have at least 1 items"),
        ({"addinId": "id"}, "spec.addinId: .*must be a GUID such as"),
        ({"deploymentUrl": "http://outlook.bank.example"}, "spec.deploymentUrl: .*must start with https://"),
        (
            {"deploymentUrl": "https://outlook.bank.example/"},
            "spec.deploymentUrl: .*must not end with a slash",
        ),
        ({"deploymentUrl": "outlook"}, "spec.deploymentUrl: .*must be an absolute URL such as"),
        (
            {"unbluOAuthBackendUrl": "http://unblu.bank.example"},
            "spec.unbluOAuthBackendUrl: .*must start with https://",
        ),
        ({"graphUrl": "http://graph.microsoft.com"}, "spec.graphUrl: .*must start with https://"),
        ({"authority": "https://login.microsoftonline.com"}, "spec.authority: .*must be https://HOST/common"),
        (
            {"deploymentAddinEndpoint": "/addin/"},
            "spec.deploymentAddinEndpoint: .*one path segment without slashes",
        ),
        (
            {"autoscaling": {"minReplicas": 3, "maxReplicas": 2}},
            "spec.autoscaling: .*minReplicas must not be greater than maxReplicas",
        ),
        ({"autoscaling": {}}, "spec.autoscaling.maxReplicas: Required"),
        (
            {"disruptionBudget": {"minAvailable": 1, "maxUnavailable": 1}},
            "spec.disruptionBudget: .*at most one of minAvailable and maxUnavailable",
        ),
        (
            {"disruptionBudget": {"minAvailable": "half"}},
            "spec.disruptionBudget.minAvailable: .*must be a number of pods or a share such as 50%",
        ),
        ({"route": {"termination": "reencrypt"}}, "spec.route.termination: .*must be edge"),
        ({"tracing": {"endpoint": "collector:4318"}}, "spec.tracing.endpoint: .*must be an address such as"),
        ({"podMonitor": {"interval": "often"}}, "spec.podMonitor.interval: .*must be a duration such as 30s"),
        ({"logLevel": "warn"}, "spec.logLevel: .*supported values: .*warning"),
        (
            {"syncServer": {"enabled": True}},
            "spec.syncServer: .*authGateway.clientId must be set when enabled is true",
        ),
        (
            {"syncServer": SYNC | {"pollingCronInterval": "1m"}},
            "spec.syncServer.pollingCronInterval: .*five fields of UNIX cron",
        ),
        (
            {"syncServer": SYNC | {"subscriptionExpiration": "36000000"}},
            "subscriptionExpiration: .*must be a duration such as 36h",
        ),
        (
            {"syncServer": SYNC | {"subscriptionExpiration": "518400s"}},
            "subscriptionExpiration: .*must be a duration such as .*of five digits at most",
        ),
        (
            {"syncServer": SYNC | {"idleSubscriptionRetention": "2592000s"}},
            "idleSubscriptionRetention: .*of five digits at most",
        ),
        (
            {"syncServer": SYNC | {"subscriptionExpiration": "200h"}},
            "subscriptionExpiration: .*must lie between 1s and 166h40m",
        ),
        (
            {"syncServer": SYNC | {"subscriptionRenewalLimit": "0s"}},
            "subscriptionRenewalLimit must be at least 1s",
        ),
        (
            {"syncServer": SYNC | {"deletionGracePeriod": "5 min"}},
            "deletionGracePeriod: .*must be a duration such as",
        ),
        ({"syncServer": SYNC | {"sweepInterval": "0s"}}, "sweepInterval: .*must be at least 1s"),
        ({"syncServer": SYNC | {"draftGracePeriod": "a day"}}, "draftGracePeriod: .*must be a duration"),
        (
            {"syncServer": SYNC | {"idleSubscriptionRetention": "1h"}},
            "idleSubscriptionRetention: .*must be at least 24h",
        ),
        ({"client": {"frameAncestors": ["https://a.example/b"]}}, "must be an origin without a path"),
        ({"ingress": {}, "route": {}}, "at most one of ingress, httpRoute and route may be set"),
        ({"replicas": -1}, "spec.replicas: .*should be greater than or equal to 0"),
        ({"tenantId": GUID}, 'unknown field "spec.tenantId"'),
    ],
)
def test_a_wrong_value_is_refused_with_a_sentence(
    apply: Callable[[JSON], JSON], spec: JSON, sentence: str
) -> None:
    with pytest.raises(KubectlError) as refused:
        apply(addin(**spec))
    assert re.search(sentence, refused.value.stderr), refused.value.stderr


@pytest.mark.parametrize("name", ["1desk", "desk.bank", "d" * 53])
def test_a_name_that_no_child_can_bear_is_refused_with_a_sentence(
    apply: Callable[[JSON], JSON], name: str
) -> None:
    body = addin()
    body["metadata"]["name"] = name
    with pytest.raises(KubectlError) as refused:
        apply(body)
    assert "metadata.name must" in refused.value.stderr


@pytest.mark.parametrize(
    "url", ["http://localhost:8080", "http://addin.localhost:7401", "https://outlook.bank.example:8443/sub"]
)
def test_these_urls_are_accepted(apply: Callable[[JSON], JSON], url: str) -> None:
    assert apply(addin(deploymentUrl=url))["spec"]["deploymentUrl"] == url


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ({"addinId": GUID}, {"addinId": OTHER_GUID}, "addinId cannot be changed"),
        ({"addinId": GUID}, {}, "addinId cannot be changed"),
        ({}, {"clientId": OTHER_GUID}, "clientId cannot be changed while addinId is not set"),
    ],
)
def test_identity_cannot_change(
    apply: Callable[[JSON], JSON], before: JSON, after: JSON, sentence: str
) -> None:
    apply(addin(**before))
    with pytest.raises(KubectlError) as refused:
        apply(addin(**after))
    assert sentence in refused.value.stderr


def test_the_app_registration_can_change_while_the_manifest_id_stays(apply: Callable[[JSON], JSON]) -> None:
    apply(addin(addinId=GUID))
    assert apply(addin(addinId=GUID, clientId=OTHER_GUID))["spec"]["clientId"] == OTHER_GUID


@pytest.mark.parametrize("field", ["tenantId", "userId"])
def test_a_subscription_stays_with_its_mailbox(apply: Callable[[JSON], JSON], field: str) -> None:
    apply(subscription())
    with pytest.raises(KubectlError) as refused:
        apply(subscription(**{field: "cccccccc-cccc-4ccc-8ccc-cccccccccccc"}))
    assert "delete this CalendarSubscription and make a new one" in refused.value.stderr


def test_a_user_principal_name_is_refused_with_a_sentence(apply: Callable[[JSON], JSON]) -> None:
    with pytest.raises(KubectlError) as refused:
        apply(subscription(userId="anna@bank.example"))
    assert "spec.userId" in refused.value.stderr
    assert "must be a GUID in lower case such as" in refused.value.stderr


def test_subscriptions_can_be_selected_by_addin(
    apply: Callable[[JSON], JSON], kubectl: Kubectl, namespace: str
) -> None:
    apply(subscription())
    other = copy.deepcopy(subscription(addinRef={"name": "other"}))
    other["metadata"]["name"] = "other-0123456789"
    apply(other)

    names = kubectl("get", "csub", "-n", namespace, "--field-selector=spec.addinRef.name=other", "-o", "name")
    assert names.split() == ["calendarsubscription.outlook-addin.dev/other-0123456789"]


def test_explain_reads_like_documentation(kubectl: Kubectl) -> None:
    text = kubectl("explain", "oaddin.spec.syncServer")
    assert "Carries changes of an event (topic, time, deletion) from Outlook into Unblu" in " ".join(
        text.split()
    )


def test_both_kinds_have_their_columns_short_names_and_category(
    apply: Callable[[JSON], JSON], kubectl: Kubectl, namespace: str
) -> None:
    apply(addin())
    apply(subscription(mailbox="anna@bank.example"))

    assert kubectl("get", "oaddin", "-n", namespace).splitlines()[0].split() == [
        *("NAME", "READY", "REASON", "URL", "PODS", "SUBSCRIPTIONS", "FAILING", "AGE"),
    ]
    header, row = kubectl("get", "csub", "-n", namespace).splitlines()
    assert header.split("  ")[0] == "NAME"
    assert "anna@bank.example" in row
    assert len(kubectl("get", "outlook", "-n", namespace, "-o", "name").split()) == 2
