"""The rules of the XML manifest that can be checked without Microsoft: order, ids, lengths, URLs, icon sizes.

Sources: learn.microsoft.com/office/dev/add-ins/develop/manifest-element-ordering and the reference pages of
the elements string, url, version, icon, iconurl and highresolutioniconurl.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

IDENTITY = 32
LENGTHS = {"ShortStrings": 125, "LongStrings": 250, "Urls": 2048, "Images": 2048}
ICON_SIZES = {"16", "20", "24", "32", "40", "48", "64", "80"}
NEEDED_ICONS = {"16", "32", "80"}

ORDERS = {
    "OfficeApp": (
        "Id AlternateId Version ProviderName DefaultLocale DisplayName Description IconUrl "
        "HighResolutionIconUrl SupportUrl AppDomains Hosts Requirements FormSettings Permissions Rule "
        "DisableEntityHighlighting VersionOverrides"
    ),
    "VersionOverrides": (
        "Description Requirements Hosts Resources VersionOverrides WebApplicationInfo EquivalentAddins "
        "ConnectedServiceControls ExtendedPermissions"
    ),
    "DesktopFormFactor": "SupportsSharedFolders FunctionFile ExtensionPoint",
    "Group": "Label Control",
    "Control": "Label Supertip Icon Action",
    "Supertip": "Title Description",
    "Resources": "Images Urls ShortStrings LongStrings",
}
MANDATORY = (
    "Id Version ProviderName DefaultLocale DisplayName Description IconUrl HighResolutionIconUrl "
    "Requirements FormSettings Permissions Rule"
)


def local(element: ET.Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def problems(text: str) -> list[str]:
    """Return what is wrong with a manifest, in words; an empty list if nothing is."""
    root = ET.fromstring(text)
    rules = (_order, _mandatory, _version, _identities, _lengths, _urls, _icons)
    return [problem for rule in rules for problem in rule(root)]


def _order(root: ET.Element) -> Iterator[str]:
    for element in root.iter():
        names = ORDERS.get(local(element), "").split()
        children = [local(child) for child in element]
        if not names:
            continue
        if unknown := set(children) - set(names):
            yield f"{local(element)} has unknown children {unknown}"
        elif children != sorted(children, key=names.index):
            yield f"the children of {local(element)} are out of order"


def _mandatory(root: ET.Element) -> Iterator[str]:
    missing = set(MANDATORY.split()) - {local(child) for child in root}
    if missing:
        yield f"missing: {missing}"


def _version(root: ET.Element) -> Iterator[str]:
    version = next(each for each in root if local(each) == "Version").text or ""
    if not re.fullmatch(r"\d{1,5}(\.\d{1,5}){0,3}", version):
        yield f"Version is {version}"


def _identities(root: ET.Element) -> Iterator[str]:
    resources = next(each for each in root.iter() if local(each) == "Resources")
    known = [each.get("id", "") for each in resources.iter() if "id" in each.attrib]
    if len(known) != len(set(known)):
        yield "a resource id stands twice"
    yield from (f"{each} is longer than {IDENTITY}" for each in known if len(each) > IDENTITY)
    used = {each.get("resid", "") for each in root.iter() if "resid" in each.attrib}
    yield from (f"{each} does not resolve" for each in used - set(known))
    yield from (f"{each} is not used" for each in set(known) - used)


def _lengths(root: ET.Element) -> Iterator[str]:
    for kind, longest in LENGTHS.items():
        for parent in (each for each in root.iter() if local(each) == kind):
            values = [each.get(key, "") for each in parent.iter() for key in ("DefaultValue", "Value")]
            yield from (f"{value} is longer than {longest}" for value in values if len(value) > longest)
    for element in root:
        limit = {"DisplayName": 125, "Description": 250}.get(local(element))
        values = [each.get(key, "") for each in element.iter() for key in ("DefaultValue", "Value")]
        if limit and any(len(value) > limit for value in values):
            yield f"{local(element)} is longer than {limit}"


def _urls(root: ET.Element) -> Iterator[str]:
    for element in root.iter():
        value = element.get("DefaultValue", "")
        if "://" not in value:
            continue
        parts = urlsplit(value)
        host = parts.hostname or ""
        if parts.scheme != "https" and host != "localhost" and not host.endswith(".localhost"):
            yield f"{value} is not https"


def _icons(root: ET.Element) -> Iterator[str]:
    for icon in (each for each in root.iter() if local(each) == "Icon"):
        sizes = {image.get("size", "") for image in icon}
        yield from (f"icons have no size {size}" for size in sizes - ICON_SIZES)
        yield from (f"an icon of size {size} is needed" for size in NEEDED_ICONS - sizes)
    for name, size in (("IconUrl", 64), ("HighResolutionIconUrl", 128)):
        url = next(each for each in root if local(each) == name).get("DefaultValue", "")
        if not url.endswith(f"/icons/icon-{size}.png"):
            yield f"{name} must be the icon of {size} pixels"
