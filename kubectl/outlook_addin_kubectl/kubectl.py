"""The cluster, through kubectl, which knows contexts, sign-ins and proxies better than anybody."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, Final, TypeAlias
from urllib.parse import urlencode

Object: TypeAlias = dict[str, Any]
"""A Kubernetes object as it stands in JSON."""

_PAGE: Final = 1_000
_NAMES: Final = 20
"""Names on one command line: after some ten, kubectl itself writes no more than five a second."""
_AT_ONCE: Final = 8
"""Commands side by side."""
_WAITS: Final = 1
"""Seconds after which a process that goes on waits for somebody."""
_NAME: Final = re.compile(r"[a-z0-9]([-.a-z0-9]*[a-z0-9])?")


class KubectlError(Exception):
    """Kubectl failed; the text is what it said."""


class NotServedError(KubectlError):
    """The API server knows no such kind, or no such object."""


class Kubectl:
    """Runs kubectl.

    Args:
        options: Options of every command, such as ``--context=NAME``.

    Raises:
        KubectlError: There is no kubectl on the PATH.
    """

    def __init__(self, options: Sequence[str] = ()) -> None:
        program = shutil.which("kubectl")
        if program is None:
            raise KubectlError("kubectl is not on the PATH.")
        self._command = (program, *options)

    def run(self, *arguments: str) -> str:
        """Return what a command prints.

        Raises:
            KubectlError: It failed.
        """
        with subprocess.Popen(  # noqa: S603 - no shell
            (*self._command, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            try:
                out, said = _outcome(process)
            except BaseException:
                process.kill()
                raise
        if process.returncode == 0:
            return out
        said = said or f"kubectl ended with {process.returncode}."
        raise (NotServedError if "NotFound" in said else KubectlError)(said)

    def namespace(self) -> str:
        """Return the namespace of the context in use."""
        return self.run("config", "view", "--minify", "--output=jsonpath={..namespace}").strip() or "default"

    def list(
        self, api: str, plural: str, namespace: str | None = None, fields: Mapping[str, str] | None = None
    ) -> Iterator[Object]:
        """Yield all objects of a kind, page by page: tens of thousands of them are held by nobody.

        Args:
            api: Group and version.
            plural: The kind's name in paths.
            namespace: None for all.
            fields: What must stand in which field.

        Raises:
            NotServedError: There is no such kind.
            KubectlError: The API server refuses, or is not reached.
        """
        place = f"namespaces/{_checked(namespace)}/" if namespace else ""
        query = {"limit": str(_PAGE)}
        if fields:
            query["fieldSelector"] = ",".join(f"{path}={value}" for path, value in fields.items())
        while True:
            page = self._read(f"/apis/{api}/{place}{plural}?{urlencode(query)}")
            for item in page["items"]:
                item.setdefault("kind", page["kind"].removesuffix("List"))
                yield item
            if not page["metadata"].get("continue"):
                return
            query["continue"] = page["metadata"]["continue"]

    def get(self, api: str, plural: str, namespace: str, name: str) -> Object:
        """Return one object.

        Raises:
            NotServedError: There is none.
            KubectlError: The API server refuses, or is not reached.
        """
        return self._read(f"/apis/{api}/namespaces/{_checked(namespace)}/{plural}/{_checked(name)}")

    def _read(self, path: str) -> Object:
        try:
            found: Object = json.loads(self.run("get", "--raw", path))
        except json.JSONDecodeError as error:
            raise KubectlError("The answer is not the API server's; see what stands in between.") from error
        return found

    def annotate(
        self, plural: str, namespace: str, names: Sequence[str], annotation: str, value: str
    ) -> None:
        """Write an annotation on some objects, whatever value it has.

        Raises:
            KubectlError: A name is none, one of them is gone, the API server refuses, or is not reached.
        """
        options = (f"--namespace={namespace}", "--overwrite")
        self._side_by_side(names, lambda some: ("annotate", plural, *options, *some, f"{annotation}={value}"))

    def wait(self, plural: str, namespace: str, names: Sequence[str], condition: str, seconds: int) -> None:
        """Wait until all objects say so.

        Args:
            plural: The kind's name in paths.
            namespace: Where the objects are.
            names: Which ones.
            condition: What ``kubectl wait --for`` takes.
            seconds: How long.

        Raises:
            KubectlError: They did not in time, or one of them is gone.
        """
        limits = (f"--namespace={namespace}", f"--for={condition}", f"--timeout={seconds}s")
        self._side_by_side(names, lambda some: ("wait", *limits, *(f"{plural}/{name}" for name in some)))

    def _side_by_side(self, names: Sequence[str], command: Callable[[Sequence[str]], Sequence[str]]) -> None:
        """Run a command for all names; what fails for one holds up no other."""
        known = [_checked(name) for name in names]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            runs = [
                pool.submit(self.run, *command(known[first : first + _NAMES]))
                for first in range(0, len(known), _NAMES)
            ]
            try:
                wait(runs)
            finally:
                pool.shutdown(wait=False, cancel_futures=True)
        for each in runs:
            each.result()

    def patch(self, plural: str, namespace: str, name: str, steps: Sequence[Mapping[str, Any]]) -> None:
        """Change an object by a JSON patch (RFC 6902).

        Raises:
            KubectlError: A test in the patch failed, the API server refuses, or is not reached.
        """
        self.run(
            "patch", plural, name, f"--namespace={namespace}", "--type=json", "--patch", json.dumps(steps)
        )


def _checked(name: str) -> str:
    """Keep what is no name from being read as an option, a change or another path."""
    if not _NAME.fullmatch(name):
        raise KubectlError(f"{name!r} is no name; write that of an object or a namespace, without its kind.")
    return name


def _outcome(process: subprocess.Popen[bytes]) -> tuple[str, str]:
    """Return what a process prints and complains about, having passed on what it said while it waited.

    A plugin that signs people in says there what to do, and waits until they have done it.
    """
    shown = 0
    while True:
        try:
            out, said = process.communicate(timeout=_WAITS)
        except subprocess.TimeoutExpired as waiting:
            said = waiting.stderr or b""
            sys.stderr.write(said[shown:].decode("utf-8", "replace"))
            sys.stderr.flush()
            shown = len(said)
        else:
            return out.decode(), said[shown:].decode("utf-8", "replace").strip()
