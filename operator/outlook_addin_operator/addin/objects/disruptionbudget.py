"""How many pods a drain of nodes may take away at once.

Source: kubernetes.io/docs/tasks/run-application/configure-pdb.
"""

from collections.abc import Mapping
from typing import Any

from outlook_addin_operator.addin.objects.labels import metadata, selector
from outlook_addin_operator.addin.spec import Owner
from outlook_addin_operator.keys import Object


def build(owner: Owner, settings: Mapping[str, Any]) -> Object:
    """Return the PodDisruptionBudget; one pod at a time unless the spec says otherwise.

    A pod that is not ready never holds up a drain.
    """
    given = {key: settings[key] for key in ("minAvailable", "maxUnavailable") if key in settings}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": metadata(owner, owner.name),
        "spec": {
            **(given or {"maxUnavailable": 1}),
            "selector": {"matchLabels": selector(owner)},
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    }
