"""No damaged or half-made artifact is ever handed out, whatever happens while it is made."""

from __future__ import annotations

import errno
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from qeff_codegen.errors import UsageError
from qeff_codegen.files.artifact_store import ArtifactStore, artifact_key, is_whole


def write_numbers(folder: Path) -> None:
    (folder / "numbers.txt").write_text("1 2 3\n")
    (folder / "data").mkdir()
    (folder / "data" / "more.bin").write_bytes(bytes(range(256)))


def refuse(folder: Path) -> None:
    raise AssertionError("it is there already")


def test_made_once(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    first = store.get("numbers", {"of": 1}, write_numbers)
    assert store.get("numbers", {"of": 1}, refuse) == first
    assert (first / "numbers.txt").read_text() == "1 2 3\n"
    assert store.get("numbers", {"of": 2}, write_numbers) != first


@pytest.mark.parametrize("damage", ["truncate", "change", "delete", "add", "record"])
def test_damage_is_noticed_and_mended(tmp_path: Path, damage: str) -> None:
    store = ArtifactStore(tmp_path)
    folder = store.get("numbers", {}, write_numbers)
    victim = folder / "data" / "more.bin"
    if damage == "truncate":
        victim.write_bytes(victim.read_bytes()[:-1])
    elif damage == "change":
        victim.write_bytes(b"\x01" + victim.read_bytes()[1:])
    elif damage == "delete":
        victim.unlink()
    elif damage == "add":
        (folder / "stray").touch()
    else:
        (folder / "artifact.json").write_text("{")
    assert not is_whole(folder)
    assert store.get("numbers", {}, write_numbers) == folder
    assert is_whole(folder)
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    def fill(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder / "half"))

    with pytest.raises(UsageError, match="No space left on device"):
        ArtifactStore(tmp_path).get("numbers", {}, fill)
    assert list(tmp_path.iterdir()) == []


def _make_and_wait(root: Path, started: Path) -> None:
    def make(folder: Path) -> None:
        write_numbers(folder)
        started.touch()
        time.sleep(60)

    ArtifactStore(root).get("numbers", {}, make)


def test_a_killed_maker_leaves_nothing_for_long(tmp_path: Path) -> None:
    root, started = tmp_path / "store", tmp_path / "started"
    maker = multiprocessing.get_context("fork").Process(target=_make_and_wait, args=(root, started))
    maker.start()
    while not started.exists():
        time.sleep(0.01)
    # While it lives its folder is its own.
    other = ArtifactStore(root).get("others", {}, write_numbers)
    assert len([path for path in root.iterdir() if path.is_dir()]) == 2
    assert maker.pid is not None
    os.kill(maker.pid, signal.SIGKILL)
    maker.join()
    whole = ArtifactStore(root).get("numbers", {}, write_numbers)
    assert is_whole(whole)
    assert sorted(root.iterdir()) == sorted([whole, other])


def _make_slowly(root: Path) -> None:
    def make(folder: Path) -> None:
        write_numbers(folder)
        time.sleep(0.2)

    ArtifactStore(root).get("numbers", {}, make)


def test_two_makers_at_once(tmp_path: Path) -> None:
    makers = [multiprocessing.get_context("fork").Process(target=_make_slowly, args=(tmp_path,)) for _ in range(3)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert [maker.exitcode for maker in makers] == [0, 0, 0]
    (folder,) = tmp_path.iterdir()
    assert is_whole(folder)


def test_the_key_depends_on_every_fact_and_not_on_their_order() -> None:
    assert artifact_key({"a": 1, "b": 2}) == artifact_key({"b": 2, "a": 1})
    assert artifact_key({"a": 1, "b": 2}) != artifact_key({"a": 1, "b": 3})
