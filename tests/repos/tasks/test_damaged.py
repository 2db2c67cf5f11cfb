"""What decides a verdict is checked by its hash: a damaged file never gives a wrong verdict."""

import json
import shutil
from dataclasses import replace

import pytest

from repos import cache
from repos.errors import InfrastructureError
from repos.prepare import build_files, prepare
from repos.sandbox.select import get_backend
from repos.scoring.score import score
from repos.tasks.sources.base import DIGESTS, damaged, digests
from repos.tasks.suite import load_suite


@pytest.fixture
def spec(monkeypatch, tmp_path):
    monkeypatch.setenv("REPOGYM_CACHE", str(tmp_path))
    return load_suite("swe-mini").spec("warmcache-refresh")


def cut(folder):
    """Cut a hidden test file in half; return it with what it held."""
    path = sorted(p for p in folder.rglob("*.py") if p.stat().st_size > 100)[0]
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path, whole


def test_damaged_files_are_made_again_and_this_is_said(spec, capsys):
    files = build_files(spec)
    assert damaged(files.hidden.parent) == []
    assert capsys.readouterr().err == ""
    path, whole = cut(files.hidden)
    (files.hidden / "more.py").write_text("more")
    reference = files.hidden.parent / "reference.patch"
    reference.write_bytes(files.reference[:-20])
    again = build_files(spec)
    said = capsys.readouterr().err
    assert "warmcache-refresh" in said
    assert path.name in said and "more.py" in said and "reference.patch" in said
    assert path.read_bytes() == whole
    assert again.reference == files.reference
    assert damaged(files.hidden.parent) == []


def test_files_that_are_damaged_later_give_no_verdict(tmp_path):
    task = prepare(load_suite("swe-mini").spec("warmcache-refresh"), suite="swe-mini")
    folder = tmp_path / "files"
    shutil.copytree(task.hidden.files.parent, folder)
    (folder / DIGESTS).write_text(json.dumps(digests(folder)))
    task = replace(task, hidden=replace(task.hidden, files=folder / "hidden", held_out=None))
    path, _ = cut(folder / "hidden")
    backend = get_backend("auto")
    try:
        with pytest.raises(InfrastructureError, match=path.stem):
            score(task, b"", backend=backend)
    finally:
        backend.close()


def test_the_base_is_kept_once(spec):
    """Before a layer is made of it it is a folder of its own, then it is the layer's tree."""
    files = build_files(spec)
    names = {path.relative_to(files.base) for path in files.base.rglob("*")}
    first = files.base.resolve()
    text = (files.base / "README.md").read_bytes()
    task = prepare(spec)
    assert files.base.resolve() == task.layers.testbed[0].resolve() and not first.exists()
    assert {path.relative_to(files.base) for path in files.base.rglob("*")} >= names
    assert (files.base / "README.md").read_bytes() == text
    before = sorted(files.base.parent.iterdir())
    assert prepare(spec).layers.testbed == task.layers.testbed
    assert sorted(files.base.parent.iterdir()) == before
    shown = prepare(spec, assist="tests").layers.testbed[1]
    assert not list(shown.rglob("__pycache__"))


def test_a_base_whose_layer_was_removed_is_made_again(spec, capsys):
    task = prepare(spec)
    shutil.rmtree(task.layers.testbed[0].parent)
    files = build_files(spec)
    assert (files.base / "README.md").is_file() and "base" in capsys.readouterr().err
    assert prepare(spec).layers.testbed[0].is_dir()


@pytest.mark.parametrize("where", ["testbed", "environment"])
def test_a_damaged_layer_is_made_again_and_this_is_said(spec, capsys, where):
    task = prepare(spec)
    layer = task.layers.testbed[0]
    if where == "environment":
        [layer] = [mount.source for mount in task.layers.mounts if mount.target == "/env"]
    path, whole = cut(layer)
    gone = sorted(layer.rglob("*.py"))[-1]
    gone.unlink()
    capsys.readouterr()
    prepare(spec)
    assert capsys.readouterr().err == ""  # looked at once a process
    cache._whole.clear()
    again = prepare(spec)
    said = capsys.readouterr().err
    assert path.name in said and "made again" in said
    assert path.read_bytes() == whole
    assert gone.is_file()
    cache._whole.clear()
    assert prepare(spec) == again
    assert capsys.readouterr().err == ""
