"""Bundles of certificates in PEM, as platform engineers write them."""

from functools import lru_cache
from ssl import PROTOCOL_TLS_CLIENT, SSLContext, SSLError


def add_authorities(context: SSLContext, pem: str) -> None:
    """Trust the certificates of a bundle, too; comments in any language and byte order marks are passed over.

    Raises:
        ssl.SSLError: It holds no certificates, or one that cannot be read.
        ValueError: It holds no letter of ASCII.
    """
    context.load_verify_locations(cadata=pem.encode("ascii", "ignore").decode())


@lru_cache(maxsize=64)
def holds_certificates(pem: str) -> bool:
    """Tell whether a bundle has certificates in it, all of which can be read."""
    try:
        add_authorities(SSLContext(PROTOCOL_TLS_CLIENT), pem)
    except (SSLError, ValueError):
        return False
    return True
