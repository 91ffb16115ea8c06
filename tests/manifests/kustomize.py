"""What the kustomizations put together."""

from pathlib import Path
from typing import Any

import yaml

from outlook_addin_sandbox.cluster.kubectl import Kubectl

ROOT = Path(__file__).resolve().parents[2]
MANIFESTS = ROOT / "manifests"


def rendered(kubectl: Kubectl, folder: Path, *components: str) -> list[dict[str, Any]]:
    """Return the objects of the installation with these components; `folder` is empty."""
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": ["manifests"],
        "components": [f"manifests/components/{name}" for name in components],
    }
    (folder / "manifests").symlink_to(MANIFESTS)
    (folder / "crds").symlink_to(ROOT / "crds")
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    text = kubectl("kustomize", str(folder), "--load-restrictor=LoadRestrictionsNone")
    return list(yaml.safe_load_all(text))
