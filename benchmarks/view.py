"""The page of a big run: how large it is, how long it takes to build and to open.

The run has 500 episodes of 100 steps. Its texts are as long as those of a real run: what the
tools answer is what they answer on RepoGym's own source (pages of files, lists of hits, test
output), with one long answer in ten; the median answer has about 1,500 characters.

Needs the extra `view`, Chromium and ChromeDriver; `--axe FILE` takes axe-core's axe.min.js, and
without it `axe_serious` is left out.

    python benchmarks/view.py [--quick] [--axe FILE] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from record import write  # noqa: E402

from agents.reports.page.build import build_page, write_page  # noqa: E402
from agents.reports.reading import read_run  # noqa: E402
from agents.runs.folder import RunFolder  # noqa: E402
from agents.runs.spec import EpisodeRecord, ModelUse, RunSettings, episode_folder  # noqa: E402

OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
           "--disable-background-networking", "--disable-component-update")  # fmt: skip

PATCH = """\
diff --git a/agents/plan.py b/agents/plan.py
--- a/agents/plan.py
+++ b/agents/plan.py
@@ -{line},3 +{line},4 @@
 import re
-from dataclasses import dataclass, replace
+from dataclasses import dataclass
+from dataclasses import replace as changed
 from typing import Any
"""


class Texts:
    """Answers of tools, drawn from this repository's own source."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._files = {
            str(path.relative_to(ROOT)): path.read_text(encoding="utf-8").splitlines()
            for room in ("graphdb", "repos", "tools", "envs", "agents", "docs")
            for path in sorted((ROOT / room).rglob("*"))
            if path.suffix in (".py", ".md") and path.stat().st_size > 500
        }
        self._names = list(self._files)

    def call(self) -> tuple[str, dict[str, Any], str]:
        """Return a tool, its arguments and its answer."""
        kind = self._draw.choices(("view", "search", "run_tests", "replace"), (45, 25, 15, 15))[0]
        name = self._draw.choice(self._names)
        lines = self._files[name]
        begin = self._draw.randrange(len(lines))
        if kind == "view":
            count = 400 if self._draw.random() < 0.1 else self._draw.randint(15, 60)
            shown = enumerate(lines[begin : begin + count], begin + 1)
            text = "\n".join(f"{number}\t{line}" for number, line in shown)
            return kind, {"path": name, "start": begin + 1}, f"{name} ({len(lines)} lines)\n{text}"
        if kind == "search":
            hits = [
                f"{other}:{number}: {self._files[other][number - 1]}"
                for other in self._draw.sample(self._names, 20)
                for number in [self._draw.randint(1, len(self._files[other]))]
            ]
            return kind, {"pattern": lines[begin].strip()[:40]}, "\n".join(hits)
        if kind == "run_tests":
            tests = [f"tests/test_{self._draw.randrange(400)}.py::test_x" for _ in range(15)]
            body = "\n".join(f"FAILED {t} - {lines[begin].strip()[:120]}" for t in tests)
            return kind, {"tests": tests[:2]}, f"15 failed, 212 passed\n{body}"
        return kind, {"path": name, "old": lines[begin], "new": lines[begin - 1]}, f"Edited {name}."

    def prose(self) -> str:
        """Return what a model says beside a call."""
        name = self._draw.choice([name for name in self._names if name.endswith(".md")])
        lines = [line for line in self._files[name] if len(line) > 60]
        return " ".join(self._draw.sample(lines, min(2, len(lines))))[:600]


def events(texts: Texts, steps: int) -> Iterator[dict[str, Any]]:
    """Return the events of one episode."""
    now = 1_795_000_000.0
    yield {"kind": "start", "time": now, "schema_version": 2, "spec": {}}
    first = {"s": {"role": "system", "content": texts.prose()},
             "u": {"role": "user", "content": texts.prose() * 3}}  # fmt: skip
    for number in range(steps):
        name, arguments, answer = texts.call()
        usage = {"calls": 1, "prompt_tokens": 4000 + 300 * number, "completion_tokens": 180,
                 "cost_usd": 0.002}  # fmt: skip
        raw = json.dumps(arguments)
        yield {
            "kind": "reply", "time": now + number, "request": "r", "reused": False, "thread": 1,
            "model": "some/model", "settings": {}, "messages": list(first) if not number else [],
            "new": first if not number else {},
            "reply": {"text": texts.prose(), "reasoning": texts.prose(), "finish_reason": "stop",
                      "tool_calls": [{"id": f"c{number}", "name": name, "arguments": raw}],
                      "usage": usage},
        }  # fmt: skip
        yield {
            "kind": "step", "time": now + number, "branch": 0, "thread": 1, "name": name,
            "arguments": raw, "observation": {"text": answer, "error": 0}, "seconds": 0.1,
            "done": number == steps - 1, "reward": 0.0, "end": "",
        }  # fmt: skip


