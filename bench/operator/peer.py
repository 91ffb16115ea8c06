"""The operator we are compared with: the smallest controller-runtime one, built from its Go module."""

import subprocess
from pathlib import Path

from outlook_addin_sandbox.cluster.go_build import go_environ
from outlook_addin_sandbox.toolchain.tools import Tool, find_go

MODULE = Path(__file__).parent / "peer"
VARIANTS = {
    "controller-runtime": (),
    "controller-runtime, managedFields stripped": ("--strip-managed-fields",),
}


def build(folder: Path) -> tuple[Path, Tool]:
    """Compile the peer; Go's own cache makes it quick from the second time on."""
    go = find_go()
    program = folder / "peer"
    command = [str(go.path), "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", str(program)]
    subprocess.run(command, cwd=MODULE, env=go_environ(), check=True)
    return program, go


def version() -> str:
    """The version of controller-runtime that go.mod asks for."""
    lines = (MODULE / "go.mod").read_text().splitlines()
    return next(line.split()[1] for line in lines if "sigs.k8s.io/controller-runtime " in line)


def scheduled(log: Path) -> int:
    """How many objects the peer has looked at, from the last whole line that says so."""
    said = [line.split() for line in log.read_text().splitlines() if line.startswith("scheduled ")]
    return int(said[-1][1]) if said and len(said[-1]) == 2 else 0
