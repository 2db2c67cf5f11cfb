import io
import tarfile
import zipfile

import pytest

from repos.errors import RecordError
from repos.tasks.sources.pypi.archives import Member, read_archive, write_tree


def tar(path, *members):
    with tarfile.open(path, "w:gz") as archive:
        for name, data, kind in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
            else:
                info.linkname = data
                archive.addfile(info)
    return path


def test_top_folder_is_cut_and_modes_are_kept(tmp_path):
    path = tmp_path / "demo-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, mode in (("demo-1.0/run.sh", 0o755), ("demo-1.0/a/b.py", 0o600)):
            info = tarfile.TarInfo(name)
            info.size, info.mode = 3, mode
            archive.addfile(info, io.BytesIO(b"abc"))
    tree = read_archive(path)
    assert tree == {"a/b.py": Member(b"abc"), "run.sh": Member(b"abc", executable=True)}
    write_tree(tree, tmp_path / "out")
    assert (tmp_path / "out/run.sh").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "out/a/b.py").stat().st_mode & 0o777 == 0o644


def test_zip_is_read_alike(tmp_path):
    path = tmp_path / "demo-1.0.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("demo-1.0/a.py", "x = 1\n")
    assert read_archive(path) == {"a.py": Member(b"x = 1\n")}


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil", "demo/../../evil", "demo\\..\\evil"])
def test_paths_that_leave_the_archive_are_refused(tmp_path, name):
    path = tar(tmp_path / "demo-1.0.tar.gz", (name, b"x", tarfile.REGTYPE))
    with pytest.raises(RecordError, match="unsafe path"):
        read_archive(path)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "../.."])
def test_links_to_the_outside_are_refused(tmp_path, target):
    path = tar(tmp_path / "demo-1.0.tar.gz", ("demo-1.0/link", target, tarfile.SYMTYPE))
    if target == "../..":
        path = tar(path, ("demo-1.0/a/link", "../../x", tarfile.SYMTYPE))
    with pytest.raises(RecordError, match="points outside"):
        read_archive(path)


def test_a_chain_of_links_to_the_outside_is_refused(tmp_path):
    tree = {
        "d/f": Member(b"x"),
        "d/x": Member(b".", link=True),
        "y": Member(b"d/x/../..", link=True),
    }
    with pytest.raises(RecordError, match="leads outside"):
        write_tree(tree, tmp_path / "out")


def test_a_file_below_a_link_is_refused(tmp_path):
    tree = {"a": Member(b"b", link=True), "a/f": Member(b"x"), "b/g": Member(b"y")}
    with pytest.raises(RecordError, match="both a link and files"):
        write_tree(tree, tmp_path / "out")
    assert not (tmp_path / "out/b/f").exists()


def test_links_inside_survive(tmp_path):
    path = tar(
        tmp_path / "demo-1.0.tar.gz",
        ("demo-1.0/real.txt", b"hello", tarfile.REGTYPE),
        ("demo-1.0/sub/link.txt", "../real.txt", tarfile.SYMTYPE),
    )
    write_tree(read_archive(path), tmp_path / "out")
    assert (tmp_path / "out/sub/link.txt").read_text() == "hello"


def test_special_files_and_broken_archives_are_refused(tmp_path):
    with pytest.raises(RecordError, match="special file"):
        read_archive(tar(tmp_path / "a-1.tar.gz", ("a-1/pipe", "", tarfile.FIFOTYPE)))
    (tmp_path / "b-1.tar.gz").write_bytes(b"not an archive")
    with pytest.raises(RecordError, match="not a readable archive"):
        read_archive(tmp_path / "b-1.tar.gz")


@pytest.mark.parametrize("kind", ["tar.gz", "zip"])
@pytest.mark.parametrize(("limit", "value"), [("MAX_FILES", 3), ("MAX_BYTES", 30)])
def test_an_archive_at_the_limit_is_read_and_one_above_it_is_refused(
    tmp_path, monkeypatch, kind, limit, value
):
    path = tmp_path / f"demo-1.0.{kind}"
    names = [f"demo-1.0/{number}.txt" for number in range(3)]
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, b"x" * 10)
    else:
        tar(path, *((name, b"x" * 10, tarfile.REGTYPE) for name in names))
    monkeypatch.setattr(f"repos.tasks.sources.pypi.archives.{limit}", value)
    assert len(read_archive(path)) == 3
    monkeypatch.setattr(f"repos.tasks.sources.pypi.archives.{limit}", value - 1)
    with pytest.raises(RecordError, match="more than the limit"):
        read_archive(path)
