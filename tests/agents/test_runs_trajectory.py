"""Trajectories: what was said and done, in the branch where it happened."""

import pytest
from pydantic import ValidationError

from agents.runs.atif import AtifAgent, AtifStep, AtifToolCall, Metrics, Trajectory
from agents.runs.trajectory import build_trajectory, last_play

AGENT = AtifAgent(name="react", version="0.1.0", model_name="paid/model")


class Tape:
    """Writes journal events as the journal would read them."""

    def __init__(self):
        self.events = []
        self.time = 1_700_000_000.0

    def add(self, kind, **fields):
        self.time += 1
        self.events.append({"kind": kind, "time": self.time, "thread": 1, **fields})
        return self

    def reset(self):
        return self.add("start").add("reset", branch=0, observation={"text": "Fix it."})

    def reply(self, text, *calls, new=None, thread=1, reused=False):
        reply = {
            "text": text,
            "tool_calls": [{"id": i, "name": n, "arguments": a} for i, n, a in calls],
            "usage": {
                "calls": 1,
                "prompt_tokens": 10,
                "completion_tokens": 2,
                "cost_usd": 0.5,
            },
            "reasoning": "",
            "finish_reason": "stop",
        }
        new = new or {}
        self.add("reply", messages=list(new), new=new, reply=reply, model="m", reused=reused)
        self.events[-1]["thread"] = thread
        return self

    def step(self, name, arguments, text, branch=0, thread=1, error=0):
        observation = {"text": text, "tool": name, "error": error, "step": 1}
        self.add("step", branch=branch, name=name, arguments=arguments, observation=observation)
        self.events[-1]["thread"] = thread
        return self

    def build(self):
        trajectory = build_trajectory(self.events, AGENT, "swe-mini/a/0")
        return Trajectory.model_validate_json(trajectory.to_json())


SYSTEM = {"s": {"role": "system", "content": "You repair."}}
USER = {"u": {"role": "user", "content": "Fix it."}}


def test_calls_and_their_results_belong_to_the_reply():
    tape = Tape().reset()
    tape.reply("Look.", ("a", "view", "{}"), ("b", "view", '{"x": 1}'), new={**SYSTEM, **USER})
    tape.step("view", "{}", "first").step("view", '{"x": 1}', "second")
    tape.reply("Done.", ("c", "submit", "{}")).step("submit", "{}", "Submitted.")
    trajectory = tape.build()
    assert [s.source for s in trajectory.steps] == ["system", "user", "agent", "agent"]
    look = trajectory.steps[2]
    assert look.tool_calls is not None and look.observation is not None
    assert [(r.source_call_id, r.content) for r in look.observation.results] == [
        ("a", "first"),
        ("b", "second"),
    ]
    assert look.llm_call_count == 1
    metrics = trajectory.final_metrics
    assert metrics is not None
    assert (metrics.total_prompt_tokens, metrics.total_cost_usd) == (20, 1.0)
    assert metrics.total_steps == 4


def test_an_agent_without_a_model_has_steps_that_no_model_chose():
    trajectory = Tape().reset().step("bash", '{"command": "ls"}', "a.py").build()
    assert [s.source for s in trajectory.steps] == ["user", "agent"]
    act = trajectory.steps[1]
    assert act.llm_call_count == 0 and act.metrics is None
    assert act.tool_calls is not None
    assert act.tool_calls[0].arguments == {"command": "ls"}


def test_broken_arguments_are_kept_as_text():
    trajectory = Tape().reset().step("bash", '{"command": ', "bad JSON", error=1).build()
    call = trajectory.steps[1].tool_calls
    assert call is not None
    assert (call[0].arguments, call[0].extra) == ({}, {"raw_arguments": '{"command": '})


def test_call_ids_that_repeat_become_unique():
    tape = Tape().reset().reply("", ("x", "view", "{}"), ("x", "view", "{}"), ("", "view", "{}"))
    tape.step("view", "{}", "1").step("view", "{}", "2").step("view", "{}", "3")
    step = tape.build().steps[-1]
    assert step.tool_calls is not None and step.observation is not None
    ids = [call.tool_call_id for call in step.tool_calls]
    assert len(set(ids)) == 3
    assert [r.source_call_id for r in step.observation.results] == ids


def test_forked_branches_are_embedded_and_referred_to():
    tape = Tape().reset()
    tape.reply("Try both.", ("a", "view", "{}"), new=SYSTEM).step("view", "{}", "file")
    tape.add("fork", branch=1, parent=0).add("fork", branch=2, parent=1)
    tape.reply("left", ("l", "edit", '{"n": 1}'), thread=7)
    tape.reply("right", ("r", "edit", '{"n": 2}'), thread=8)
    tape.step("edit", '{"n": 2}', "right done", branch=2, thread=8)
    tape.step("edit", '{"n": 1}', "left done", branch=1, thread=7)
    trajectory = tape.build()
    inner = trajectory.subagent_trajectories
    assert inner is not None
    assert [one.trajectory_id for one in inner] == ["branch-1", "branch-2"]
    assert [s.message for s in inner[0].steps if s.source == "agent"] == ["left"]
    assert [s.message for s in inner[1].steps if s.source == "agent"] == ["right"]
    notes = [s for s in trajectory.steps if s.source == "system" and s.observation]
    assert notes[0].observation is not None
    refs = notes[0].observation.results[0].subagent_trajectory_ref
    assert refs is not None and refs[0].trajectory_id == "branch-1"
    metrics = trajectory.final_metrics
    assert metrics is not None and metrics.total_cost_usd == 1.5


def test_a_stop_by_the_house_is_no_step_of_the_agent():
    tape = Tape().reset().add("stop", branch=0, reason="cost").step("submit", "{}", "Stopped.")
    assert [s.source for s in tape.build().steps] == ["user", "system"]


def test_only_the_last_play_counts():
    tape = Tape().reset().step("bash", "{}", "old").reset().step("bash", "{}", "new")
    assert len(last_play(tape.events)) == 3
    trajectory = tape.build()
    observation = trajectory.steps[1].observation
    assert len(trajectory.steps) == 2
    assert observation is not None and observation.results[0].content == "new"


def test_unknown_fields_and_wrong_combinations_are_refused():
    step = AtifStep(step_id=1, source="user", message="hi")
    with pytest.raises(ValidationError, match="extra"):
        Trajectory.model_validate({"agent": AGENT.model_dump(), "steps": [step], "more": 1})
    with pytest.raises(ValidationError, match="step_id 2"):
        Trajectory(agent=AGENT, steps=[step.model_copy(update={"step_id": 2})])
    with pytest.raises(ValidationError, match="may not have tool_calls"):
        call = AtifToolCall(tool_call_id="a", function_name="view", arguments={})
        AtifStep(step_id=1, source="user", message="", tool_calls=[call])
    with pytest.raises(ValidationError, match="may not have metrics"):
        AtifStep(step_id=1, source="agent", message="", llm_call_count=0, metrics=Metrics())
