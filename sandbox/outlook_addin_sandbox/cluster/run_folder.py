"""The folder of one run: keys, kubeconfigs, logs and etcd's data. Readable by its owner only.

Its owner holds a file lock in it. A run that was killed cannot tidy up, but the kernel gives its lock back:
the next run takes that as the sign that the folder is nobody's and removes it.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Self

from outlook_addin_sandbox.toolchain.cache import try_lock

PREFIX = "outlook-addin-control-plane-"


class RunFolder:
    """A new private folder. Use as a context manager: it is removed at the end unless `keep` is set.

    Args:
        base: Where run folders live; the system's folder for temporary files by default.
    """

    def __init__(self, base: Path | None = None) -> None:
        self._base = base or Path(tempfile.gettempdir())
        remove_abandoned(self._base)
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=self._base))
        self.keep = False
        self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try_lock(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self.keep:
            shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)

    def make(self, name: str) -> Path:
        """A sub-folder, made when missing."""
        folder = self.path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder


def remove_abandoned(base: Path) -> None:
    """Remove the run folders of this user whose owner has ended."""
    for folder in base.glob(f"{PREFIX}*"):
        if folder.is_symlink() or not folder.is_dir() or folder.stat().st_uid != os.getuid():
            continue
        try:
            lock = os.open(folder / "lock", os.O_RDWR)
        except FileNotFoundError:
            continue  # another run is just making it
        try:
            if try_lock(lock):
                shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(lock)
