"""Two versions of the operator on one machine: the present checkout, and an earlier commit beside it."""

import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from outlook_addin_sandbox.cluster.kubectl import Kubectl

ROOT = Path(__file__).parents[2]
ELECTION = "operator/outlook_addin_operator/lease.py"
Body = dict[str, Any]


@dataclass(frozen=True)
class Release:
    """One version: its sources, and a Python with what its own lock file names."""

    name: str
    root: Path
    python: Path

    def manifests(self, kubectl: Kubectl) -> list[Body]:
        """Return what `kubectl apply -k manifests/` of this version applies."""
        return list(yaml.safe_load_all(kubectl("kustomize", str(self.root / "manifests"))))

    def environ(self) -> dict[str, str]:
        """Let Python find this version's packages, and no other's."""
        return {"PYTHONPATH": f"{self.root / 'core'}:{self.root / 'operator'}", "PYTHONSAFEPATH": "1"}


def git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def present() -> Release:
    """Return the checkout as it is, changes included."""
    changed = "+" if git("status", "--porcelain", "--untracked-files=no") else ""
    return Release(git("rev-parse", "--short", "HEAD") + changed, ROOT, Path(sys.executable))


def earlier() -> str:
    """Return the latest tag; as long as there is none, the oldest commit whose operators elect a leader."""
    tags = git("tag", "--merged", "HEAD", "--sort=-version:refname", "v*").split()
    if tags:
        return tags[0]
    commits = git("log", "--first-parent", "--diff-filter=A", "--format=%h", "--", ELECTION).split()
    return commits[-1]


@contextmanager
def checked_out(ref: str, folder: Path) -> Iterator[Release]:
    """Check a commit out into a folder, and install what its lock file names."""
    root = folder / "earlier"
    git("worktree", "add", "--detach", str(root), ref)
    try:
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv" / "bin" / "python"
        lock = root / "requirements" / "operator.txt"
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", str(lock)], check=True)
        yield Release(git("rev-parse", "--short", ref), root, python)
    finally:
        git("worktree", "remove", "--force", str(root))
