"""Run kubectl against one cluster."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from outlook_addin_sandbox.cluster.errors import KubectlError

ESTABLISHED: Final = '--for=jsonpath={.status.conditions[?(@.type=="Established")].status}=True'
"""For `wait`: until a kind can be used; `--for=condition=` fails for one so new that it has no conditions."""


@dataclass(frozen=True)
class Kubectl:
    """The kubectl of one kubeconfig.

    Args:
        program: The kubectl to run.
        kubeconfig: The cluster, the user and the default namespace.
        cache: Folder for kubectl's discovery cache; the user's own when None.
        options: Options in front of every command, such as `("--context", NAME)`.
    """

    program: Path
    kubeconfig: Path
    cache: Path | None = None
    options: Sequence[str] = field(default=())

    def __call__(self, *arguments: str, input_text: str | None = None, timeout: float = 60) -> str:
        """Run one command and return what it printed.

        Args:
            arguments: The command line after `kubectl`.
            input_text: Standard input, for `apply -f -`.
            timeout: Seconds before kubectl is stopped.

        Raises:
            KubectlError: Kubectl ended with an error or took too long.
        """
        arguments = (*self.options, *arguments)
        try:
            done = subprocess.run(
                [self.program, *arguments],
                input=input_text if input_text is not None else "",
                capture_output=True,
                text=True,
                timeout=timeout,
                check=False,
                env=self.environ(),
            )
        except subprocess.TimeoutExpired as error:
            raise KubectlError(arguments, -1, f"no answer within {timeout:g} s") from error
        if done.returncode != 0:
            raise KubectlError(arguments, done.returncode, done.stderr)
        return done.stdout

    def environ(self, base: Mapping[str, str] = os.environ) -> dict[str, str]:
        """The environment for a program that is to talk to this cluster."""
        cache = {} if self.cache is None else {"KUBECACHEDIR": str(self.cache)}
        return {**base, "KUBECONFIG": str(self.kubeconfig), **cache}
