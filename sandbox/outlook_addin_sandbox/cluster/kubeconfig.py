"""Kubeconfig files. JSON is YAML, so that the standard library is enough to write them."""

import base64
import json
from pathlib import Path
from typing import Any

from outlook_addin_sandbox.cluster.certificates import KeyPair, write_private

CONTEXT = "outlook-addin-sandbox"


def certificate_user(pair: KeyPair) -> dict[str, str]:
    """The `user` part of a kubeconfig for a client certificate, with the PEM data inside."""
    return {
        "client-certificate-data": _data(pair.certificate),
        "client-key-data": _data(pair.key),
    }


def token_user(token: str) -> dict[str, str]:
    """The `user` part of a kubeconfig for a bearer token."""
    return {"token": token}


def write_kubeconfig(
    path: Path, *, server: str, ca: Path, user: dict[str, str], namespace: str = "default"
) -> Path:
    """Write a kubeconfig with one cluster, one user and one context; only its owner may read it."""
    config: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": CONTEXT, "cluster": {"server": server, "certificate-authority-data": _data(ca)}}
        ],
        "users": [{"name": CONTEXT, "user": user}],
        "contexts": [
            {"name": CONTEXT, "context": {"cluster": CONTEXT, "user": CONTEXT, "namespace": namespace}}
        ],
        "current-context": CONTEXT,
    }
    return write_private(path, json.dumps(config, indent=2).encode())


def _data(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
