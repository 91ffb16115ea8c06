"""Writes to the API server that pass only while the Lease is held."""

from typing import Any, Final

import lightkube

from outlook_addin_operator.lease_keeper import Leadership, fence

WRITES: Final = frozenset({"create", "patch", "replace", "set", "apply", "delete", "deletecollection"})
"""Everything by which lightkube's client changes something."""


class FencedClient:
    """A lightkube client whose writes raise NotLeadingError unless the Lease is held.

    All else is the client's own. Whoever gets this in its place need not know.
    """

    def __init__(self, client: lightkube.AsyncClient, leadership: Leadership) -> None:
        self._client = client
        self._leadership = leadership

    def __getattr__(self, name: str) -> Any:
        if name in WRITES:
            fence(self._leadership)
        return getattr(self._client, name)
