"""Compile the tools of a Go module once, and keep them under a name made from what went into them.

A build goes to a folder of its own and appears under its final name in one step, so that a half-made result
is never used. An interrupted build costs little: Go's own cache has what was compiled until then.
"""

import hashlib
import os
import platform
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from outlook_addin_sandbox.cluster.errors import BuildError
from outlook_addin_sandbox.cluster.processes import last_lines, tethered
from outlook_addin_sandbox.cluster.progress import Progress
from outlook_addin_sandbox.toolchain.cache import exclusive
from outlook_addin_sandbox.toolchain.versions import Version


@dataclass(frozen=True)
class GoModule:
    """A folder with `go.mod` and `go.sum` whose `tool` directives name the programs to build.

    Args:
        folder: The module.
        source: Module path whose required version is the version of the result.
        linker_flags: Makes the value of `-ldflags` from that version.
        renames: Final names of programs whose name in the build says too little.
    """

    folder: Path
    source: str
    linker_flags: Callable[[str], str] = lambda _: "-s -w"
    renames: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name for people: the folder's."""
        return self.folder.name

    @property
    def version(self) -> str:
        """Version that `go.mod` requires of `source`, such as `v1.36.3`."""
        return self._find(rf"^\s*(?:require\s+)?{re.escape(self.source)}\s+(v\S+)")

    @property
    def go_version(self) -> Version:
        """Oldest Go that may compile the module."""
        return Version.parse(self._find(r"^go\s+(\S+)"))

    @property
    def flags(self) -> list[str]:
        """Arguments of `go build` that change the result."""
        return ["-trimpath", "-buildvcs=false", "-ldflags", self.linker_flags(self.version)]

    @property
    def key(self) -> str:
        """Name of the result: readable, and different whenever the sources, flags or platform differ.

        The Go in use is not part of it: `go.mod` names the oldest one, and a machine that has the
        programs needs no Go at all.
        """
        digest = hashlib.sha256()
        for content in (
            (self.folder / "go.mod").read_bytes(),
            (self.folder / "go.sum").read_bytes(),
            repr((self.flags, sorted(self.renames.items()))).encode(),
            repr((platform.system(), platform.machine())).encode(),
        ):
            digest.update(hashlib.sha256(content).digest())
        return f"{self.name}-{self.version}-{digest.hexdigest()[:12]}"

    def _find(self, pattern: str) -> str:
        found = re.search(pattern, (self.folder / "go.mod").read_text(), re.MULTILINE)
        if not found:
            raise BuildError(f"{self.folder / 'go.mod'} has no line that matches {pattern}")
        return found.group(1)


def build(
    module: GoModule, store: Path, find_go: Callable[[Version], Path], progress: Progress, note: str = ""
) -> Path:
    """The folder with the module's programs, compiled now unless `store` has it.

    Args:
        module: What to build.
        store: Folder of results and locks.
        find_go: Gives the `go` program, at least of a version; called only when something is compiled.
        progress: Where to show what is going on.
        note: Added to the progress line.

    Raises:
        BuildError: Go failed; the message names the log and has its last lines.
    """
    result = store / module.key
    if result.is_dir():
        return result
    title = f"Compiling {module.name} {module.version}{note}"
    waiting = f"Another run compiles {module.name}; waiting for it"
    with exclusive(store / f"{module.key}.lock", waiting=lambda: progress.say(waiting)):
        if not result.is_dir():
            _build_into(result, module, find_go(module.go_version), progress, title)
    return result


def _build_into(result: Path, module: GoModule, go: Path, progress: Progress, title: str) -> None:
    log = result.with_name(f"{result.name}.log")
    for abandoned in result.parent.glob(f".{result.name}-*"):
        shutil.rmtree(abandoned, ignore_errors=True)  # from a run that was killed; the lock is ours
    with tempfile.TemporaryDirectory(prefix=f".{result.name}-", dir=result.parent) as temporary:
        programs = Path(temporary) / "bin"
        with progress.step(title, lambda: _counts(log)):
            _go_build(go, module, programs, log)
        for old, new in module.renames.items():
            (programs / old).rename(programs / new)
        programs.rename(result)


def _go_build(go: Path, module: GoModule, programs: Path, log: Path) -> None:
    command = [str(go), "build", "-v", *module.flags, "-o", f"{programs}/", "tool"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            tethered(command),
            cwd=module.folder,
            env=go_environ(),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        returncode = process.wait()
    except BaseException:
        os.killpg(process.pid, signal.SIGTERM)  # the compilers that `go` runs are in its session
        process.wait()
        raise
    if returncode != 0:
        raise BuildError(f"{module.name} did not compile; the log {log} ends with\n{last_lines(log)}")


def go_environ(base: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Environment for `go`: this Go and no other, the files as they are, the user's own caches."""
    kept = {name: value for name, value in base.items() if name != "GOROOT"}  # each Go knows its own
    return {
        **kept,
        "CGO_ENABLED": "0",
        "GOFLAGS": "-mod=readonly",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
    }


def _counts(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    downloads = sum(line.startswith("go: downloading") for line in lines)
    packages = len(lines) - downloads
    downloaded = f"{downloads} modules downloaded, " if downloads else ""
    return f"({downloaded}{packages} packages compiled)"
