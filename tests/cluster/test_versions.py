"""Versions as tools print them."""

import pytest

from outlook_addin_sandbox.toolchain.versions import Version


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("go1.26.8", (1, 26, 8)),
        ("go1.27rc1", (1, 27, 0)),
        ("v20.20.2", (20, 20, 2)),
        ("v1.32.4-dispatcher", (1, 32, 4)),
        ("v1.36.3+k3s1", (1, 36, 3)),
        ("1.26", (1, 26, 0)),
        ("  24\n", (24, 0, 0)),
    ],
)
def test_a_version_is_read_as_the_tool_prints_it(text: str, version: tuple[int, int, int]) -> None:
    assert Version.parse(text) == version


@pytest.mark.parametrize("text", ["", "devel", "go version unknown"])
def test_a_text_without_a_number_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="no version"):
        Version.parse(text)


def test_versions_are_compared_as_numbers() -> None:
    assert Version.parse("1.9.9") < Version.parse("1.26") < Version.parse("1.26.1")
