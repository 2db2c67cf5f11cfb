"""Stable-Baselines3's checker and the training of docs/repair-choice.md, as it stands there.

Stable-Baselines3 brings torch, so it runs in the environment of TRL's tests.
"""

import os
import re
from pathlib import Path

import pytest

if "REPOGYM_TEST_SB3" not in os.environ:
    pytest.skip("needs REPOGYM_TEST_SB3=1 and sb3-contrib", allow_module_level=True)

from stable_baselines3.common.env_checker import check_env

from envs.repair_choice import RepairChoiceEnv

PAGE = Path(__file__).parents[2] / "docs" / "repair-choice.md"


@pytest.mark.filterwarnings("ignore:Your observation candidates has an unconventional shape")
def test_its_checker_finds_nothing():
    env = RepairChoiceEnv(tasks=["swe-mini/linkwise-segments"], candidates=8)
    check_env(env)
    env.close()


def test_the_page_trains_a_policy(capsys):
    code = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert code is not None
    short = code[1].replace("learn(2048)", "learn(128)")
    short = short.replace('suite="swe-mini"', 'tasks=["swe-mini/linkwise-segments"]')
    assert "learn(128)" in short
    assert "tasks=" in short
    exec(compile(short, str(PAGE), "exec"), {})
    printed = capsys.readouterr().out
    assert "ep_rew_mean" in printed
    assert re.search(r"swe-mini/linkwise-segments (found|tries) [01]\.\d+$", printed.strip())
