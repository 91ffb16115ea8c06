"""Addresses of Pods: each has one of its own below 127.0.0.0/8, and is known to the cluster by another.

All of 127.0.0.0/8 is this machine's, without rights or configuration (Linux), so that is where a Pod's
process listens. The API server takes no loopback address into EndpointSlices; it is told the same address
below 10.0.0.0/8.
"""

import hashlib
from typing import Final

_LOCAL: Final = "127."
_SHOWN: Final = "10."


def pod_address(uid: str, taken: set[str]) -> str:
    """Choose where a Pod listens: the same again for the same uid, and an address that is free."""
    attempt = 0
    while True:
        digest = hashlib.sha256(f"{uid}/{attempt}".encode()).digest()
        address = f"{_LOCAL}{16 + digest[0] % 200}.{digest[1]}.{1 + digest[2] % 254}"
        if address not in taken:
            return address
        attempt += 1


def shown(address: str) -> str:
    """The address in the Pod's status."""
    return _SHOWN + address.removeprefix(_LOCAL)


def local(address: str) -> str:
    """Where the Pod with this address in its status listens."""
    return _LOCAL + address.removeprefix(_SHOWN)
