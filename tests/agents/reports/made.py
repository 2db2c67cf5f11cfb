"""Run folders made by the project's own writers, with what a test needs in them."""

import json

from agents.runs.folder import RunFolder
from agents.runs.journal import Journal, write_atomic
from agents.runs.report import summarise, write_reports
from agents.runs.spec import EpisodeRecord, ModelUse, RunSettings, episode_folder
from repos.scoring.score import Score

PATCH = """\
diff --git a/src/pkg/core.py b/src/pkg/core.py
--- a/src/pkg/core.py
+++ b/src/pkg/core.py
@@ -1,2 +1,2 @@
 def total(values):
-    return sum(values) + 1
+    return sum(values)  # every value once
"""


def settings(**changes):
    fields = {
        "agent": "react",
        "model": "some/model",
        "env": "made-suite",
        "suite": "made-suite",
        "version": "1",
        "suite_digest": "d" * 64,
        "python": "3.11",
        "assist": "none",
        "tasks": ("alpha-1.0", "beta-2.0", "gamma-3.0"),
    }
    return RunSettings(**{**fields, **changes})


class Episode:
    """Writes one episode as an agent plays it."""

    def __init__(self, run, task, sample=0):
        self.task, self.sample = task, sample
        self.folder = episode_folder(run, task, sample)
        self.journal = Journal(self.folder / "episode.jsonl")
        self.journal.append("start", schema_version=2, spec={"task": task})
        self.steps = 0
        self.used = ModelUse()

    def reply(self, text, *calls, reasoning="", new=None):
        new = {} if new is None else new
        made = [
            {"id": f"c{self.steps}-{i}", "name": n, "arguments": a}
            for i, (n, a) in enumerate(calls)
        ]
        usage = {"calls": 1, "prompt_tokens": 900, "completion_tokens": 40, "cost_usd": 0.01}
        self.journal.append(
            "reply",
            request="r",
            reused=False,
            thread=1,
            model="some/model",
            settings={},
            messages=list(new),
            new=new,
            reply={
                "text": text,
                "tool_calls": made,
                "usage": usage,
                "reasoning": reasoning,
                "finish_reason": "stop",
            },
        )
        self.used = ModelUse(
            calls=self.used.calls + 1,
            prompt_tokens=self.used.prompt_tokens + 900,
            completion_tokens=self.used.completion_tokens + 40,
            cost_usd=self.used.cost_usd + 0.01,
        )
        return self

    def step(self, name, arguments, answer, *, branch=0, error=0):
        self.steps += 1
        self.journal.append(
            "step",
            branch=branch,
            thread=1 + branch,
            name=name,
            arguments=arguments,
            observation={"text": answer, "tool": name, "error": error, "step": self.steps},
            seconds=0.25,
            done=name == "submit",
            reward=0.0,
            end="submitted" if name == "submit" else "",
        )
        return self

    def fork(self, branch, parent=0):
        self.journal.append("fork", branch=branch, parent=parent, thread=1 + parent)
        return self

    def end(self, *, resolved, patch=PATCH, checks=None, log="", **fields):
        record = EpisodeRecord(
            task=self.task,
            sample=self.sample,
            end="submitted",
            resolved=resolved,
            fraction=1.0 if resolved else 0.0,
            steps=self.steps,
            seconds=12.5,
            patch_bytes=len(patch),
            use=self.used,
            **fields,
        )
        checks = checks or {"tests/test_core.py::test_total": "passed" if resolved else "failed"}
        write_atomic(self.folder / "patch.diff", patch)
        score = Score(task=self.task, resolved=resolved, checks=checks)
        write_atomic(self.folder / "score.json", json.dumps(score.model_dump(mode="json")))
        write_atomic(self.folder / "scoring.log", log)
        write_atomic(self.folder / "record.json", json.dumps(record.model_dump(mode="json")))
        self.journal.close()
        return record


SYSTEM = {"s1": {"role": "system", "content": "You repair software."}}
USER = {"u1": {"role": "user", "content": "The total is one too high."}}


def play(run, task, *, resolved, sample=0, answer="1\tdef total(values):", **fields):
    """Write an episode of three calls, the second on a fork."""
    episode = Episode(run, task, sample)
    episode.reply("I look.", ("view", '{"path": "src/pkg/core.py"}'), new={**SYSTEM, **USER})
    episode.step("view", '{"path": "src/pkg/core.py"}', answer)
    episode.fork(1).step("run_tests", "{}", "1 passed", branch=1)
    plan = "1. [x] Look\n2. [ ] Mend"
    episode.reply(plan, ("submit", "{}"), reasoning="It is plain.")
    episode.step("submit", "{}", "Submitted.")
    return episode.end(resolved=resolved, **fields)


def write_run(path, outcomes, **changes):
    """Write a finished run; `outcomes` says by task whether it was resolved."""
    kept = settings(tasks=tuple(outcomes), **changes)
    with RunFolder(path, kept, None) as folder:
        records = [play(path, task, resolved=won) for task, won in outcomes.items()]
        summary = summarise(kept, records, folder.seconds(), None)
        write_reports(path, kept, records, summary)
    return path
