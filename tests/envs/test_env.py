import copy
import json

import gymnasium
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

import envs
from envs.env import RepoEnv
from envs.registration import register_all
from envs.spaces import ToolCalls, Unicode
from repos.errors import RepoGymError
from repos.tasks.catalogue import RENAMED_IDS, built_in_versions
from repos.tasks.suite import load_suite

register_all()
TASK = "swe-mini/warmcache-refresh"


def call(name, **arguments):
    return {"name": name, "arguments": json.dumps(arguments)}


def make(**kwargs):
    return RepoEnv(**{"suite": "swe-mini", "task": TASK, **kwargs})


@pytest.fixture
def env():
    made = make(max_steps=50)
    made.reset(seed=0)
    yield made
    made.close()


def test_gymnasiums_checker_passes_with_twenty_action_seeds():
    made = gymnasium.make("repogym/swe-mini-v1", task=TASK, max_steps=500, render_mode="ansi")
    raw = made.unwrapped
    for seed in range(20):
        raw.action_space.seed(seed)
        check_env(raw, skip_close_check=True, skip_render_check=seed > 0)
    made.close()


def test_non_ascii_observations_lie_in_the_space(env):
    env.step(call("create", path="ünï.txt", content="日本語 ✓ \n" * 10))
    observation, *_ = env.step(call("view", path="ünï.txt"))
    assert "日本語" in observation["text"]
    assert env.observation_space.contains(observation)


def test_the_same_actions_give_the_same_observations():
    actions = [
        call("bash", command="ls -R src; echo $$ > /tmp/x; python -m pytest -q | tail -1"),
        call("bash", command="ls -la; ls -la --full-time src; date; date +%s; date -Is"),
        call("bash", command="python -c 'print({str(i) for i in range(9)}, object())'"),
        call("bash", command="echo x > new; git add -A; git commit -qm new; git log -1 --stat"),
        call("run_tests"),
        call("edit", path="README.md", old="nowhere", new="x"),
        call("nope"),
        {"name": "view", "arguments": "{broken"},
        call("git_diff"),
    ]
    episodes = []
    for _ in range(2):
        made = make()
        first = made.reset(seed=7)
        episodes.append([first, *(made.step(a) for a in copy.deepcopy(actions))])
        made.close()
    assert episodes[0] == episodes[1]


def test_resets_forget_everything(env):
    env.step(call("bash", command="rm -rf src; touch /tmp/a /testbed/b; git init -q /tmp/r"))
    before = env.step(call("bash", command="ls /testbed /tmp"))[0]["text"]
    env.reset(seed=0)
    after = env.step(call("bash", command="ls /testbed /tmp"))[0]["text"]
    assert "src" in after
    assert "src" not in before.split()
    assert "b" not in after.split()


def test_the_reference_is_rewarded_and_nothing_else_is():
    made = make(privileged=True)
    made.reset()
    *_, info = made.step(call("git_diff"))
    assert info["scored"] is False and made.score is None
    made.apply_reference()
    _, reward, terminated, truncated, info = made.step(call("submit"))
    assert (reward, terminated, truncated) == (1.0, True, False)
    assert info["end"] == "submitted"
    assert info["scored"] and info["score_resolved"]
    assert made.score is not None and made.score.resolved
    with pytest.raises(gymnasium.error.ResetNeeded):
        made.step(call("submit"))
    made.reset()
    _, reward, *_ = made.step(call("submit"))
    assert reward == 0.0
    made.close()


def test_the_reference_needs_privilege(env):
    with pytest.raises(RepoGymError, match="privileged"):
        _ = env.reference
    with pytest.raises(RepoGymError, match="privileged"):
        env.apply_reference()


def test_limits_truncate_and_score():
    made = make(max_steps=2)
    made.reset()
    assert made.step(call("git_diff"))[3] is False
    _, reward, terminated, truncated, info = made.step(call("git_diff"))
    assert (terminated, truncated, info["end"]) == (False, True, "steps")
    assert info["score_resolved"] is False
    assert reward == 0.0
    made.close()
    hasty = make(max_seconds=0.0)
    hasty.reset()
    *_, truncated, info = hasty.step(call("git_diff"))
    assert (truncated, info["end"]) == (True, "time")
    hasty.close()


def test_a_change_too_large_to_be_a_diff_is_a_verdict_and_no_excuse(monkeypatch):
    monkeypatch.setattr("repos.sandbox.workspace.MAX_DIFF", 1 << 20)
    made = make()
    made.reset()
    made.step(call("bash", command="head -c 5000000 /dev/urandom > big.bin"))
    _, reward, _, _, info = made.step(call("submit"))
    assert info["infra_error"] == ""
    assert (reward, info["scored"], info["score_applied"]) == (0.0, True, False)
    made.close()


def test_rewards_by_name_and_by_function():
    made = make(reward="fraction", privileged=True)
    made.reset()
    made.apply_reference()
    assert made.step(call("submit"))[1] == 1.0
    made.close()
    own = make(reward=lambda score: 42.0)
    own.reset()
    assert own.step(call("submit"))[1] == 42.0
    own.close()


