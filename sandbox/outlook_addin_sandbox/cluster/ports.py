"""Free ports on the loopback interface."""

import secrets
import socket

# Below 32768, where Linux takes the ports of outgoing connections from: a port found free here
# is not taken by a passing connection before its server listens.
CANDIDATES = range(20_000, 30_000)


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """Distinct free ports, at random so that two runs side by side hardly ever pick the same one."""
    ports: list[int] = []
    for port in secrets.SystemRandom().sample(CANDIDATES, len(CANDIDATES)):
        if is_free(port):
            ports.append(port)
        if len(ports) == count:
            return ports
    raise OSError(f"no {count} free ports between {CANDIDATES.start} and {CANDIDATES.stop}")
