"""``manifest.xml``: what the Microsoft 365 administrator uploads.

An XML (add-in only) manifest, because the unified JSON manifest does not install on Outlook for Mac. The
order of elements is part of the format: a manifest in another order is not loaded
(learn.microsoft.com/office/dev/add-ins/develop/manifest-element-ordering). All of the interface stands in
VersionOverrides 1.1, inside an empty 1.0 shell; what stands before it is there because the schema wants it.
"""

from collections.abc import Callable, Mapping
from typing import Final
from xml.etree import ElementTree as ET

from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_web.headers import origin
from outlook_addin_web.manifest_texts import DEFAULT_LOCALE, TEXTS, Texts

MANIFEST_VERSION: Final = "1.0.0.0"
"""Outlook takes a changed manifest only with a higher version: raise it with every change below."""

PROVIDER: Final = "Unblu"
RIBBON_ICONS: Final = (16, 32, 48, 64, 80)
ICON: Final = 64
HIGH_RESOLUTION_ICON: Final = 128

_APP: Final = "http://schemas.microsoft.com/office/appforoffice/1.1"
_XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_BASIC: Final = "http://schemas.microsoft.com/office/officeappbasictypes/1.0"
_OVERRIDES: Final = "http://schemas.microsoft.com/office/mailappversionoverrides"

_SHORT_STRINGS: Final[Mapping[str, Callable[[Texts], str]]] = {
    "Group.Label": lambda texts: texts.name,
    "Button.Label": lambda texts: texts.button,
}
_LONG_STRINGS: Final[Mapping[str, Callable[[Texts], str]]] = {
    "Button.Tip": lambda texts: texts.tip,
}


def render(config: AddinConfig) -> str:
    """Return the add-in's manifest."""
    root = ET.Element(
        "OfficeApp", {"xmlns": _APP, "xmlns:xsi": _XSI, "xmlns:bt": _BASIC, "xsi:type": "MailApp"}
    )
    _base(root, config)
    shell = _add(
        root, "VersionOverrides", attributes={"xmlns": _OVERRIDES, "xsi:type": "VersionOverridesV1_0"}
    )
    overrides = _add(
        shell,
        "VersionOverrides",
        attributes={"xmlns": f"{_OVERRIDES}/1.1", "xsi:type": "VersionOverridesV1_1"},
    )
    _commands(overrides)
    _resources(overrides, config)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def icon_url(config: AddinConfig, size: int) -> str:
    """Return where the icon of a size (pixels) is served."""
    return f"{config.base_url}/icons/icon-{size}.png"


def _base(root: ET.Element, config: AddinConfig) -> None:
    _add(root, "Id", config.addin_id)
    _add(root, "Version", MANIFEST_VERSION)
    _add(root, "ProviderName", PROVIDER)
    _add(root, "DefaultLocale", DEFAULT_LOCALE)
    _localised(root, "DisplayName", lambda texts: texts.name)
    _localised(root, "Description", lambda texts: texts.description)
    _add(root, "IconUrl", attributes={"DefaultValue": icon_url(config, ICON)})
    _add(root, "HighResolutionIconUrl", attributes={"DefaultValue": icon_url(config, HIGH_RESOLUTION_ICON)})
    _add(root, "SupportUrl", attributes={"DefaultValue": _pane_url(config)})
    _add(_add(root, "AppDomains"), "AppDomain", origin(config.deployment_url))
    _add(_add(root, "Hosts"), "Host", attributes={"Name": "Mailbox"})
    sets = _add(_add(root, "Requirements"), "Sets")
    _add(sets, "Set", attributes={"Name": "Mailbox", "MinVersion": "1.3"})
    form = _add(_add(root, "FormSettings"), "Form", attributes={"xsi:type": "ItemEdit"})
    settings = _add(form, "DesktopSettings")
    _add(settings, "SourceLocation", attributes={"DefaultValue": _pane_url(config)})
    _add(root, "Permissions", "ReadWriteItem")
    rules = _add(root, "Rule", attributes={"xsi:type": "RuleCollection", "Mode": "Or"})
    _add(rules, "Rule", attributes={"xsi:type": "ItemIs", "ItemType": "Appointment", "FormType": "Edit"})
    _add(root, "DisableEntityHighlighting", "true")


def _commands(overrides: ET.Element) -> None:
    sets = _add(_add(overrides, "Requirements"), "bt:Sets", attributes={"DefaultMinVersion": "1.3"})
    _add(sets, "bt:Set", attributes={"Name": "Mailbox"})
    host = _add(_add(overrides, "Hosts"), "Host", attributes={"xsi:type": "MailHost"})
    desktop = _add(host, "DesktopFormFactor")
    _add(desktop, "SupportsSharedFolders", "true")
    _add(desktop, "FunctionFile", attributes={"resid": "Pane.Url"})
    surface = {"xsi:type": "AppointmentOrganizerCommandSurface"}
    tab = _add(
        _add(desktop, "ExtensionPoint", attributes=surface), "OfficeTab", attributes={"id": "TabDefault"}
    )
    group = _add(tab, "Group", attributes={"id": "Unblu.Group"})
    _add(group, "Label", attributes={"resid": "Group.Label"})
    _button(group)


def _button(group: ET.Element) -> None:
    button = _add(group, "Control", attributes={"xsi:type": "Button", "id": "Unblu.Open"})
    _add(button, "Label", attributes={"resid": "Button.Label"})
    tip = _add(button, "Supertip")
    _add(tip, "Title", attributes={"resid": "Button.Label"})
    _add(tip, "Description", attributes={"resid": "Button.Tip"})
    icon = _add(button, "Icon")
    for size in RIBBON_ICONS:
        _add(icon, "bt:Image", attributes={"size": str(size), "resid": f"Icon.{size}"})
    action = _add(button, "Action", attributes={"xsi:type": "ShowTaskpane"})
    _add(action, "SourceLocation", attributes={"resid": "Pane.Url"})


def _resources(overrides: ET.Element, config: AddinConfig) -> None:
    resources = _add(overrides, "Resources")
    images = _add(resources, "bt:Images")
    for size in RIBBON_ICONS:
        _add(images, "bt:Image", attributes=_value(f"Icon.{size}", icon_url(config, size)))
    _add(_add(resources, "bt:Urls"), "bt:Url", attributes=_value("Pane.Url", _pane_url(config)))
    for element, strings in (("bt:ShortStrings", _SHORT_STRINGS), ("bt:LongStrings", _LONG_STRINGS)):
        parent = _add(resources, element)
        for identity, choose in strings.items():
            _localised(parent, "bt:String", choose, identity)


def _localised(parent: ET.Element, tag: str, choose: Callable[[Texts], str], identity: str = "") -> None:
    default = choose(TEXTS[DEFAULT_LOCALE])
    element = _add(
        parent, tag, attributes=_value(identity, default) if identity else {"DefaultValue": default}
    )
    prefix = "bt:" if identity else ""
    for locale, texts in TEXTS.items():
        if locale != DEFAULT_LOCALE:
            _add(element, f"{prefix}Override", attributes={"Locale": locale, "Value": choose(texts)})


def _value(identity: str, value: str) -> dict[str, str]:
    return {"id": identity, "DefaultValue": value}


def _pane_url(config: AddinConfig) -> str:
    return f"{config.base_url}/taskpane.html"


def _add(
    parent: ET.Element, tag: str, text: str | None = None, *, attributes: Mapping[str, str] | None = None
) -> ET.Element:
    child = ET.SubElement(parent, tag, dict(attributes or {}))
    child.text = text
    return child
