"""The images are built from what the Dockerfile copies; .dockerignore must let all of it through."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COPIED = [
    source
    for line in re.findall(r"^COPY (?!--from)(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    for source in line.split()[:-1]
]


def let_through(path: str) -> bool:
    """Apply the last pattern that fits, as Docker does; all of ours name folders or files."""
    decided = True
    for pattern in (ROOT / ".dockerignore").read_text().split():
        allowed, name = pattern.startswith("!"), pattern.removeprefix("!")
        if name in {"*", path} or path.startswith(f"{name}/"):
            decided = allowed
    return decided


@pytest.mark.parametrize("source", COPIED)
def test_what_the_dockerfile_copies_exists_and_reaches_the_builder(source: str) -> None:
    assert (ROOT / source).exists()
    assert let_through(source)


def test_what_the_dockerfile_does_not_name_stays_outside() -> None:
    assert not let_through(".git")
    assert not let_through("addin_web/outlook_addin_web/static")
