"""The pages in a real browser, as a person uses them."""

import json
import re

import pytest

from agents.reports.page.build import build_page, write_page
from agents.reports.reading import read_run
from tests.agents.reports.made import Episode, play, settings, write_run

pytestmark = pytest.mark.timeout(120)


def page(tmp_path, *folders, hidden=True):
    path = tmp_path / "page.html"
    write_page(path, build_page([read_run(folder) for folder in folders], hidden=hidden))
    return path.as_uri()


@pytest.fixture
def run(tmp_path):
    outcomes = {"alpha-1.0": True, "beta-2.0": False, "gamma-3.0": True}
    return write_run(tmp_path / "first", outcomes)


def rows(browser):
    return [row.text for row in browser.all("#episodes tbody th")]


def test_a_person_filters_and_sorts_and_the_address_keeps_it(browser, run, tmp_path):
    address = page(tmp_path, run)
    browser.open(address)
    assert "resolved 2 of 3" in browser.text()
    browser.keys("/")
    browser.keys("beta")
    assert rows(browser) == ["beta-2.0"]
    assert browser.script("return location.hash") == "#/run/0?q=beta"
    browser.open(address + "#/run/0?verdict=resolved&sort=task&desc=1")
    assert rows(browser) == ["gamma-3.0", "alpha-1.0"]
    browser.one("[data-sort=task]").click()
    assert rows(browser) == ["alpha-1.0", "gamma-3.0"]
    browser.open(address + "#/run/0?q=nothing-like-this")
    assert "No episode fits this filter." in browser.text()
    assert browser.errors() == []


def test_the_plots_are_drawn(browser, run, tmp_path):
    browser.open(page(tmp_path, run))
    browser.until("return document.querySelectorAll('.plot .main-svg').length >= 4")
    assert browser.errors() == []


def test_an_episode_shows_its_steps_forks_plan_and_patch(browser, run, tmp_path):
    browser.open(page(tmp_path, run))
    browser.keys("j")
    browser.script("document.activeElement.click()")
    browser.until("return location.hash.includes('/episode/alpha-1.0/0')")
    browser.ready()
    shown = browser.text()
    assert "The total is one too high." in shown
    assert "1\tdef total(values):" in shown or "def total(values):" in shown
    assert "0.3 s" in shown and "$0.01" in shown and "900" in shown
    assert "Plan (1 of 2 done)" in shown
    assert "return sum(values)  # every value once" in shown
    assert browser.all(".diff .t-k")
    browser.one(".tree ul a").click()
    browser.until("return location.hash.includes('branch=1')")
    browser.ready()
    assert "1 passed" in browser.text()
    browser.keys("]")
    browser.until("return location.hash.includes('beta-2.0')")
    assert browser.errors() == []


def test_long_answers_are_folded(browser, tmp_path):
    run = tmp_path / "long"
    kept = write_run(run, {"alpha-1.0": True})
    play(kept, "alpha-1.0", resolved=True, answer="\n".join(f"line {i}" for i in range(500)))
    browser.open(page(tmp_path, run) + "#/run/0/episode/alpha-1.0/0")
    assert "line 29" in browser.text() and "line 30" not in browser.text()
    browser.one(".fold").click()
    assert "line 499" in browser.text()
    browser.one(".fold").click()
    assert "line 499" not in browser.text()


def test_hidden_things_are_shown_only_where_asked_for(browser, run, tmp_path):
    where = "#/run/0/episode/beta-2.0/0"
    browser.open(page(tmp_path, run) + where)
    assert "test_total" not in browser.text()
    browser.keys("h")
    browser.until("return document.body.innerText.includes('test_total')")
    shared = tmp_path / "shared.html"
    write_page(shared, build_page([read_run(run)], hidden=False))
    assert re.findall(r'id="h\d', shared.read_text()) == []
    browser.open(shared.as_uri() + where)
    assert browser.all("#hidden") == []
    assert "made without hidden things" in browser.text()


def test_keys_are_told_and_steps_can_be_walked(browser, run, tmp_path):
    browser.open(page(tmp_path, run) + "#/run/0/episode/alpha-1.0/0")
    browser.keys("?")
    assert "previous, next episode" in browser.one("dialog").text
    browser.one("dialog button").click()
    browser.keys("jj")
    assert browser.script("return document.activeElement.id") == "t1"
    browser.keys("k")
    assert browser.script("return document.activeElement.id") == "t0"


def test_two_runs_are_compared(browser, run, tmp_path):
    outcomes = {"alpha-1.0": True, "beta-2.0": True, "gamma-3.0": True}
    other = write_run(tmp_path / "second", outcomes, agent="planner")
    browser.open(page(tmp_path, run, other))
    assert "Leaderboard" in browser.text()
    assert [cell.text for cell in browser.all("#runs tbody th")] == ["second", "first"]
    browser.script("location.hash = '#/compare/0'")
    browser.until("return document.body.innerText.includes('McNemar')")
    assert "Flipped (1)" in browser.text()
    assert "0 resolved by the first only and 1 by the second only" in browser.text()
    assert "equal to the end" in browser.text()
    assert browser.errors() == []


def test_runs_that_differ_are_no_leaderboard(browser, run, tmp_path):
    other = write_run(tmp_path / "second", {"alpha-1.0": True}, assist="files")
    browser.open(page(tmp_path, run, other))
    assert "different assist levels: none, files" in browser.text()
    assert "Leaderboard" not in browser.text()


