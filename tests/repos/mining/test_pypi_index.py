import hashlib
import threading

import pytest

from repos.errors import InfrastructureError, NotPreparedError, RecordError
from repos.tasks.sources.pypi import configuration, index
from repos.tasks.sources.pypi.configuration import IndexConfiguration, index_configuration
from repos.tasks.sources.pypi.index import PackageIndex, parse_page
from repos.tasks.sources.pypi.records import Archive


@pytest.fixture(autouse=True)
def _quick_retries(monkeypatch):
    monkeypatch.setattr(index.time, "sleep", lambda seconds: None)


def test_releases_are_final_sorted_and_checked(local_index):
    one = {"PKG-INFO": "x"}
    local_index.publish(
        "demo", dict.fromkeys(("1.10", "1.9", "2.0rc1", "1.9.1"), (one, "2025-01-01T00:00:00Z"))
    )
    found = local_index.index().releases("Demo")
    assert [release.version for release in found] == ["1.9", "1.9.1", "1.10"]
    assert all(len(release.archive.sha256) == 64 for release in found)


def test_fetch_checks_caches_and_works_offline_afterwards(demo_index, tmp_path, monkeypatch):
    client = demo_index.index()
    archive = client.releases("demo")[0].archive
    path = client.fetch("demo", archive, tmp_path / "store")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == archive.sha256
    assert archive.sha256 in str(path)
    before = len(demo_index.requests)
    monkeypatch.setenv("REPOGYM_OFFLINE", "1")
    assert client.fetch("demo", archive, tmp_path / "store") == path
    assert len(demo_index.requests) == before
    with pytest.raises(NotPreparedError, match="repogym tasks prepare"):
        client.fetch("demo", archive, tmp_path / "other")


def test_a_damaged_file_in_the_store_is_fetched_again(demo_index, tmp_path):
    client = demo_index.index()
    archive = client.releases("demo")[0].archive
    path = client.fetch("demo", archive, tmp_path)
    path.write_bytes(b"half")
    assert client.fetch("demo", archive, tmp_path).read_bytes() != b"half"
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_two_fetches_at_once_agree(demo_index, tmp_path):
    archive = demo_index.index().releases("demo")[0].archive
    paths = []

    def fetch():
        paths.append(demo_index.index().fetch("demo", archive, tmp_path))

    threads = [threading.Thread(target=fetch) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(paths) == 6
    assert len(set(paths)) == 1


def test_wrong_content_is_refused_and_leaves_nothing(local_index, tmp_path):
    local_index.publish("demo", {"1.0": ({"a": "b"}, "")}, digest="0" * 64)
    archive = Archive(version="1.0", filename="demo-1.0.tar.gz", sha256="0" * 64)
    with pytest.raises(RecordError, match="SHA-256"):
        local_index.index().fetch("demo", archive, tmp_path / "store")
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []


def test_unknown_project_missing_file_and_dead_index(demo_index, tmp_path):
    client = demo_index.index()
    with pytest.raises(RecordError, match="no project named 'nothing'"):
        client.releases("nothing")
    gone = Archive(version="9", filename="demo-9.tar.gz", sha256="1" * 64)
    with pytest.raises(InfrastructureError, match=r"no file demo-9\.tar\.gz"):
        client.fetch("demo", gone, tmp_path)
    dead = PackageIndex(IndexConfiguration(("http://127.0.0.1:9/simple",)))
    with pytest.raises(InfrastructureError, match="does not answer"):
        dead.releases("demo")


def test_a_passing_failure_is_retried(demo_index):
    demo_index.fail_next = 2
    assert len(demo_index.index().releases("demo")) == 2


def test_a_name_that_leaves_the_store_is_refused(demo_index, tmp_path):
    evil = Archive(version="1", filename="../demo-1.tar.gz", sha256="1" * 64)
    with pytest.raises(RecordError, match="not the name of an archive"):
        demo_index.index().fetch("demo", evil, tmp_path)


def test_html_pages_are_read_too():
    page = (
        b'<a href="../../f/demo-1.0.tar.gz#sha256=ab" data-yanked="">demo</a><a href="x.whl">w</a>'
    )
    found = parse_page(page, "text/html", "http://host.invalid/simple/demo/")
    assert found[0].url == "http://host.invalid/f/demo-1.0.tar.gz"
    assert (found[0].sha256, found[0].yanked) == ("ab", True)
    with pytest.raises(InfrastructureError, match="can't be read"):
        parse_page(b"[]", "application/json", "http://user:secret@host.invalid/")


def test_secrets_do_not_reach_messages():
    client = PackageIndex(IndexConfiguration(("http://user:secret@127.0.0.1:9/simple",)))
    with pytest.raises(InfrastructureError) as caught:
        client.releases("demo")
    assert "secret" not in str(caught.value)


@pytest.fixture
def bare(monkeypatch, tmp_path):
    import os

    for name in os.environ:
        if name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return tmp_path


def test_configuration_takes_uvs_word_for_the_default(bare):
    found = index_configuration()
    assert len(found.indexes) == 1
    assert found.indexes[0].startswith("http")


def test_pips_settings_hold_and_uvs_win(bare, monkeypatch):
    default = index_configuration().indexes[0]
    conf = bare / "pip.conf"
    conf.write_text("[global]\nindex-url = http://file.invalid/simple\nfind-links = /some/wheels\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(conf))
    found = index_configuration()
    assert found.indexes == ("http://file.invalid/simple",)
    assert [str(folder) for folder in found.folders] == ["/some/wheels"]
    monkeypatch.setenv("PIP_INDEX_URL", "http://env.invalid/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "http://more.invalid/simple")
    found = index_configuration()
    assert found.indexes == ("http://env.invalid/simple", "http://more.invalid/simple")
    assert "unsafe-best-match" in found.uv_arguments()
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://uv.invalid/simple")
    assert index_configuration().indexes == ("http://uv.invalid/simple",)
    assert default not in index_configuration().indexes


def test_uvs_own_file_is_heard(bare):
    folder = bare / "config" / "uv"
    folder.mkdir(parents=True)
    (folder / "uv.toml").write_text('index-url = "http://toml.invalid/simple"\n')
    assert index_configuration().indexes == ("http://toml.invalid/simple",)


def test_missing_uv_is_one_sentence(monkeypatch):
    monkeypatch.setattr(configuration.shutil, "which", lambda name: None)
    monkeypatch.setattr(configuration.sys, "executable", "/nowhere/python")
    with pytest.raises(Exception, match="pip install uv"):
        configuration.find_uv()
