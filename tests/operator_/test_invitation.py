"""The words of invitations, from the ConfigMap to the pods and into the status."""

import json
from datetime import timedelta
from typing import Any

import pytest

from operator_.mill import ADDIN, Mill, settings
from operator_.test_addin_plan import addin, child, observe, planned, running, states, status_of
from outlook_addin_operator.addin.plan import Observed, Plan
from outlook_addin_operator.keys import Key

NAMED = {"invitationTextRef": {"name": "words"}}
WORDS = {"default": "Welcome\n\n{link}", "de-CH": "Grüezi", "zh-Hant-TW": "歡迎"}


def holding(texts: dict[str, str] | None, *children: dict[str, Any], **more: Any) -> Observed:
    """An OutlookAddin that names a ConfigMap with these texts; None if that does not exist."""
    config_map = None if texts is None else {"data": texts, **more}
    return observe(addin(client=NAMED), *children, config_map=config_map)


def config_map_of(todo: Plan) -> dict[str, Any]:
    [found] = [body for body in todo.apply if body["kind"] == "ConfigMap"]
    return found


def texts_of(todo: Plan) -> Any:
    return json.loads(config_map_of(todo)["data"]["addin.json"]).get("invitationTexts")


def told(observed: Observed, deployment: dict[str, Any] | None = None) -> tuple[str, str, str]:
    [ready] = [
        item for item in status_of(observed, deployment or running())["conditions"] if item["type"] == "Ready"
    ]
    return ready["status"], ready["reason"], ready["message"]


def test_the_texts_reach_the_pods_and_a_change_rolls_them() -> None:
    assert texts_of(planned(holding(WORDS))) == WORDS
    assert told(holding(WORDS))[:2] == ("True", "Available")
    hashes = {planned(holding(texts)).config_hash for texts in (WORDS, {"default": "Hello"})}
    assert len(hashes | {planned(observe(addin())).config_hash}) == 3


def test_the_order_of_the_keys_changes_nothing() -> None:
    backwards = dict(reversed(WORDS.items()))
    assert planned(holding(backwards)) == planned(holding(WORDS))


def test_without_a_reference_there_are_no_texts() -> None:
    before = config_map_of(planned(holding(WORDS)))
    assert texts_of(planned(observe(addin(), {**child("ConfigMap"), "data": before["data"]}))) is None


def test_a_missing_config_map_is_told_with_its_field_and_the_remedy() -> None:
    observed = holding(None)
    status, reason, message = told(observed)
    assert (status, reason) == ("False", "InvitationTextNotFound")
    assert message == (
        "spec.client.invitationTextRef: ConfigMap words does not exist; create it with a text under default, "
        "or under a language such as de. Until then invitations keep the words that they have."
    )
    assert states(status_of(observed, running()))["Reconciling"] == ("True", "InvitationTextNotFound")
    assert texts_of(planned(observed)) is None


@pytest.mark.parametrize(
    ("texts", "more", "remedy"),
    [
        ({}, {}, "holds no text; add one under default"),
        ({"addin.json": "x"}, {}, "has the key addin.json, which is no language; name it like de or de-CH"),
        ({"german": "x"}, {}, "has the key german, which is no language"),
        ({"de_CH": "x"}, {}, "has the key de_CH, which is no language"),
        ({"Default": "x"}, {}, "has the key Default, which is no language"),
        ({"de-CH": "x", "de-ch": "y"}, {}, "has the key de-ch twice, in capital and small letters; keep one"),
        ({"de": " \n"}, {}, "has nothing under the key de; write a text, or remove the key"),
        ({"de": "ü" * 4097}, {}, "holds 8194 bytes under the key de; shorten the text to 8192"),
        ({"de": "{link} or {link}"}, {}, "has {link} more than once under the key de; keep one"),
        ({f"a{chr(97 + n)}": "x" for n in range(21)}, {}, "holds 21 texts; keep 20 at most"),
        ({"de": "x"}, {"binaryData": {"fr": "6Q=="}}, "holds no text but bytes under the key fr; save it as"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_key(
    texts: dict[str, str], more: dict[str, Any], remedy: str
) -> None:
    status, reason, message = told(holding(texts, **more))
    assert (status, reason) == ("False", "InvalidInvitationText")
    assert message.startswith(f"spec.client.invitationTextRef: ConfigMap words {remedy}")
    assert message.endswith(". Until then invitations keep the words that they have.")


def test_as_much_as_is_allowed_is_taken() -> None:
    texts = {f"a{chr(97 + number)}": "ü" * 4096 for number in range(20)}
    assert texts_of(planned(holding(texts))) == texts


@pytest.mark.parametrize("later", [None, {"de": ""}])
def test_pods_keep_their_words_while_those_that_are_asked_for_cannot_be_used(
    later: dict[str, str] | None,
) -> None:
    before = planned(holding(WORDS))
    live = {**child("ConfigMap"), "data": config_map_of(before)["data"]}
    after = planned(holding(later, live))
    assert (texts_of(after), after.config_hash) == (WORDS, before.config_hash)


@pytest.mark.parametrize("written", [{}, {"addin.json": "{"}])
def test_a_broken_configuration_is_written_anew_without_words(written: dict[str, str]) -> None:
    todo = planned(holding(None, {**child("ConfigMap"), "data": written}))
    assert texts_of(todo) is None


def test_pods_that_do_not_run_are_the_greater_trouble() -> None:
    assert told(holding(None), running(conditions=[]))[1] == "Progressing"
    assert told(observe(addin(client=NAMED), secret=None))[1] == "SecretNotFound"


async def test_a_changed_config_map_is_seen_within_a_minute(mill: Mill) -> None:
    def words(text: str) -> dict[str, Any]:
        return {"kind": "ConfigMap", "metadata": {"name": "words"}, "data": {"default": text}}

    settings(mill).update(client=NAMED, proxy={}, syncServer={"enabled": False})
    mill.cluster.put(words("Welcome"))
    again = await mill.addins.reconcile(ADDIN)
    assert again == mill.clock.now() + timedelta(minutes=1)
    mill.clock.turn(minutes=1)
    mill.cluster.put(words("Good morning"))
    await mill.addins.reconcile(ADDIN)
    written = mill.cluster.objects[Key("ConfigMap", "bank", "addin-config")]["data"]["addin.json"]
    assert json.loads(written)["invitationTexts"] == {"default": "Good morning"}
