"""The thread that leads from one notification to the calls that it caused: in our logs, and in Graph's."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

correlation: Final[ContextVar[str]] = ContextVar("correlation", default="")
"""A GUID, or empty outside of any task."""


@contextmanager
def correlated(identity: str) -> Iterator[None]:
    """Carry an id through everything that the block does."""
    token = correlation.set(identity)
    try:
        yield
    finally:
        correlation.reset(token)
