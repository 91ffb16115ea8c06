import operator
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE_ROOTS = ("core", "operator", "addin_web", "kubectl", "sandbox")


@pytest.mark.parametrize("source_root", SOURCE_ROOTS)
def test_a_source_root_is_a_folder_and_not_a_package(source_root: str) -> None:
    assert (ROOT / source_root).is_dir()
    assert not (ROOT / source_root / "__init__.py").exists()


def test_the_folder_operator_does_not_hide_the_standard_library() -> None:
    assert Path(operator.__file__).parent == Path(sysconfig.get_paths()["stdlib"])


def test_the_standard_library_wins_even_when_the_repository_is_on_the_path() -> None:
    code = "import operator, collections; print(operator.itemgetter.__module__)"
    answer = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.strip() == "operator"


def test_no_file_names_a_package_index() -> None:
    for file in (ROOT / "requirements").glob("*.txt"):
        assert "://" not in file.read_text(), file.name
    assert '"resolved"' not in (ROOT / "addin_web/ui/package-lock.json").read_text()
