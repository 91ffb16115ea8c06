import json
from datetime import timedelta
from typing import Any

import pytest

from outlook_addin_core.domain.config import AddinConfig, ConfigError, default_addin_id, default_token_scope

CLIENT = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
GATEWAY_CLIENT = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
TENANT = "cccccccc-cccc-4ccc-8ccc-cccccccccccc"
OTHER_TENANT = "dddddddd-dddd-4ddd-8ddd-dddddddddddd"
MINIMUM: dict[str, Any] = {
    "deploymentUrl": "https://outlook.bank.example/",
    "unbluOAuthBackendUrl": "https://unblu.bank.example/gateway",
    "clientId": CLIENT,
    "tenantIds": [TENANT, OTHER_TENANT],
}
ARTICLE = MINIMUM | {
    "deploymentAddinEndpoint": "addin",
    "authority": "https://login.microsoftonline.com/common",
    "syncServerEnabled": True,
    "syncServerAuthGatewayClientId": GATEWAY_CLIENT,
    "syncServerSubscriptionExpiration": "36000000",
    "syncServerSubscriptionRenewalLimit": "72000000",
    "syncServerPollingCronInterval": "*/1 * * * *",
    "logLevel": "debug",
}


def read(**changes: Any) -> AddinConfig:
    return AddinConfig.from_json(json.dumps(MINIMUM | changes))


def test_the_documented_example_is_understood() -> None:
    config = AddinConfig.from_json(json.dumps(ARTICLE).encode())
    assert config.sync_server_enabled
    assert config.sync_server_subscription_expiration == timedelta(hours=10)
    assert config.sync_server_subscription_renewal_limit == timedelta(hours=20)
    assert config.tenant_ids == (TENANT, OTHER_TENANT)
    assert config.log_level == "debug"


def test_the_documented_defaults_hold() -> None:
    config = read()
    assert config.deployment_addin_endpoint == "addin"
    assert config.authority == "https://login.microsoftonline.com/common"
    assert not config.sync_server_enabled
    assert config.sync_server_polling_cron_interval == "*/1 * * * *"
    assert (config.log_level, config.debug_mode, config.show_debug_pane) == ("info", False, False)
    assert config.sync_server_sweep_interval == timedelta(minutes=15)
    assert config.sync_server_idle_subscription_retention == timedelta(days=30)
    assert config.sync_server_draft_grace_period is None


def test_a_configuration_survives_being_written_and_read() -> None:
    own = {"frameAncestors": ["https://one.example"], "invitationTexts": {"de": "Grüezi", "default": "Hi"}}
    config = AddinConfig.from_json(json.dumps(ARTICLE | own))
    assert AddinConfig.from_json(config.to_json()) == config
    assert AddinConfig.from_json(config.to_json()).to_json() == config.to_json()


def test_documented_keys_keep_their_order_and_form() -> None:
    document = json.loads(AddinConfig.from_json(json.dumps(ARTICLE)).to_json())
    documented = [key for key in document if key in ARTICLE]
    assert documented[:4] == ["deploymentUrl", "deploymentAddinEndpoint", "unbluOAuthBackendUrl", "clientId"]
    assert document["syncServerSubscriptionExpiration"] == "36000000"
    assert document["syncServerEnabled"] is True


def test_an_unset_limit_is_left_out() -> None:
    assert "syncServerSubscriptionRenewalLimit" not in json.loads(read().to_json())


def test_keys_of_a_later_version_do_no_harm() -> None:
    assert read(somethingNew={"a": 1}) == read()


def test_defaults_that_depend_on_the_client_are_filled_in() -> None:
    config = read(clientId=CLIENT.upper())
    assert config.addin_id == default_addin_id(CLIENT) != CLIENT
    assert config.token_scope == default_token_scope(CLIENT) == f"{CLIENT}/.default"


def test_urls_follow_from_the_deployment() -> None:
    config = read(deploymentAddinEndpoint="/team/addin/")
    assert config.base_url == "https://outlook.bank.example/team/addin"
    assert config.manifest_url == f"{config.base_url}/manifest.xml"
    assert config.notification_url("a b&c") == f"{config.base_url}/graph/notifications?installation=a%20b%26c"
    assert config.lifecycle_url("1") == f"{config.base_url}/graph/lifecycle?installation=1"


def test_the_gateway_token_comes_from_the_first_tenant_unless_configured() -> None:
    config = read(authority="https://localhost:8443/common", syncServerAuthGatewayClientId=GATEWAY_CLIENT)
    assert config.tenant_authority(OTHER_TENANT) == f"https://localhost:8443/{OTHER_TENANT}"
    assert config.gateway_token_url == f"https://localhost:8443/{TENANT}/oauth2/v2.0/token"
    assert config.gateway_scope == f"{GATEWAY_CLIENT}/.default"
    other = read(syncServerAuthGatewayTokenUrl="https://id.example/t", syncServerAuthGatewayScope="unblu")
    assert (other.gateway_token_url, other.gateway_scope) == ("https://id.example/t", "unblu")


@pytest.mark.parametrize("url", ["http://localhost:8080", "http://addin.localhost:9", "https://bank.example"])
def test_plain_http_is_for_this_machine_only(url: str) -> None:
    assert read(deploymentUrl=url).deployment_url == url


@pytest.mark.parametrize(
    ("key", "value", "remedy"),
    [
        ("deploymentUrl", "", "https URL"),
        ("deploymentUrl", "http://bank.example", "https URL"),
        ("deploymentUrl", "https://bank.example/?a=1", "https URL"),
        ("deploymentUrl", "https://bank.example:port", "https URL"),
        ("deploymentUrl", "https://user:pw@bank.example", "https URL"),
        ("deploymentAddinEndpoint", "a/../b", "a path"),
        ("deploymentAddinEndpoint", "a b", "a path"),
        ("clientId", "my-app", "a GUID"),
        ("tenantIds", [], "a list of GUIDs"),
        ("tenantIds", TENANT, "a list of GUIDs"),
        ("tenantIds", ["common"], "a list of GUIDs"),
        ("syncServerEnabled", "true", "without quotes"),
        ("syncServerEnabled", 0, "without quotes"),
        ("syncServerSubscriptionExpiration", "10h", "milliseconds"),
        ("syncServerSubscriptionExpiration", -1, "milliseconds"),
        ("syncServerPollingCronInterval", "every minute", "cron"),
        ("syncServerPollingCronInterval", "* * * * * *", "cron"),
        ("syncServerPollingCronInterval", "61 * * * *", "cron"),
        ("logLevel", "INFO", "debug, info"),
        ("syncServerMaxSubscriptions", 0, "whole number"),
        ("frameAncestors", [""], "a list"),
        ("invitationTexts", {}, "an object of texts"),
        ("invitationTexts", {"de": " "}, "an object of texts"),
        ("invitationTexts", ["Welcome"], "an object of texts"),
    ],
)
def test_a_bad_value_names_its_key_and_says_what_to_write(key: str, value: Any, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(**{key: value})
    assert caught.value.key == key
    assert str(caught.value).startswith(key)
    assert remedy in str(caught.value)


@pytest.mark.parametrize("key", sorted(MINIMUM))
def test_a_missing_key_is_named(key: str) -> None:
    with pytest.raises(ConfigError, match=f"^{key} is missing; write "):
        read(**{key: None})


def test_synchronising_needs_the_gateway_client() -> None:
    with pytest.raises(ConfigError, match="syncServerAuthGatewayClientId"):
        read(syncServerEnabled=True)


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_what_is_not_a_json_object_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^addin\.json is not"):
        AddinConfig.from_json(text)
