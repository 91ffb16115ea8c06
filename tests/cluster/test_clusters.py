"""Clusters that are there already, and kind's: with a made-up kind that keeps its clusters as files."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from outlook_addin_sandbox.cluster.control_plane import ControlPlane
from outlook_addin_sandbox.cluster.errors import NoClusterError
from outlook_addin_sandbox.cluster.existing import Cluster, ExistingCluster, KindCluster
from outlook_addin_sandbox.cluster.kubeconfig import CONTEXT

KIND = """#!/bin/sh
# "kind" that keeps its clusters as files in {clusters}.
case "$1 $2" in
  "get clusters") ls {clusters} ;;
  "create cluster") [ "$5" = --wait ] && touch {clusters}/"$4" ;;
  "get kubeconfig") cat {clusters}/"$4" && echo "of $4 in $KUBECONFIG" ;;
  "delete cluster") rm {clusters}/"$4" ;;
  *) echo "unknown command" >&2; exit 1 ;;
esac
"""


@pytest.fixture
def clusters(tmp_path: Path) -> Path:
    folder = tmp_path / "clusters"
    folder.mkdir()
    return folder


@pytest.fixture
def programs(tmp_path: Path, clusters: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts made-up programs on an otherwise short PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def put(*, kind: bool = True, docker: str = "exit 0", kubectl: str = "1.36.0") -> None:
        answer = f'{{"clientVersion": {{"gitVersion": "v{kubectl}"}}}}'
        texts = {"kubectl": f"#!/bin/sh\necho '{answer}'\n", "docker": f"#!/bin/sh\n{docker}\n"}
        if kind:
            texts["kind"] = KIND.format(clusters=clusters)
        for tool in ("ls", "touch", "cat", "rm"):
            (folder / tool).symlink_to(Path("/bin") / tool)
        for name, text in texts.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    return put


def names(clusters: Path) -> list[str]:
    return [path.name for path in clusters.iterdir()]


def test_a_kind_cluster_lives_as_long_as_the_block(programs: Callable[..., None], clusters: Path) -> None:
    programs()
    with KindCluster("demo") as cluster:
        assert names(clusters) == ["demo"]
        assert cluster.stays
        assert cluster.kubeconfig.read_text().startswith("of demo")
        assert stat.S_IMODE(cluster.kubeconfig.stat().st_mode) == 0o600
        assert cluster.environ({})["KUBECONFIG"] == str(cluster.kubeconfig)
    assert names(clusters) == []
    assert not cluster.kubeconfig.exists()


def test_a_kind_cluster_that_was_there_before_stays(programs: Callable[..., None], clusters: Path) -> None:
    programs()
    (clusters / "demo").touch()
    with KindCluster("demo"):
        pass
    assert names(clusters) == ["demo"]


def test_a_kind_cluster_stays_when_it_is_to_be_kept(programs: Callable[..., None], clusters: Path) -> None:
    programs()
    with KindCluster("demo", keep=True):
        pass
    assert names(clusters) == ["demo"]


def test_kind_does_not_touch_the_users_own_kubeconfig(
    programs: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    programs()
    monkeypatch.setenv("KUBECONFIG", "/home/me/.kube/config")
    with KindCluster("demo") as cluster:
        assert cluster.kubeconfig.read_text().strip() == f"of demo in {cluster.kubeconfig}"


def test_without_kind_a_sentence_says_so(programs: Callable[..., None]) -> None:
    programs(kind=False)
    with pytest.raises(NoClusterError, match="kind is not on the PATH"), KindCluster("demo"):
        pytest.fail("it was made")


def test_without_a_docker_daemon_a_sentence_says_so(programs: Callable[..., None], clusters: Path) -> None:
    programs(docker="exit 1")
    with pytest.raises(NoClusterError, match="Docker does not answer"), KindCluster("demo"):
        pytest.fail("it was made")
    assert names(clusters) == []


def test_without_a_kubeconfig_a_sentence_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoClusterError, match="no kubeconfig file"), ExistingCluster(tmp_path / "none"):
        pytest.fail("it was entered")


def test_an_existing_cluster_is_used_and_stays(control_plane: ControlPlane) -> None:
    with ExistingCluster(control_plane.kubeconfig, context=CONTEXT) as cluster:
        assert "kube-system" in cluster.kubectl("get", "namespaces")
    control_plane.check()


def test_an_existing_cluster_that_does_not_answer_is_reported(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(control_plane.kubeconfig.read_text().replace(f":{control_plane.port}", ":1"))
    with pytest.raises(NoClusterError, match="does not answer"), ExistingCluster(kubeconfig):
        pytest.fail("it was entered")


def test_all_kinds_of_cluster_have_the_same_interface(control_plane: ControlPlane) -> None:
    clusters: list[Cluster] = [control_plane, ExistingCluster(control_plane.kubeconfig), KindCluster()]
    assert [cluster.stays for cluster in clusters] == [False, True, True]
    assert all(os.fspath(cluster.kubeconfig) == cluster.environ()["KUBECONFIG"] for cluster in clusters)
