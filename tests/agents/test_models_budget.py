"""The ledger: threads, processes and kills."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agents.models.budget import Budget
from agents.models.errors import BudgetExceededError
from agents.models.litellm_model import LiteLLMModel
from agents.models.protocol import Message
from agents.models.script import Script
from agents.models.scripted import ScriptedServer
from repos.errors import RepoGymError

# The first calls of the two processes are made at the same time.
LOCKSTEP = 4


def spend_until_refused(budget: Budget) -> int:
    """Make calls of 1 USD that could have cost 3 USD; return how many were let through."""
    calls = 0
    while True:
        try:
            reservation = budget.reserve(3.0)
        except BudgetExceededError:
            return calls
        time.sleep(0.002)
        budget.settle(reservation, 1.0)
        calls += 1


def ask_until_refused(budget: Budget, api_base: str, ready) -> tuple[int, float]:
    model = LiteLLMModel(
        "openai/t",
        api_base=api_base,
        args={"api_key": "k", "max_tokens": 1000},
        budget=budget,
        price=(0.0, 1000.0),
    )
    calls, cost = 0, 0.0
    while True:
        if calls < LOCKSTEP:
            ready.wait(90)
        try:
            reply = model.complete([Message("user", "Hello")])
        except BudgetExceededError:
            return calls, cost
        calls += 1
        cost += reply.usage.cost_usd


def ask_in_child(budget: Budget, api_base: str, ready, results) -> None:
    results.put(ask_until_refused(budget, api_base, ready))


def hold_forever(budget: Budget, ready: str) -> None:
    budget.reserve(4.0)
    Path(ready).touch()
    time.sleep(600)


def test_threads_never_pass_the_limit_and_use_it_up(tmp_path):
    budget = Budget(tmp_path / "ledger", 20.0)
    with ThreadPoolExecutor(8) as pool:
        calls = sum(pool.map(spend_until_refused, [budget] * 8))
    # With less than 3 left no call fits; before that the waiting ones get their turn.
    assert calls == 18
    assert budget.spent() == pytest.approx(18.0)
    assert budget.left() == pytest.approx(2.0)


def test_two_processes_share_one_budget_over_litellm(tmp_path):
    reply = {"content": "x", "usage": {"prompt_tokens": 5, "completion_tokens": 250}}
    script = Script.model_validate({"replies": [reply], "after": "repeat"})
    budget = Budget(tmp_path / "ledger", 4.0)
    with ScriptedServer(script) as server:
        context = multiprocessing.get_context("spawn")
        ready, queue = context.Barrier(2), context.Queue()
        child = context.Process(target=ask_in_child, args=(budget, server.api_base, ready, queue))
        child.start()
        results = [ask_until_refused(budget, server.api_base, ready), queue.get(timeout=150)]
        child.join(30)
        served = len(server.requests)
    assert child.exitcode == 0
    # A call costs 0.25 and could cost 1.00: 13 calls fit until less than 1.00 is left.
    assert sum(calls for calls, _ in results) == served == 13
    assert all(calls >= LOCKSTEP for calls, _ in results)
    assert sum(cost for _, cost in results) == pytest.approx(3.25)
    assert budget.spent() == pytest.approx(3.25)


def test_what_a_killed_process_held_is_booked_at_its_worst(tmp_path):
    budget = Budget(tmp_path / "ledger", 10.0, wait_s=0.2)
    ready = tmp_path / "ready"
    process = multiprocessing.get_context("spawn").Process(
        target=hold_forever, args=(budget, str(ready))
    )
    process.start()
    while not ready.exists():
        assert process.is_alive()
        time.sleep(0.02)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    # Reserved by nobody alive, yet counted: after a bounded wait the call is refused.
    with pytest.raises(BudgetExceededError, match=r"4\.0000 reserved"):
        budget.reserve(7.0)
    budget.start()
    assert budget.spent() == pytest.approx(4.0)
    assert budget.left() == pytest.approx(6.0)
    budget.settle(budget.reserve(6.0), 6.0)


def test_a_call_waits_for_reservations_of_others(tmp_path):
    budget = Budget(tmp_path / "ledger", 10.0)
    first = budget.reserve(8.0)
    timer = threading.Timer(0.3, budget.settle, (first, 1.0))
    timer.start()
    begin = time.monotonic()
    budget.reserve(5.0)
    assert time.monotonic() - begin >= 0.25
    timer.join()


def test_resuming_keeps_what_was_spent_and_a_higher_limit_goes_on(tmp_path):
    budget = Budget(tmp_path / "ledger", 1.0)
    budget.start()
    budget.settle(budget.reserve(1.0), 0.9)
    again = Budget(tmp_path / "ledger", 1.0)
    again.start()
    with pytest.raises(BudgetExceededError):
        again.reserve(0.2)
    Budget(tmp_path / "ledger", 2.0).reserve(0.2)


@pytest.mark.parametrize("limit", [-1.0, float("nan")])
def test_a_limit_is_an_amount(tmp_path, limit):
    with pytest.raises(RepoGymError, match="--budget"):
        Budget(tmp_path / "ledger", limit)
