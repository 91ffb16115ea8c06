"""Waiting until the control plane works, with a deadline."""

import ssl
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from outlook_addin_sandbox.cluster.certificates import KeyPair
from outlook_addin_sandbox.cluster.errors import ControlPlaneError
from outlook_addin_sandbox.cluster.processes import last_lines

POLL_SECONDS = 0.1


class Probe:
    """Asks the API server with the administrator's certificate, and verifies the server's."""

    def __init__(self, server: str, ca: Path, client: KeyPair) -> None:
        context = ssl.create_default_context(cafile=str(ca))
        context.load_cert_chain(client.certificate, client.key)
        # No proxy of the user's environment between two processes of one machine.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        self._server = server

    def answers(self, path: str) -> bool:
        """Whether GET `path` answers 200."""
        try:
            with self._opener.open(f"{self._server}{path}", timeout=5) as response:
                return bool(response.status == 200)  # noqa: PLR2004
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False


def wait_until(
    condition: Callable[[], bool], *, alive: Callable[[], None], seconds: float, what: str, log: Path
) -> None:
    """Poll `condition`; `alive` raises when waiting longer makes no sense.

    Raises:
        ControlPlaneError: The deadline passed; the message has the last lines of `log`.
    """
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not condition():
        alive()
        if time.monotonic() > deadline:
            raise ControlPlaneError(
                f"{what} was not ready within {seconds:g} s; its log {log} ends with\n{last_lines(log)}"
            )
        pause.wait(POLL_SECONDS)
