"""The files of volumes and where containers find them."""

from pathlib import Path
from typing import Any

import pytest

from outlook_addin_sandbox.node.pod_plan import Host
from outlook_addin_sandbox.node.references import MissingReferenceError, Reference
from outlook_addin_sandbox.node.volumes import (
    Contents,
    TokenWish,
    copy_sub_paths,
    mounts,
    token_wishes,
    write_volume,
)

CONFIG = {"metadata": {"namespace": "team"}, "data": {"a": "1", "b": "2"}, "binaryData": {"c": "AP8="}}
TOKEN = {"serviceAccountToken": {"path": "token", "audience": "gateway", "expirationSeconds": 900}}


def contents(volumes: list[dict[str, Any]] | None = None) -> Contents:
    pod = {
        "metadata": {"name": "web", "namespace": "team", "uid": "u", "labels": {"x": "1", "y": "2"}},
        "spec": {"volumes": volumes or []},
    }
    host = Host("127.20.0.1", "127.0.0.1", {}, {}, {})
    sources = {Reference("ConfigMap", "config"): CONFIG}
    return Contents(pod, sources, {TokenWish("gateway", 900): "ey.J"}, host)


@pytest.mark.parametrize(
    ("volume", "files"),
    [
        ({"configMap": {"name": "config"}}, {"a": b"1", "b": b"2", "c": b"\x00\xff"}),
        ({"configMap": {"name": "config", "items": [{"key": "a", "path": "x/y"}]}}, {"x/y": b"1"}),
        ({"configMap": {"name": "absent", "optional": True}}, {}),
        ({"secret": {"secretName": "absent", "optional": True}}, {}),
        ({"projected": {"sources": [TOKEN]}}, {"token": b"ey.J"}),
        (
            {"downwardAPI": {"items": [{"path": "l", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
            {"l": b'x="1"\ny="2"'},
        ),
        ({"emptyDir": {}}, None),
    ],
)
def test_a_volume_has_the_files_that_its_sources_say(
    volume: dict[str, Any], files: dict[str, bytes] | None
) -> None:
    assert contents().files({"name": "v", **volume}) == files


@pytest.mark.parametrize(
    "volume",
    [
        {"configMap": {"name": "absent"}},
        {"configMap": {"name": "config", "items": [{"key": "absent", "path": "x"}]}},
        {"hostPath": {"path": "/"}},
    ],
)
def test_a_missing_source_and_an_unknown_kind_are_refused(volume: dict[str, Any]) -> None:
    with pytest.raises(MissingReferenceError):
        contents().files({"name": "v", **volume})


def test_the_tokens_that_a_pod_wants_are_found() -> None:
    pod = contents([{"name": "t", "projected": {"sources": [TOKEN]}}]).pod
    assert token_wishes(pod) == {TokenWish("gateway", 900)}


def test_a_volume_changes_as_a_whole(tmp_path: Path) -> None:
    write_volume(tmp_path, {"a": b"1", "deep/b": b"2"})
    first = (tmp_path / "..data").resolve()
    assert (tmp_path / "a").read_bytes() == b"1"
    assert (tmp_path / "deep" / "b").read_bytes() == b"2"
    write_volume(tmp_path, {"a": b"1", "deep/b": b"2"})
    assert (tmp_path / "..data").resolve() == first  # nothing changed, nothing was written
    write_volume(tmp_path, {"a": b"3", "c": b"4"})
    assert sorted(path.name for path in tmp_path.glob("[!.]*")) == ["a", "c"]
    assert (tmp_path / "a").read_bytes() == b"3"
    assert not first.exists()


def test_an_empty_dir_keeps_what_is_in_it(tmp_path: Path) -> None:
    write_volume(tmp_path / "scratch", None)
    (tmp_path / "scratch" / "mine").touch()
    write_volume(tmp_path / "scratch", None)
    assert (tmp_path / "scratch" / "mine").exists()


def test_a_sub_path_of_a_configmap_is_a_copy_and_that_of_an_empty_dir_a_folder(tmp_path: Path) -> None:
    pod = {"spec": {"volumes": [{"name": "config", "configMap": {}}, {"name": "scratch", "emptyDir": {}}]}}
    container = {
        "name": "web",
        "volumeMounts": [
            {"name": "config", "mountPath": "/etc/app.json", "subPath": "a"},
            {"name": "scratch", "mountPath": "/work", "subPath": "mine"},
            {"name": "scratch", "mountPath": "/all"},
        ],
    }
    write_volume(tmp_path / "volumes" / "config", {"a": b"1"})
    copy_sub_paths(pod, container, tmp_path)
    write_volume(tmp_path / "volumes" / "config", {"a": b"2"})
    places = mounts(pod, container, tmp_path)
    assert places["/etc/app.json"].name == "app.json"
    assert places["/etc/app.json"].read_bytes() == b"1"
    (places["/work"] / "file").touch()
    assert (places["/all"] / "mine" / "file").exists()
    copy_sub_paths(pod, container, tmp_path)
    assert places["/etc/app.json"].read_bytes() == b"2"


def test_a_sub_path_that_is_not_in_the_volume_is_refused(tmp_path: Path) -> None:
    container = {"name": "web", "volumeMounts": [{"name": "v", "mountPath": "/x", "subPath": "absent"}]}
    with pytest.raises(MissingReferenceError, match="absent"):
        copy_sub_paths({"spec": {"volumes": [{"name": "v", "secret": {}}]}}, container, tmp_path)
