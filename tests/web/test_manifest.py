from collections.abc import Iterator
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_web import manifest
from outlook_addin_web.manifest_texts import DEFAULT_LOCALE, TEXTS
from web.fakes import CONFIG
from web.manifest_rules import IDENTITY, local, problems


def find(text: str, name: str) -> Iterator[ET.Element]:
    return (element for element in ET.fromstring(text).iter() if local(element) == name)


def test_the_manifest_keeps_the_rules(config: AddinConfig) -> None:
    assert problems(manifest.render(config)) == []


@pytest.mark.parametrize("url", ["http://addin.localhost:8080", "https://outlook.bank.example/a/b"])
def test_the_manifest_keeps_the_rules_wherever_the_add_in_lives(url: str) -> None:
    assert problems(manifest.render(replace(CONFIG, deployment_url=url))) == []


def test_markup_in_the_configuration_does_not_break_the_manifest() -> None:
    text = manifest.render(replace(CONFIG, deployment_url="https://bank.example/a&b<c"))
    assert next(find(text, "IconUrl")).get("DefaultValue", "").startswith("https://bank.example/a&b<c/")


def test_the_manifest_names_the_add_in_and_its_rights(config: AddinConfig) -> None:
    text = manifest.render(config)
    assert [next(find(text, name)).text for name in ("Id", "Permissions", "SupportsSharedFolders")] == [
        config.addin_id,
        "ReadWriteItem",
        "true",
    ]


def test_one_button_opens_the_task_pane(config: AddinConfig) -> None:
    text = manifest.render(config)
    assert len(list(find(text, "Control"))) == 1
    assert next(find(text, "Action")).get(f"{{{manifest._XSI}}}type") == "ShowTaskpane"
    urls = {url.get("id"): url.get("DefaultValue") for url in find(text, "Url")}
    assert urls[next(find(text, "Action"))[0].get("resid")] == f"{config.base_url}/taskpane.html"


def test_every_text_is_there_in_every_language(config: AddinConfig) -> None:
    text = manifest.render(config)
    for name in ("DisplayName", "Description", "String"):
        for element in (each for each in find(text, name) if "DefaultValue" in each.attrib):
            locales = [override.get("Locale") for override in element]
            assert locales == [locale for locale in TEXTS if locale != DEFAULT_LOCALE]


def broken(config: AddinConfig, old: str, new: str) -> list[str]:
    text = manifest.render(config)
    assert old in text
    return problems(text.replace(old, new))


def test_the_rules_notice_a_wrong_order(config: AddinConfig) -> None:
    root = ET.fromstring(manifest.render(config))
    root.insert(0, root[3])
    assert any("order" in each for each in problems(ET.tostring(root, encoding="unicode")))


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("https://outlook.bank.example", "http://outlook.bank.example", "https"),
        ('resid="Button.Tip"', 'resid="Button.Hint"', "resolve"),
        ('id="Group.Label"', f'id="{"x" * (IDENTITY + 1)}"', "longer"),
        ('size="80"', 'size="81"', "size"),
        ("<Version>1.0.0.0", "<Version>1.0.0.0.0", "Version"),
        ("icons/icon-64.png", "icons/icon-32.png", "IconUrl"),
    ],
)
def test_the_rules_notice_mistakes(config: AddinConfig, old: str, new: str, complaint: str) -> None:
    assert any(complaint in each for each in broken(config, old, new))
