"""docs/subscriptions.md names a test in every row, and these tests exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\|(?P<cells>.*)\|\s*$", re.MULTILINE)


def rows() -> list[list[str]]:
    """Return the rows of the life-cycle table, without its head."""
    text = (ROOT / "docs/subscriptions.md").read_text()
    cells = [[cell.strip() for cell in row["cells"].split("|")] for row in ROW.finditer(text)]
    return [row for row in cells if len(row) == 4 and row[0] != "what happens" and set(row[0]) != {"-"}]


def test_every_row_names_tests_that_exist() -> None:
    sources = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    existing = set(re.findall(r"def (test_\w+)\(", sources))
    assert len(rows()) > 40
    for happening, *_, named in rows():
        tests = set(re.findall(r"`(test_\w+)`", named))
        assert tests, f"no test: {happening}"
        assert tests <= existing, f"{happening}: {tests - existing} does not exist"