def test_a_reward_that_is_no_number_is_one_sentence_with_its_name():
    def bragging(score):
        return "very good"

    own = make(reward=bragging)
    own.reset()
    with pytest.raises(RepoGymError, match="bragging gave 'very good'"):
        own.step(call("submit"))
    own.close()


@pytest.mark.parametrize(
    ("kwargs", "says"),
    [
        ({"suite": "swe-minu", "task": None}, "Did you mean 'swe-mini'"),
        ({"task": "warm"}, "Unknown task"),
        ({"assist": "all"}, "none, files or tests"),
        ({"max_steps": 0}, "max_steps"),
        ({"reward": "resolve"}, "Did you mean 'resolved'"),
        ({"reward": "no.such:thing"}, "no module 'no'"),
        ({"max_seconds": -1.0}, "max_seconds"),
        ({"tools": {"view": 1}}, "list of names"),
        ({"tools": ["vieww"]}, "Did you mean"),
        ({"render_mode": "human"}, "render mode"),
        ({"tsk": TASK}, "argument of make 'tsk'.*'task'"),
    ],
)
def test_bad_input_is_one_sentence_before_any_work(kwargs, says):
    with pytest.raises(RepoGymError, match=says):
        make(**kwargs)


def test_forks_go_on_independently_with_their_wrappers():
    wrapped = gymnasium.wrappers.TimeLimit(
        gymnasium.wrappers.RecordEpisodeStatistics(make()), max_episode_steps=4
    )
    wrapped.reset(seed=0)
    wrapped.step(call("create", path="shared.txt", content="before"))
    twin = envs.fork(wrapped)
    wrapped.step(call("create", path="mine.txt", content="parent"))
    observation, *_ = twin.step(call("bash", command="ls; cat shared.txt"))
    assert "mine.txt" not in observation["text"]
    assert "before" in observation["text"]
    assert observation["step"] == 2
    twin.step(call("undo"))
    observation, _, _, truncated, _ = twin.step(call("bash", command="ls"))
    assert "shared.txt" not in observation["text"]
    assert truncated  # the wrapper's own counter came along
    assert wrapped.unwrapped.budget.steps == 2
    assert "mine.txt" in wrapped.step(call("bash", command="ls"))[0]["text"]
    twin.close()
    *_, truncated, info = wrapped.step(call("bash", command="cat shared.txt"))
    assert (truncated, info["end"], info["scored"]) == (True, "steps", True)
    wrapped.close()


def test_before_the_first_reset_there_is_nothing_to_branch():
    made = make()
    for branch in (made.fork, made.snapshot, made.diff):
        with pytest.raises(gymnasium.error.ResetNeeded, match="call reset"):
            branch()


def test_a_fork_outlives_its_parent(env):
    twin = envs.fork(env)
    env.close()
    observation, *_ = twin.step(call("bash", command="echo alive"))
    assert "alive" in observation["text"]
    *_, info = twin.step(call("submit"))
    assert info["scored"], info["infra_error"]
    twin.close()


def test_a_wrapper_that_cannot_be_cloned_is_named(env):
    class Holding(gymnasium.Wrapper):
        def __init__(self, inner):
            super().__init__(inner)
            self.handle = (x for x in ())

    with pytest.raises(RepoGymError, match=r"Holding.*'handle'"):
        envs.fork(Holding(env))


def test_snapshots_can_be_restored_any_number_of_times(env):
    env.step(call("create", path="a.txt", content="1"))
    state = env.snapshot()
    for _ in range(3):
        env.step(call("bash", command="rm -rf src a.txt"))
        env.restore(state)
        observation, *_ = env.step(call("bash", command="cat a.txt; ls src"))
        assert observation["text"].startswith("1")
        assert observation["step"] == 2


def test_going_back_takes_the_random_state_along(env):
    state = env.snapshot()
    drawn = env.np_random.random(3).tolist()
    env.restore(state)
    assert env.np_random.random(3).tolist() == drawn


def test_a_stop_holds_for_its_own_episode_only(env):
    state = env.snapshot()
    env.stop("cost")
    *_, truncated, info = env.step(call("git_diff"))
    assert (truncated, info["end"]) == (True, "cost")
    env.restore(state)
    assert env.step(call("git_diff"))[4]["end"] == ""
    env.stop("cost")
    env.reset(seed=0)
    assert env.step(call("git_diff"))[4]["end"] == ""


