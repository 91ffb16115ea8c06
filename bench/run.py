"""`make bench`: every measurement in a size that takes a few minutes. Results go to bench/results."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from bench import intake, kubernetes_clients, repair, sweep
from bench.machine import machine, versions
from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.cluster.kubectl import ESTABLISHED

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results"


def clients() -> dict[str, Any]:
    """Compare the Kubernetes clients on a control plane of their own."""
    with ControlPlane() as plane:
        plane.kubectl("apply", "-f", str(ROOT / "crds" / "calendarsubscriptions.yaml"))
        plane.kubectl("wait", ESTABLISHED, "crd", "--all", "--timeout=60s")
        names = [f"bench-{number}" for number in range(kubernetes_clients.OBJECTS)]
        items = [kubernetes_clients.subscription(name) for name in names]
        listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
        plane.kubectl("create", "-f", "-", input_text=listed, timeout=120)
        result = kubernetes_clients.measure(connection(plane), names)
    return {"clients": result}


def keep(name: str, measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Measure, show the result and write it down with what it depends on."""
    body = {"machine": machine(), "versions": versions()}
    result = measure()
    print(json.dumps(result, indent=2))
    body |= result
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(f"{json.dumps(body, indent=2)}\n")
    return result


def connection(plane: ControlPlane) -> kubernetes_clients.Connection:
    """Reach the API server as a service account that may do everything."""
    plane.kubectl("create", "serviceaccount", "bench")
    role = ("clusterrolebinding", "bench", "--clusterrole=cluster-admin", "--serviceaccount=default:bench")
    plane.kubectl("create", *role)
    kubeconfig = plane.kubeconfig_for_service_account("default", "bench")
    token = yaml.safe_load(kubeconfig.read_text())["users"][0]["user"]["token"]
    return kubernetes_clients.Connection(plane.server, token, str(plane.ca_file))


def main() -> None:
    """Measure everything, one after the other, so that nothing disturbs anything else."""
    keep("kubernetes_clients", clients)
    keep("intake", intake.measure)
    keep("sweep", sweep.measure)
    if keep("repair", repair.measure)["changes lost"]:
        sys.exit("changes were lost, see above")
    subprocess.run([sys.executable, "-m", "bench.operator", "--quick"], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
