"""Write gitops/argocd/argocd-cm.yaml from the Lua files beside it: what an Argo CD of one's own is told.

The folders have the form of Argo CD's own resource_customizations.
"""

from pathlib import Path
from typing import Final

import yaml

HERE: Final = Path(__file__).parent / "argocd"
GROUP: Final = "outlook-addin.dev"
TARGET: Final = HERE / "argocd-cm.yaml"
IGNORED: Final = {
    "CalendarSubscription": ("lastRenewalTime", "renewalTime", "expirationTime"),
    "OutlookAddin": ("subscriptions",),
}
"""Fields whose change says nothing about health: Argo CD need not look at the application because of them."""


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as they are."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def render() -> str:
    """Return the ConfigMap's entries, to be merged into the one that exists."""
    data: dict[str, str] = {}
    for folder in sorted((HERE / GROUP).iterdir()):
        name = f"{GROUP}_{folder.name}"
        data[f"resource.customizations.health.{name}"] = (folder / "health.lua").read_text()
        data[f"resource.customizations.actions.{name}"] = _dump(_actions(folder / "actions"))
        pointers = [f"/status/{field}" for field in IGNORED[folder.name]]
        data[f"resource.customizations.ignoreResourceUpdates.{name}"] = _dump({"jsonPointers": pointers})
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "argocd-cm",
            "namespace": "argocd",
            "labels": {"app.kubernetes.io/name": "argocd-cm", "app.kubernetes.io/part-of": "argocd"},
        },
        "data": data,
    }
    notice = "# Made by gitops/build.py; merge it into what is there: kubectl patch --patch-file\n"
    return notice + _dump(body)


def _actions(folder: Path) -> dict[str, object]:
    definitions = [
        {"name": each.parent.name, "action.lua": each.read_text()}
        for each in sorted(folder.glob("*/action.lua"))
    ]
    return {"discovery.lua": (folder / "discovery.lua").read_text(), "definitions": definitions}


def _dump(value: object) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=10_000)
    return text


if __name__ == "__main__":
    TARGET.write_text(render())
