"""What a figure depends on: the machine and the versions. No names and no paths."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("aiohttp", "kopf", "kubernetes", "lightkube", "uvloop")


def machine() -> dict[str, Any]:
    """Return the facts of this machine."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "memory GB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "load of the last minute at the start": round(os.getloadavg()[0], 1),
    }


def versions(go: Path | None = None) -> dict[str, str]:
    """Return the versions of what is measured, and of what it runs on."""
    found = {"Python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
    if go is not None:
        said = subprocess.run([go, "version"], capture_output=True, text=True, check=True).stdout
        found["Go"] = said.split()[2].removeprefix("go")
    return found