def test_vector_environments():
    makers = [lambda: make(max_steps=5)] * 2
    actions = tuple(call("bash", command=f"echo {i} ✓") for i in range(2))
    for vector in (
        SyncVectorEnv(makers),
        AsyncVectorEnv(makers, shared_memory=False, context="spawn"),
    ):
        vector.reset(seed=1)
        observations, rewards, *_ = vector.step(actions)
        assert [o.split()[0] for o in observations["text"]] == ["0", "1"]
        assert list(rewards) == [0.0, 0.0]
        vector.close()


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_episode_that_ends_in_a_vector_environment_leaves_the_other_going(kind):
    makers = [lambda: make(max_steps=5, privileged=True)] * 2
    if kind == "sync":
        vector = SyncVectorEnv(makers)
    else:
        vector = AsyncVectorEnv(makers, shared_memory=False, context="spawn")
    look, submit = call("git_diff"), call("submit")
    try:
        vector.reset(seed=1)
        vector.call("apply_reference")
        for actions, steps, ended, reward in (
            ((look, submit), (1, 1), (False, True), (0.0, 1.0)),
            ((look, look), (2, 0), (False, False), (0.0, 0.0)),  # the second one begins anew
            ((submit, look), (3, 1), (True, False), (1.0, 0.0)),
        ):
            observations, rewards, terminated, truncated, _ = vector.step(actions)
            assert tuple(observations["step"]) == steps
            assert tuple(terminated) == ended
            assert not any(truncated)
            assert tuple(rewards) == reward
    finally:
        # After an error of a step Gymnasium would wait for that step for ever.
        vector.close(terminate=True)


def test_vector_environments_do_not_fork():
    vector = SyncVectorEnv([make])
    with pytest.raises(RepoGymError, match="one by one"):
        envs.fork(vector)
    vector.close()


def test_spaces():
    space = Unicode(5)
    assert space.contains("日本✓")
    assert not space.contains("123456")
    assert not space.contains(b"1")
    assert space == Unicode(5)
    space.seed(3)
    drawn = [space.sample() for _ in range(20)]
    space.seed(3)
    assert drawn == [space.sample() for _ in range(20)]
    assert all(space.contains(x) for x in drawn)
    calls = make().action_space
    assert isinstance(calls, ToolCalls)
    for seed in range(5):
        calls.seed(seed)
        assert calls.contains(calls.sample())
    assert not calls.contains({"name": "view"})
    assert not calls.contains({"name": "view", "arguments": {}})


def test_ansi_rendering_shows_the_last_call():
    made = make(render_mode="ansi")
    made.reset()
    made.step(call("bash", command="echo hello"))
    assert "hello" in made.render()
    assert "> bash" in made.render()
    made.close()


def test_gymnasium_make_imports_the_package():
    made = gymnasium.make("repogym:repogym/swe-mini-v1", task=TASK)
    made.reset(seed=0)
    made.close()


@pytest.mark.parametrize("suite", ["swe-mini", "swe-lite"])
def test_an_id_of_another_version_names_the_right_one(suite):
    version = int(built_in_versions()[suite])
    for older in range(version):
        if f"repogym/{suite}-v{older}" in RENAMED_IDS:
            continue
        with pytest.raises(gymnasium.error.DeprecatedEnv, match=f"repogym/{suite}-v{version}"):
            gymnasium.make(f"repogym/{suite}-v{older}")
    with pytest.raises(gymnasium.error.VersionNotFound, match=f"v{version}"):
        gymnasium.make(f"repogym/{suite}-v7")


@pytest.mark.parametrize(("name", "suite"), RENAMED_IDS.items())
def test_a_version_that_has_another_name_now_is_still_made(name, suite):
    made = gymnasium.make(name)
    assert made.unwrapped.suite.name == suite == load_suite(name).name
    made.close()


def test_the_environment_of_the_task_can_be_named():
    made = gymnasium.make("repogym/swe-mini-v1", task=TASK, environment="python3.1")
    with pytest.raises(RepoGymError, match="Unknown environment of"):
        made.reset()
    made.close()


def test_a_reset_after_a_lost_sandbox_gets_a_new_one(env):
    env.reset(seed=0)
    env.unwrapped._state.workspace.sandbox.close()
    observation, info = env.reset(seed=0)
    assert observation["step"] == 0 and not info["infra_error"]
    observation, *_ = env.step(call("bash", command="echo here"))
    assert "here" in observation["text"]


@pytest.mark.parametrize(
    "command",
    [
        "touch $(head -c 255 /dev/zero | tr '\\0' n)",
        "truncate -s 100G big",
        "head -c 900000000 /dev/zero > big",
        "for i in $(seq 1000); do mkdir d; cd d; done; touch f",
        "ln -s $(printf '\\377') l",
    ],
)
def test_no_change_of_an_agent_counts_as_our_failure(command):
    made = make()
    made.reset()
    made.step(call("bash", command=command))
    made.step(call("git_diff"))
    _, reward, _, _, info = made.step(call("submit"))
    assert info["infra_error"] == ""
    assert (reward, info["scored"]) == (0.0, True)
    made.close()


def test_fast_scoring_is_named_in_the_info():
    made = make(privileged=True, scoring="fast")
    made.reset()
    made.apply_reference()
    _, reward, _, _, info = made.step(call("submit"))
    assert (reward, info["score_scoring"]) == (1.0, "fast")
    made.close()
