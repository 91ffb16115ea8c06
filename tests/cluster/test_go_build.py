"""Compile once, keep by content: with a Go module of a few lines, which compiles in a second."""

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from outlook_addin_sandbox.cluster.errors import BuildError
from outlook_addin_sandbox.cluster.go_build import GoModule, build, go_environ
from outlook_addin_sandbox.cluster.progress import Progress
from outlook_addin_sandbox.toolchain.tools import find_go
from outlook_addin_sandbox.toolchain.versions import Version

MAIN = 'package main\n\nvar version = "none"\n\nfunc main() { print(version) }\n'


def real_go(oldest: Version) -> Path:
    return find_go(oldest).path


def no_go(oldest: Version) -> Path:
    pytest.fail(f"asked for Go {oldest} although nothing is to be compiled")


def stamp(version: str) -> str:
    return f"-s -w -X main.version={version}"


@pytest.fixture
def quiet() -> Progress:
    return Progress(io.StringIO())


@pytest.fixture
def module(tmp_path: Path) -> GoModule:
    """A module whose tool is a program in the module itself; the version stands for a real requirement."""
    folder = tmp_path / "hello"
    (folder / "server").mkdir(parents=True)
    (folder / "go.mod").write_text(
        "module hello\n\ngo 1.26.0\n\ntool hello/server\n\n// require example.org/product v1.2.3\n"
        "require example.org/product v1.2.3\n\nreplace example.org/product => ./product\n"
    )
    (folder / "product").mkdir()
    (folder / "product" / "go.mod").write_text("module example.org/product\n\ngo 1.26.0\n")
    (folder / "go.sum").write_text("")
    (folder / "server" / "main.go").write_text(MAIN)
    return GoModule(folder, "example.org/product", stamp, {"server": "hello"})


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "store"
    path.mkdir()
    return path


def test_the_program_has_the_version_of_go_mod_and_its_final_name(
    module: GoModule, store: Path, quiet: Progress
) -> None:
    programs = build(module, store, real_go, quiet)
    said = subprocess.run([programs / "hello"], capture_output=True, text=True, check=True).stderr
    assert said == "v1.2.3"
    assert sorted(path.name for path in programs.iterdir()) == ["hello"]


def test_what_was_compiled_is_taken_from_the_cache_without_go(
    module: GoModule, store: Path, quiet: Progress
) -> None:
    assert build(module, store, real_go, quiet) == build(module, store, no_go, quiet)


def test_the_key_is_readable_and_stays_the_same(module: GoModule) -> None:
    assert module.key.startswith("hello-v1.2.3-")
    assert module.key == replace(module).key


@pytest.mark.parametrize("name", ["go.mod", "go.sum"])
def test_another_module_file_makes_another_key(module: GoModule, name: str) -> None:
    before = module.key
    with (module.folder / name).open("a") as file:
        file.write("// changed\n")
    assert module.key != before


def test_other_flags_make_another_key(module: GoModule) -> None:
    assert replace(module, linker_flags=lambda _: "-s").key != module.key


def test_a_failed_build_names_its_log_and_shows_the_reason(
    module: GoModule, store: Path, quiet: Progress
) -> None:
    (module.folder / "server" / "main.go").write_text("package main\n\nfunc main() { undefinedName() }\n")
    with pytest.raises(BuildError, match=r"(?s)\.log ends with.*undefined: undefinedName"):
        build(module, store, real_go, quiet)
    assert not (store / module.key).exists()
    (module.folder / "server" / "main.go").write_text(MAIN)
    assert (build(module, store, real_go, quiet) / "hello").exists()


def test_an_environment_for_another_go_does_not_reach_the_build() -> None:
    environ = go_environ({"GOROOT": "/elsewhere", "GOFLAGS": "-mod=mod", "HOME": "/home/me"})
    assert environ["GOFLAGS"] == "-mod=readonly"
    assert environ["GOTOOLCHAIN"] == "local"
    assert environ["HOME"] == "/home/me"
    assert "GOROOT" not in environ


SLOW_GO = """#!/bin/sh
echo $$ > {pid}
[ -e {go_on} ] && exec {go} "$@"
exec sleep 600
"""

RUN = """
import sys
from pathlib import Path
sys.path[:0] = {path!r}
from outlook_addin_sandbox.cluster.go_build import GoModule, build
from outlook_addin_sandbox.cluster.progress import Progress
stamp = lambda version: "-s -w -X main.version=" + version
module = GoModule(Path({folder!r}), "example.org/product", stamp, {{"server": "hello"}})
build(module, Path({store!r}), lambda oldest: Path({go!r}), Progress())
"""


@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_build_leaves_no_process_and_is_taken_up_again(
    *,
    module: GoModule,
    store: Path,
    tmp_path: Path,
    quiet: Progress,
    blow: signal.Signals,
    eventually: Callable[..., Any],
    is_running: Callable[[int], bool],
) -> None:
    pid_file, go_on, slow = tmp_path / "pid", tmp_path / "go-on", tmp_path / "slow-go"
    slow.write_text(SLOW_GO.format(pid=pid_file, go_on=go_on, go=real_go(Version(1, 26))))
    slow.chmod(0o755)
    code = RUN.format(path=sys.path, folder=str(module.folder), store=str(store), go=str(slow))
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as first:
        compiler = int(eventually(lambda: pid_file.exists() and pid_file.read_text().strip()))
        os.kill(first.pid, blow)
        assert first.wait(20) != 0
    eventually(lambda: not is_running(compiler))
    assert not (store / module.key).exists()
    go_on.touch()
    programs = build(module, store, lambda _: slow, quiet)
    assert (programs / "hello").exists()
    left = [module.key, f"{module.key}.lock", f"{module.key}.log"]
    assert sorted(path.name for path in store.iterdir()) == left


def test_two_runs_at_once_compile_once(module: GoModule, store: Path, quiet: Progress) -> None:
    calls: list[Version] = []

    def counting_go(oldest: Version) -> Path:
        calls.append(oldest)
        return real_go(oldest)

    results: list[Path] = []
    threads = [
        threading.Thread(target=lambda: results.append(build(module, store, counting_go, quiet)))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [store / module.key] * 2
    assert calls == [Version(1, 26)]
