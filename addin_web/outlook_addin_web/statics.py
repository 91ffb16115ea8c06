"""The built task pane: pages, hashed assets and icons, with the cache rules that each of them needs.

Only files that were there at start are served, looked up by name: no path from outside ever meets the file
system.
"""

from functools import partial
from pathlib import Path
from typing import Final

from aiohttp import web

from outlook_addin_core.domain.config import AddinConfig
from outlook_addin_web.headers import A_DAY, IMMUTABLE, NO_CACHE, NO_STORE, page_policy

STATIC: Final = Path(__file__).parent / "static"
PAGES: Final = {"taskpane.html": NO_CACHE, "dialog.html": NO_CACHE, "auth.html": NO_STORE}
FOLDERS: Final = {"assets": IMMUTABLE, "icons": A_DAY}
_COMPRESSED: Final = frozenset({".br", ".gz"})
_TYPES: Final = {
    ".js": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".png": "image/png",
}

_NOT_BUILT: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Not built</title>
<h1>The add-in's pages are missing</h1>
<p>This server was installed without its user interface. Build it and install the package again.</p></html>
"""


class Statics:
    """Answers requests for the add-in's files.

    Args:
        config: Names the hosts that the pages may talk to and be framed by.
        root: The folder of the built user interface.
    """

    def __init__(self, config: AddinConfig, root: Path = STATIC) -> None:
        self._policy = page_policy(config)
        self._root = root
        self._files = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}

    def add_routes(self, app: web.Application, base: str) -> None:
        """Add the pages and folders below ``base``."""
        for page in PAGES:
            app.router.add_get(f"{base}/{page}", self._page)
        for folder in FOLDERS:
            app.router.add_get(f"{base}/{folder}/{{name:.+}}", partial(self._file, folder))

    async def _page(self, request: web.Request) -> web.StreamResponse:
        """Answer one of the HTML pages, or say that they were not built."""
        name = request.path.rpartition("/")[2]
        headers = {"Cache-Control": PAGES[name], "Content-Security-Policy": self._policy}
        if name not in self._files:
            headers["Cache-Control"] = NO_STORE
            return web.Response(text=_NOT_BUILT, content_type="text/html", status=503, headers=headers)
        return web.FileResponse(self._root / name, headers=headers)

    async def _file(self, folder: str, request: web.Request) -> web.StreamResponse:
        """Answer an asset or an icon; aiohttp picks a ``.br`` or ``.gz`` sibling if the client takes it."""
        name = f"{folder}/{request.match_info['name']}"
        if name not in self._files or Path(name).suffix in _COMPRESSED:
            raise web.HTTPNotFound
        headers = {"Cache-Control": FOLDERS[folder]}
        content_type = _TYPES.get(Path(name).suffix)
        if content_type is not None:
            headers["Content-Type"] = content_type
        return web.FileResponse(self._root / name, headers=headers)
