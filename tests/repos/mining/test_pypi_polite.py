import http.server
import json
import threading

import pytest

from repos.tasks.sources.pypi import polite
from repos.tasks.sources.pypi.configuration import IndexConfiguration
from repos.tasks.sources.pypi.index import PackageIndex


@pytest.fixture
def tagged(tmp_path, monkeypatch):
    monkeypatch.setenv("REPOGYM_CACHE", str(tmp_path / "cache"))
    answers = []

    class Handler(http.server.BaseHTTPRequestHandler):
        tag, name, busy = '"one"', "demo-1.0.tar.gz", 0

        def do_GET(self):
            if Handler.busy:
                Handler.busy -= 1
                self.send_response(429)
                self.send_header("Retry-After", "7")
                self.end_headers()
                return
            known = self.headers.get("If-None-Match") == Handler.tag
            answers.append(304 if known else 200)
            self.send_response(answers[-1])
            self.send_header("ETag", Handler.tag)
            self.send_header("Content-Type", "application/vnd.pypi.simple.v1+json")
            self.end_headers()
            if not known:
                entry = {"filename": Handler.name, "url": Handler.name, "hashes": {}}
                self.wfile.write(json.dumps({"files": [entry]}).encode())

        def log_message(self, format, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/simple"
    yield Handler, answers, lambda: PackageIndex(IndexConfiguration((url,))).files("demo")
    server.shutdown()
    server.server_close()


def test_a_page_that_did_not_change_is_not_sent_again(tagged):
    handler, answers, files = tagged
    first = files()
    assert files() == first
    handler.tag, handler.name = '"two"', "demo-1.1.tar.gz"
    assert [f.filename for f in files()] == ["demo-1.1.tar.gz"]
    assert answers == [200, 304, 200]


def test_a_kept_page_that_is_broken_is_asked_for_again(tagged):
    _, answers, files = tagged
    files()
    (kept,) = (polite.cache_root() / "index").glob("*.json")
    kept.write_text("{")
    assert [f.filename for f in files()] == ["demo-1.0.tar.gz"]
    assert answers == [200, 200]


def test_an_index_that_asks_to_wait_is_waited_for(tagged, monkeypatch):
    handler, _, files = tagged
    waits = []
    monkeypatch.setattr("repos.tasks.sources.pypi.index.time.sleep", waits.append)
    handler.busy = 1
    assert files()
    assert [w for w in waits if w >= 1] == [7.0]
    assert polite.asked_wait("3600") == polite.LONGEST_WAIT_S
    assert polite.asked_wait("Wed, 21 Oct 2026") == polite.asked_wait(None) == 0


def test_requests_are_spread(monkeypatch):
    waits = []
    monkeypatch.setattr(polite.time, "sleep", waits.append)
    monkeypatch.setattr(polite, "_next", 0.0)
    for _ in range(5):
        polite.pace()
    assert len(waits) == 4
    assert sorted(waits) == waits
    assert waits[-1] <= 4 / polite.MOST_PER_SECOND
