"""The sandbox's commands, behind the Makefile's targets."""

import argparse
import os
import sys
from collections.abc import Sequence

from outlook_addin_sandbox.browser import REMEDY, on_path
from outlook_addin_sandbox.cluster.errors import ClusterError
from outlook_addin_sandbox.toolchain.tools import ToolError, find_go, find_kubectl, find_node


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; end with its status, or with a sentence when something is missing."""
    options = _parser().parse_args(arguments)
    try:
        sys.exit(options.command(options))
    except KeyboardInterrupt:
        sys.exit(130)
    except (ClusterError, ToolError) as error:
        sys.exit(f"outlook-addin-sandbox: {error}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="outlook-addin-sandbox", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="run the product on this machine")
    demo.add_argument("--once", action="store_true", help="play the story in a headless browser and end")
    demo.add_argument("--cluster", choices=["local", "kind", "existing"], default="local", help="where")
    demo.set_defaults(command=_demo)

    doctor = commands.add_parser("doctor", help="say which tools are used, and what is missing")
    doctor.set_defaults(command=_doctor)

    node = commands.add_parser("run", help="run a program with Node.js on the PATH, such as npm")
    node.add_argument("program")
    node.add_argument("arguments", nargs=argparse.REMAINDER)
    node.set_defaults(command=_run)
    return parser


def _demo(options: argparse.Namespace) -> int:
    from outlook_addin_sandbox.demo.run import run  # noqa: PLC0415 - the other commands start without it

    return run(options.cluster, once=options.once)


def _doctor(_: argparse.Namespace) -> int:
    for name, find in (("go", find_go), ("node", find_node), ("kubectl", find_kubectl)):
        tool = find()
        print(f"{name:9} {tool.version}  {tool.path}")
    browser = on_path()
    print(f"{'chromium':9} {browser or 'not on the PATH; Playwright looks for its own'}")
    if browser is None:
        print(f"          if there is none: {REMEDY}")
    return 0


def _run(options: argparse.Namespace) -> int:
    node = find_node()
    program = str(node.beside(options.program))
    os.execve(program, [program, *options.arguments], node.environ())  # noqa: S606 - becomes the program
