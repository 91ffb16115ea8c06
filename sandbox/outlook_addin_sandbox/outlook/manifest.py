"""Reading the add-in's manifest, as Outlook does before it shows a ribbon button."""

import re

from aiohttp import ClientError, ClientSession, ClientTimeout

_ID = re.compile(r"<Id>\s*\{?([0-9a-fA-F-]{36})\}?\s*</Id>")


class Sideload:
    """Knows the id of the add-in at an address; asks again until the add-in answered once.

    Args:
        addin_url: base address under which ``manifest.xml`` lies.
        addin_id: the id when it is known beforehand; then nothing is fetched.
        session: HTTP session that can reach ``*.localhost``.
    """

    def __init__(self, addin_url: str, addin_id: str | None, session: ClientSession) -> None:
        self._url = f"{addin_url}/manifest.xml"
        self._id = addin_id
        self._session = session

    async def addin_id(self) -> str | None:
        """The lower-case manifest id, or None while the add-in cannot be reached."""
        if self._id is None:
            self._id = _manifest_id(await self._fetch())
        return self._id

    async def _fetch(self) -> str:
        try:
            async with self._session.get(self._url, timeout=ClientTimeout(total=3)) as response:
                return await response.text() if response.ok else ""
        except (ClientError, TimeoutError):
            return ""


def _manifest_id(manifest: str) -> str | None:
    match = _ID.search(manifest)
    return match[1].lower() if match else None
