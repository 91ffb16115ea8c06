"""The Python packages that the operator's image has, and no others.

Kopf imports the Kubernetes client where it is installed, as it is for the sandbox: that alone costs as much
memory as thousands of objects.
"""

import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("operator", "core")


def search_path(folder: Path) -> str:
    """Return a PYTHONPATH with the pinned packages and our sources, for an interpreter without `site`.

    Args:
        folder: Where links to the packages are made.
    """
    links = folder / "packages"
    links.mkdir()
    for name in pinned((ROOT / "requirements" / "operator.txt").read_text()):
        for top, target in _parts(name).items():
            if not (links / top).exists():
                (links / top).symlink_to(target)
    return ":".join(str(path) for path in (*(ROOT / source for source in SOURCES), links))


def pinned(requirements: str) -> list[str]:
    """Return the names of the packages in a requirements file."""
    return re.findall(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==", requirements, re.MULTILINE)


def _parts(name: str) -> dict[str, Path]:
    """Return the files and folders beside each other that make up an installed package."""
    try:
        package = distribution(name)
    except PackageNotFoundError:  # pinned for other systems
        return {}
    tops = {path.parts[0] for path in package.files or () if path.parts[0] not in {"..", "__pycache__"}}
    return {top: Path(str(package.locate_file(top))) for top in tops}
