"""The ConfigMap that holds addin.json."""

from typing import Final

from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_operator.addin.objects.labels import metadata
from outlook_addin_operator.addin.spec import Owner
from outlook_addin_operator.keys import Object

FILE: Final = "addin.json"


def name(owner: Owner) -> str:
    """Return the name of the ConfigMap."""
    return f"{owner.name}-config"


def build(owner: Owner, config: AddinConfig) -> Object:
    """Return the ConfigMap; it holds nothing secret."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata(owner, name(owner)),
        "data": {FILE: config.to_json()},
    }