HOSTILE = (
    "</script><script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>"
    "\x1b[31mred\x1b[0m \u202egnp.exe \x00 <!-- & \ud800 "
)


def test_hostile_text_is_shown_as_text(browser, tmp_path):
    run = tmp_path / "hostile"
    task = "alpha-1.0"
    write_run(run, {task: True})
    episode = Episode(run, task)
    episode.reply(HOSTILE, ("view", HOSTILE), reasoning=HOSTILE)
    episode.step("view", HOSTILE, HOSTILE + "x" * 1_000_000)
    patch = f"--- a/a.py\n+++ b/<b>.py\n@@ -1 +1 @@\n-a\n+{'<script>window.hacked = 1</script>'}\n"
    checks = {f"tests/test_<img src=x onerror=window.hacked=1>::{HOSTILE[:60]}": "failed"}
    episode.end(resolved=False, patch=patch, checks=checks, agent_error=HOSTILE.strip("\ud800 "))
    (run / "episodes" / task / "0" / "scoring.log").write_bytes(b"\xff\xfe broken <b>bytes</b>")
    browser.open(page(tmp_path, run) + f"#/run/0/episode/{task}/0")
    browser.keys("h")
    browser.until("return document.body.innerText.includes('broken <b>bytes</b>')")
    shown = browser.text()
    assert "</script><script>window.hacked = 1</script>" in shown
    assert "\u241b[31mred" in shown and "\u27e6U+202E\u27e7" in shown
    assert browser.script("return window.hacked === undefined")
    assert not browser.all("main img, main b")
    assert browser.script("return document.documentElement.scrollWidth") <= 1440


def test_the_policy_lets_no_other_script_run(browser, run, tmp_path):
    browser.open(page(tmp_path, run))
    browser.script(
        "const s = document.createElement('script'); s.textContent = 'window.hacked = 1';"
        "document.head.append(s);"
        "const image = '<img src=x onerror=\"window.hacked = 1\">';"
        "document.body.insertAdjacentHTML('beforeend', image);"
    )
    assert browser.script("return window.hacked === undefined")
    assert any("Content Security Policy" in text for text in browser.errors())


def test_a_damaged_run_is_shown_with_what_is_wrong(browser, tmp_path):
    tasks = ("cut-1.0", "mad-1.0", "lost-1.0", "begun-1.0", "never-1.0")
    run = tmp_path / "damaged"
    write_run(run, dict.fromkeys(tasks[:3], True))
    folder = run / "episodes"
    journal = folder / "cut-1.0" / "0" / "episode.jsonl"
    journal.write_bytes(journal.read_bytes()[:-40])
    (folder / "mad-1.0" / "0" / "record.json").write_text('{"task": ')
    (folder / "mad-1.0" / "0" / "episode.jsonl").write_bytes(b'{"kind": 5}\n\xff\n[]\n')
    failed = json.loads((folder / "lost-1.0" / "0" / "record.json").read_text())
    (folder / "lost-1.0" / "0" / "record.json").unlink()
    failed |= {"status": "infrastructure", "error": "The registry does not answer.", "end": ""}
    (folder / "lost-1.0" / "0" / "failure.json").write_text(json.dumps(failed))
    Episode(run, "begun-1.0").reply("I look.", ("view", "{}")).journal.close()
    stored = json.loads((run / "run.json").read_text())
    stored["settings"] = settings(tasks=tasks).model_dump(mode="json")
    (run / "run.json").write_text(json.dumps(stored))
    (run / "summary.json").write_text("{")
    address = page(tmp_path, run)
    browser.open(address)
    assert "summary.json can't be read" in browser.text()
    verdicts = {row.text for row in browser.all("#episodes .c-verdict .badge")}
    assert verdicts == {"resolved", "damaged", "infrastructure", "interrupted", "not played"}
    for task, words in {
        "cut-1.0": "The last line of the journal is cut off.",
        "mad-1.0": "record.json can't be read",
        "lost-1.0": "The registry does not answer.",
        "begun-1.0": "No answer: the episode ended before.",
        "never-1.0": "This episode was not played.",
    }.items():
        browser.open(f"{address}#/run/0/episode/{task}/0")
        assert browser.says(words), task
    assert browser.errors() == []


def test_a_run_without_episodes_says_so(browser, tmp_path):
    write_run(tmp_path / "empty", {})
    browser.open(page(tmp_path, tmp_path / "empty"))
    assert "no episode has a verdict yet" in browser.text()


VIEWS = ("", "#/run/0", "#/run/0/episode/alpha-1.0/0", "#/compare/0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_pages_are_accessible_and_fit(browser, run, tmp_path, axe, scheme, width):
    other = write_run(tmp_path / "second", {"alpha-1.0": True, "beta-2.0": True}, agent="planner")
    address = page(tmp_path, run, other)
    browser.resize(width)
    browser.colours(scheme)
    for view in VIEWS:
        browser.open(address + view)
        if "episode" in view:
            browser.keys("h")
            browser.until("return document.body.innerText.includes('test_total')")
        assert browser.script("return document.documentElement.scrollWidth") <= width, view
        browser.driver.execute_cdp_cmd("Runtime.evaluate", {"expression": axe})
        found = browser.driver.execute_async_script(
            "const done = arguments[0]; axe.run(document).then((r) => done(r.violations))"
        )
        serious = [
            (v["id"], [node["html"][:200] for node in v["nodes"][:3]])
            for v in found
            if v["impact"] in ("serious", "critical")
        ]
        assert serious == [], view
