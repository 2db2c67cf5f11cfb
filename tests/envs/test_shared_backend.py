"""Environments of a process share a back end, and none of them ends another's."""

from __future__ import annotations

import json

import envs
from envs import lease
from envs.lease import close_unused


def make():
    env = envs.make("swe-mini", task="patchbay-insert")
    env.reset(seed=0)
    return env


def says(env, word):
    action = {"name": "bash", "arguments": json.dumps({"command": f"echo {word}"})}
    return env.step(action)[0]["text"].startswith(word)


def backend(env):
    return env.unwrapped._lease.backend


def test_two_environments_have_one_back_end_that_outlives_the_first(monkeypatch):
    # Environments of other tests hold a share of the process's back end, too.
    monkeypatch.setattr(lease, "_shared", {})
    first, second = make(), make()
    shared = backend(first)
    assert backend(second) is shared
    first.close()
    first.close()
    close_unused()
    assert says(second, "here")
    second.close()
    third = make()
    assert backend(third) is shared, "it is kept for a moment"
    third.close()
    close_unused()
    fourth = make()
    assert backend(fourth) is not shared
    assert says(fourth, "new")
    fourth.close()
    close_unused()


def test_a_fork_outlives_its_parent():
    parent = make()
    twin = envs.fork(parent)
    parent.close()
    close_unused()
    assert says(twin, "alive")
    twin.close()