def make_run(folder: Path, episodes: int, steps: int) -> dict[str, float]:
    """Write the run; return how long its texts are."""
    draw = random.Random(0)
    texts = Texts(draw)
    tasks = tuple(f"package{number // 5}-{number}.0" for number in range(episodes))
    settings = RunSettings(
        agent="react", model="some/model", env="made", suite="made", version="1",
        suite_digest="0" * 64, python="3.11", assist="none", tasks=tasks,
    )  # fmt: skip
    answers: list[int] = []
    RunFolder(folder, settings, None).close()
    for number, task in enumerate(tasks):
        place = episode_folder(folder, task, 0)
        place.mkdir(parents=True)
        lines = []
        for event in events(texts, steps):
            if event["kind"] == "step":
                answers.append(len(event["observation"]["text"]))
            lines.append(json.dumps(event, separators=(",", ":")))
        (place / "episode.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (place / "patch.diff").write_text(PATCH.format(line=number + 1), encoding="utf-8")
        record = EpisodeRecord(
            task=task, end=draw.choice(("submitted", "steps")), resolved=draw.random() < 0.4,
            steps=steps, seconds=draw.uniform(20, 400),
            use=ModelUse(calls=steps, prompt_tokens=1_885_000, cost_usd=draw.uniform(0.05, 0.6)),
        )  # fmt: skip
        (place / "record.json").write_text(record.model_dump_json(), encoding="utf-8")
    size = sum(path.stat().st_size for path in folder.rglob("*.jsonl"))
    return {"answer_characters_p50": statistics.median(answers), "run_mb": round(size / 1e6, 1)}


def open_seconds(page: Path, axe: str) -> tuple[float, int | None]:
    """Return how long Chromium takes until the table is there, and axe's serious findings."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    from selenium.webdriver.support.ui import WebDriverWait

    options = webdriver.ChromeOptions()
    options.page_load_strategy = "none"
    options.binary_location = "/usr/bin/chromium"
    for option in OPTIONS:
        options.add_argument(option)
    with webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver")) as driver:
        driver.get("about:blank")
        begun = time.perf_counter()
        driver.get(page.as_uri())
        WebDriverWait(driver, 60, 0.02).until(
            lambda d: d.execute_script("return document.querySelector('#episodes tbody tr')")
        )
        took = time.perf_counter() - begun
        if not axe:
            return took, None
        driver.execute_cdp_cmd("Runtime.evaluate", {"expression": axe})
        driver.set_script_timeout(120)
        found = driver.execute_async_script(
            "const done = arguments[0]; axe.run(document).then((r) => done(r.violations))"
        )
        return took, sum(v["impact"] in ("serious", "critical") for v in found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="50 episodes of 20 steps")
    parser.add_argument("--axe", type=Path, help="axe.min.js of the npm package axe-core")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    arguments = parser.parse_args()
    episodes, steps = (50, 20) if arguments.quick else (500, 100)
    with tempfile.TemporaryDirectory() as work:
        run, page = Path(work) / "run", Path(work) / "page.html"
        figures: dict[str, Any] = {"episodes": episodes, "steps": steps}
        figures |= make_run(run, episodes, steps)
        begun = time.perf_counter()
        write_page(page, build_page([read_run(run)], hidden=False))
        figures["build_s"] = round(time.perf_counter() - begun, 2)
        figures["page_mb"] = round(page.stat().st_size / 1e6, 1)
        axe = arguments.axe.read_text(encoding="utf-8") if arguments.axe else ""
        opened = [open_seconds(page, axe if last else "") for last in (False, False, True)]
        figures["open_s"] = round(statistics.median(seconds for seconds, _ in opened), 2)
        figures["axe_serious"] = opened[-1][1]
    for name, value in figures.items():
        print(f"{name} {'left out: no --axe' if value is None else value}")
    if arguments.json:
        write(arguments.json, figures)


if __name__ == "__main__":
    main()
