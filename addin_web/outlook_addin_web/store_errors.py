"""What went wrong at the Kubernetes API, without the URL, which names the object."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import httpx2
import lightkube

from outlook_addin_web.ports import StoreUnavailable


class Missing(StoreUnavailable):
    """404."""


class Exists(StoreUnavailable):
    """409: it exists already, or has changed since it was read."""


_KINDS: Final[Mapping[int | None, type[StoreUnavailable]]] = {404: Missing, 409: Exists}


@asynccontextmanager
async def store_errors(verb: str, kind: str = "calendarsubscriptions") -> AsyncIterator[None]:
    """Turn failures into StoreUnavailable or one of its kinds.

    Args:
        verb: As in RBAC, so that the text tells which right may be missing.
        kind: As in RBAC.
    """
    try:
        yield
    except lightkube.ApiError as error:
        code = error.status.code
        raise _KINDS.get(code, StoreUnavailable)(f"Kubernetes answered {code} to {verb} {kind}") from error
    except httpx2.HTTPError as error:
        raise StoreUnavailable(f"Kubernetes gave no answer to {verb} {kind}") from error
