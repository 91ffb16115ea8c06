"""How Kopf reaches the API server: the same way as the operator's own calls.

One loader decides (``core/clients/kubernetes.py``), so that the two can never look at different clusters.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import kopf
import lightkube

TOKEN_LIFE: Final = timedelta(minutes=5)
"""How long a token from a file is used before the file is read again; the kubelet rotates it earlier."""


def connection_info(client: lightkube.AsyncClient) -> kopf.ConnectionInfo:
    """Return lightkube's configuration in Kopf's terms; a token that stands in a file is read now."""
    config = client.config
    cluster, user = config.cluster, config.user
    options: dict[str, Any] = {
        "server": cluster.server,
        "insecure": cluster.insecure or None,
        "default_namespace": config.namespace,
        **_either(
            "ca_path", "ca_data", config.abs_file, cluster.certificate_auth, cluster.certificate_auth_data
        ),
    }
    if user is not None:
        options |= {
            "username": user.username,
            "password": user.password,
            "token": user.token,
            **_either(
                "certificate_path",
                "certificate_data",
                config.abs_file,
                user.client_cert,
                user.client_cert_data,
            ),
            **_either(
                "private_key_path", "private_key_data", config.abs_file, user.client_key, user.client_key_data
            ),
        }
        if user.token_file:
            options["token"] = Path(config.abs_file(user.token_file)).read_text().strip()
            options["expiration"] = datetime.now(UTC) + TOKEN_LIFE
    return kopf.ConnectionInfo(**{key: value for key, value in options.items() if value})


def _either(
    path_name: str, data_name: str, resolve: Any, path: str | None, data: str | None
) -> Mapping[str, Any]:
    """Return what is given: data in the file itself comes before a path."""
    if data:
        return {data_name: data}
    return {path_name: str(resolve(path))} if path else {}
