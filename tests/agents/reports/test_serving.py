"""The page served on the loopback: it follows a run that goes on, and answers nobody else."""

import http.client
import json
import threading

import pytest

from agents.reports.page.serve import PageServer
from agents.runs.folder import RunFolder
from repos.errors import InputError
from tests.agents.reports.made import Episode, play, settings, write_run


@pytest.fixture
def served(tmp_path):
    made = []

    def serve(*folders, hidden=False):
        server = PageServer(folders, 0, hidden=hidden)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.append(server)
        return server

    yield serve
    for server in made:
        server.shutdown()
        server.server_close()


def ask(server, path, host=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.request("GET", path, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_a_run_that_goes_on_is_followed(browser, served, tmp_path):
    run = tmp_path / "live"
    kept = settings(tasks=("alpha-1.0", "beta-2.0"))
    with RunFolder(run, kept, None):
        server = served(run)
        browser.open(f"http://127.0.0.1:{server.port}/")
        assert "running" in browser.text() and "not played" in browser.text()
        episode = Episode(run, "alpha-1.0").reply("I look.", ("view", "{}"))
        browser.until("return document.querySelectorAll('#episodes .badge.busy').length === 1")
        browser.script("location.hash = '#/run/0/episode/alpha-1.0/0'")
        browser.until("return document.body.innerText.includes('I look.')")
        episode.step("view", "{}", "seen").end(resolved=True)
        browser.until("return document.querySelector('h1 .badge')?.innerText === 'resolved'")
    assert browser.errors() == []


def test_names_that_point_at_this_machine_get_nothing(served, tmp_path):
    server = served(write_run(tmp_path / "run", {"alpha-1.0": True}))
    assert ask(server, "/index")[0] == 200
    assert ask(server, "/index", host=f"localhost:{server.port}")[0] == 200
    assert ask(server, "/index", host=f"evil.example:{server.port}")[0] == 403


@pytest.mark.parametrize("path", ["/part/e9-0", "/part/e0-9", "/part/../run.json", "/run.json"])
def test_what_is_not_there_is_not_found(served, tmp_path, path):
    server = served(write_run(tmp_path / "run", {"alpha-1.0": True}))
    assert ask(server, path)[0] == 404


def test_hidden_things_stay_hidden(served, tmp_path):
    run = write_run(tmp_path / "run", {"alpha-1.0": True})
    assert ask(served(run), "/part/h0-0")[0] == 404
    status, body = ask(served(run, hidden=True), "/part/h0-0")
    assert status == 200 and json.loads(body)["checks"]


def test_a_damaged_folder_is_an_error_of_that_answer(served, tmp_path):
    run = write_run(tmp_path / "run", {"alpha-1.0": True})
    server = served(run)
    play(run, "alpha-1.0", resolved=False)
    (run / "run.json").write_text("{")
    assert ask(server, "/index")[0] == 500
    with pytest.raises(InputError, match="damaged"):
        PageServer([run], 0, hidden=False)


def test_a_port_in_use_is_one_sentence(served, tmp_path):
    run = write_run(tmp_path / "run", {"alpha-1.0": True})
    server = served(run)
    with pytest.raises(InputError, match=f"Port {server.port} can't be used"):
        PageServer([run], server.port, hidden=False)
