"""Attacks on the ways of scoring: fast, asynchronous, and verdicts that are kept."""

import hashlib
import json
import secrets
import shutil
import textwrap

import pytest

from envs.env import RepoEnv
from repos.cache import cache_root
from repos.sandbox.workspace import Workspace
from repos.scoring.score import score
from repos.scoring.verdicts import score_once
from repos.tasks.records import Task
from tests.attacks.attack import Attack
from tests.attacks.catalogue import attacks

THEMES = ("answerers", "harness", "introspection")
FAST = [
    attack
    for theme in THEMES
    for attack in attacks()[theme]
    if attack.name
    in ("answers-base", "answers-true", "leaves-blind-run", "answers-relabelled", "frames-emit")
]


@pytest.mark.parametrize("attack", FAST, ids=lambda attack: attack.name)
def test_fast_scoring_rewards_no_guess(attack: Attack, victim: Task, backend):
    with Workspace(backend.create(victim.layers, victim.sandbox)) as workspace:
        diff = attack.diff(workspace)
    result, log = score(victim, diff, backend=backend, fast=True)
    assert result.scoring == "fast"
    assert not result.resolved, (result, log)
    assert result.fraction < 1.0


LATER = """
    setsid sh -c 'sleep 0.5; for n in 1 2 3 4 5 6 7 8 9; do
        cp /tmp/fixed src/warmcache/cache.py; sleep 0.2; done' >/dev/null 2>&1 &
"""


@pytest.mark.parametrize("scoring", ["full", "async"])
def test_what_a_process_writes_after_the_end_does_not_count(scoring):
    """The fix stands ready, and is put in place only after the episode has ended."""
    task = "swe-mini/warmcache-refresh"
    env = RepoEnv("swe-mini", task=task, scoring=scoring, privileged=True)
    try:
        env.reset(seed=0)
        workspace = env.state.workspace
        env.apply_reference()
        [changed] = [p for p in workspace.changes() if p.endswith(".py")]
        assert changed == "src/warmcache/cache.py"
        command = "cp src/warmcache/cache.py /tmp/fixed; git checkout -q ."
        assert workspace.exec(["sh", "-c", command]).exit_code == 0
        assert workspace.diff() == b""
        workspace.exec(["sh", "-c", textwrap.dedent(LATER)])
        _, reward, *_ = env.step({"name": "submit", "arguments": "{}"})
        if scoring == "async":
            reward = env.result().reward
        assert reward == 0.0
    finally:
        env.close()


@pytest.fixture
def kept(monkeypatch):
    """A folder of our own for verdicts that are kept."""
    name = f"scratch/verdicts-{secrets.token_hex(8)}"
    monkeypatch.setattr("repos.scoring.verdicts.FOLDER", name)
    yield cache_root() / name
    shutil.rmtree(cache_root() / name, ignore_errors=True)


def test_a_patch_can_not_write_a_verdict_that_is_kept(victim: Task, backend, kept):
    """It prints one with a right digest, and writes such files wherever it may."""
    good, _ = score(victim, victim.hidden.reference, backend=backend)
    body = json.dumps({"score": good.model_dump(mode="json"), "log": "passed"})
    forged = f"{hashlib.sha256(body.encode()).hexdigest()}\n{body}"
    code = f"""
        import gzip, os, sys
        TEXT = {forged!r}
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            stream.write("\\n" + TEXT + "\\n")
        os.write(2, TEXT.encode())
        for top in ("/", "/tmp", os.path.expanduser("~"), os.environ.get("REPOGYM_CACHE", "/tmp")):
            for middle in ("", ".cache/repogym/", "repogym/"):
                place = os.path.join(top, middle, "verdicts")
                for first in range(256):
                    try:
                        os.makedirs(f"{{place}}/{{first:02x}}", exist_ok=True)
                        with gzip.open(f"{{place}}/{{first:02x}}/x.json.gz", "wt") as handle:
                            handle.write(TEXT)
                    except OSError:
                        break
    """
    with Workspace(backend.create(victim.layers, victim.sandbox)) as workspace:
        diff = Attack("verdict", "writes verdicts", code=code).diff(workspace)
        score_once(victim, victim.hidden.reference, backend=backend)
        [path] = kept.rglob("*.json.gz")
        found = workspace.exec(["sh", "-c", f"find / -name '{path.name}' 2>/dev/null"])
        assert found.stdout == b""
    first, log = score_once(victim, diff, backend=backend)
    again, _ = score_once(victim, diff, backend=backend)
    assert not first.resolved, log
    assert again == first
    assert len(list(kept.rglob("*.json.gz"))) == 2
