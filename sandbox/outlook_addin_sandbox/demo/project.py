"""Where the demo finds what it installs: it runs from a checkout of the project."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MANIFESTS = ROOT / "manifests"
BUILD = ROOT / "build"
