"""A local node: runs the containers of Pods as processes of this machine, against a real API server.

Like a kubelet, it registers a Node and renews its Lease, runs the Pods that the scheduler binds to it,
computes their environment, mounts ConfigMaps, Secrets, projected volumes and emptyDirs, asks for bound
service-account tokens, probes, restarts with back-off, enforces memory limits, terminates gracefully, reports
status and serves `kubectl logs`.

Unlike a kubelet, it has neither images nor namespaces:

- `image`, `imagePullPolicy` and `securityContext` are ignored; a container needs a `command`, which is looked
  up on this machine, the virtual environment of this Python first.
- Every Pod has an address of its own in 127.0.0.0/8, told to it as LISTEN_ADDRESS; its status shows it as
  10.x.y.z, because EndpointSlices take no loopback address. There are no addresses of Services and no DNS;
  `ServiceRoute` leads from a port of this machine to the ready Pods of a Service.
- Volumes lie below the node's folder. Mount paths are replaced by local paths in arguments and in values of
  variables, so a program that takes its paths from there finds its files, and one with fixed paths does not.
  Files are readable by this user only, whatever mode the Pod asks for.
- CPU limits are not enforced. Memory is the resident size of the process tree, read every second, which
  counts shared pages too and is therefore stricter than a cgroup.
- Restart back-off is 1 s doubling to 10 s instead of 10 s doubling to 5 min.
- Only the HTTP kind of probe, only the `exec` and `sleep` kinds of `preStop`, no `postStart`, no init
  containers, no Events, no `kubectl exec`, `attach` or `port-forward`.
- When the node itself is killed, the kernel kills the first process of every container; processes which that
  one had started live on. `LocalNode` leaves none behind when it is left in the ordinary way.
"""

from outlook_addin_sandbox.node.agent import LocalNode
from outlook_addin_sandbox.node.routes import ServiceRoute

__all__ = ["LocalNode", "ServiceRoute"]
