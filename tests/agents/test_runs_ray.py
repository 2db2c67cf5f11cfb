"""Runs on a Ray cluster of two nodes on this machine, one of which dies in the middle."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from agents.models.budget import Budget
from agents.models.errors import BudgetExceededError
from agents.models.script import Script
from agents.models.scripted import ScriptedServer
from agents.runs.cluster import RayPool
from agents.runs.cluster_budget import PREFIX, ledger_of
from agents.runs.journal import read_journal

ROOT = Path(__file__).parents[2]
TASKS = ["warmcache-refresh", "linkwise-segments", "gridtext-wide"]
SLEEP = "sleep 15"


@pytest.fixture
def cluster():
    # A dead node is noticed within seconds.
    health = {"health_check_period_ms": 500, "health_check_failure_threshold": 4}
    made = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 1, "_system_config": health, "include_dashboard": False},
    )
    yield made
    ray.shutdown()
    made.shutdown()


def start(tmp_path, *arguments):
    return subprocess.Popen(
        [
            *[sys.executable, str(ROOT / "run_agent.py"), "--env", "swe-mini"],
            *["--executor", "ray", "--out", "run", *arguments],
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def journals(tmp_path):
    return {path: read_journal(path) for path in tmp_path.glob("run/episodes/*/0/episode.jsonl")}


def in_tool_call(tmp_path):
    """Return the episodes that have a reply and wait for what its tool call prints."""
    kinds = {
        path: [event["kind"] for event in events] for path, events in journals(tmp_path).items()
    }
    return [path for path, seen in kinds.items() if seen[-1:] == ["reply"] and len(seen) == 3]


@pytest.mark.timeout(900)
def test_a_killed_node_loses_nothing_and_nothing_is_paid_twice(cluster, tmp_path):
    second = cluster.add_node(num_cpus=1)
    slow = {"tool_calls": [{"name": "bash", "arguments": {"command": SLEEP}}]}
    script = Script.model_validate([slow, {"tool_calls": [{"name": "submit"}]}])
    with ScriptedServer(script) as server:
        process = start(
            tmp_path,
            *["--address", cluster.address, "--agent", "react", "--model", "openai/slow"],
            *["--api-base", server.api_base, "--model-arg", "api_key=x"],
            *["--budget", "1", "--price", "1,1"],
            *[part for task in TASKS for part in ("--task", task)],
        )
        deadline = time.monotonic() + 300
        while len(in_tool_call(tmp_path)) < 2 and time.monotonic() < deadline:
            assert process.poll() is None, process.communicate()[0]
            time.sleep(0.1)
        # Each node plays an episode that has one paid reply and is in its tool call.
        cluster.remove_node(second, allow_graceful=False)
        text, _ = process.communicate(timeout=500)
        assert process.returncode == 0, text
        asked = len(server.requests)
    assert "Ray lost the episode" in text
    summary = json.loads((tmp_path / "run/summary.json").read_text())
    assert summary["n"] == 3
    assert summary["infrastructure_errors"] == 0
    assert asked == 6  # two a task: the lost episode's first reply came out of its journal
    reused = [
        event
        for events in journals(tmp_path).values()
        for event in events
        if event["kind"] == "reply" and event["reused"]
    ]
    assert len(reused) == 1
    with sqlite3.connect(tmp_path / "run/budget.sqlite") as ledger:
        costs = [row[0] for row in ledger.execute("SELECT cost FROM calls")]
    assert len(costs) == 6
    assert None not in costs
    assert sum(costs) == pytest.approx(summary["cost_usd"])


def test_the_actor_keeps_the_budget_for_all_nodes(cluster, tmp_path):
    ledger = tmp_path / "budget.sqlite"
    pool = RayPool(None, cluster.address, ledger=str(ledger), budget_usd=1.0)
    try:
        budget = ledger_of(f"{PREFIX}{pool.actor_name}", 1.0)
        first = budget.reserve(0.6)
        budget.settle(first, 0.5)
        second = budget.reserve(0.5)
        assert (budget.spent(), budget.left()) == (0.5, 0.0)
        budget.settle_worst(second)
        with pytest.raises(BudgetExceededError, match="The budget of 1 USD is used up"):
            budget.reserve(0.1)
        assert pool.idle
        assert pool.busy == 0
    finally:
        pool.close()
    assert Budget(ledger, 1.0).spent() == 1.0


def test_what_does_not_fit_is_one_sentence(tmp_path):
    process = start(tmp_path, "--agent", "noop", "--address", "127.0.0.1:1")
    text, _ = process.communicate(timeout=200)
    assert process.returncode == 2, text
    assert "No Ray cluster answers at --address 127.0.0.1:1" in text
    assert "Traceback" not in text
    bare = subprocess.run(
        [
            *[sys.executable, str(ROOT / "run_agent.py"), "--env", "swe-mini", "--agent", "noop"],
            *["--address", "auto"],
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert bare.returncode == 2
    assert "add --executor ray" in bare.stderr + bare.stdout
