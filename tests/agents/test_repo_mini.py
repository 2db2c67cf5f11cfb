"""The bundled tasks of removed code, played as a user plays them."""

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env

from agents.runs.episode import EpisodeSpec, run_episode
from envs.registration import register_all
from repos.prepare import prepare
from repos.tasks.sources.bundled import BUNDLED
from repos.tasks.sources.removed.build import repaired
from repos.tasks.sources.removed.text import part_text
from repos.tasks.suite import load_suite

register_all()
SUITE = load_suite("repo-mini")


def test_it_has_a_task_of_each_level():
    levels = [spec.labels["level"] for spec in SUITE.specs]
    assert sorted(levels) == ["block", "class", "expression", "function", "statement"]
    assert all(spec.labels["dependencies"] for spec in SUITE.specs)


@pytest.mark.parametrize("name", [spec.id for spec in SUITE.specs])
def test_only_who_writes_the_code_again_resolves_it(name, tmp_path):
    for agent, resolved in (("oracle", True), ("noop", False)):
        record = run_episode(
            EpisodeSpec(
                suite="repo-mini", task=name, agent=agent, privileged=resolved,
                out=str(tmp_path / agent),
            )
        )  # fmt: skip
        assert (record.status, record.resolved) == ("done", resolved)


@pytest.mark.parametrize("name", [spec.id for spec in SUITE.specs])
def test_the_workspace_holds_neither_the_code_nor_its_other_tests(name):
    spec = SUITE.spec(name)
    source = spec.source
    whole = repaired(source.folder).tree
    removed = part_text(whole[source.path].data, source.start, source.end)
    task = prepare(spec)
    base = task.layers.testbed[0]
    assert removed not in (base / source.path).read_bytes()
    assert removed.decode() not in task.public.statement
    for test in source.tests:
        lines = whole[test.path].data.decode().splitlines()[test.first - 1 : test.last]
        assert ("\n".join(lines) in (base / test.path).read_text()) == (test == source.shown)


def test_the_bug_of_the_bundled_package_is_repaired_elsewhere():
    folder = SUITE.spec("cronline-cronline.fields._read_step").source.folder
    changed = "src/cronline/fields.py"
    buggy = (BUNDLED / folder / "base" / changed).read_bytes()
    assert repaired(folder).tree[changed].data != buggy


def test_gymnasiums_checker_passes():
    made = gymnasium.make("repogym/repo-mini-v1", max_steps=50, render_mode="ansi")
    check_env(made.unwrapped, skip_close_check=True)
    made.close()
