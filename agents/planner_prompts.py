"""What the planner says to its model.

The first line of each phase's message is `Phase: NAME`; the names and the lines that are
read back (`Done:`, `Verdict:`, `Next:`) are stable, models may rely on them.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum


class Phase(StrEnum):
    """The phases of the planner, in the order in which they first come."""

    UNDERSTAND = "understand"
    PLAN = "plan"
    LOCALISE = "localise"
    EDIT = "edit"
    TEST = "test"
    REFLECT = "reflect"


SYSTEM = """\
You repair software. You work in a checked-out repository through tools; nobody can answer \
questions, so decide for yourself.

The work goes in phases: understand, plan, localise, edit, test and, where a test fails, \
reflect. Each begins with a message whose first line names it. In a phase, call as many tools \
as it takes; a reply without a tool call ends the phase, so write its result into that reply. \
Do the work of the phase at hand and leave the rest to the later ones.

Fix the cause in the source with the smallest change that does it, and leave the existing \
tests as they are. Your work is judged by tests that you do not see.{submit}"""

_SUBMIT = """ \
The tool submit ends everything: call it in the phase test, when you are convinced of the change."""

NUDGE = """\
Your reply called no tool, so nothing happened, and nothing of the repository was seen yet. Call \
a tool to look at it; the phase {phase} ends with a reply without a tool call after that."""

NUDGE_EDIT = """\
Nothing was changed in the repository yet, so the phase edit is not done: what stands in a reply \
changes no file. Make the change by calling a tool."""

NUDGE_TEST = """\
Your reply called no tool and held no verdict. Call tools to check the change, or end the phase \
with a line `Verdict: pass` or `Verdict: fail`."""

_TEXT = {
    Phase.UNDERSTAND: """\
Find out what is wanted: read the problem below, look at how the repository is laid out and at \
the code and tests that the problem speaks of. Change nothing. Where tests are named, run them.

End with a few lines: what happens now, what should happen, and which part of the code is \
likely responsible.""",
    Phase.PLAN: """\
Write the plan: 2 to 7 numbered lines, each one step with a checkable result (where to look, \
what to change, what to run). Call no tool.""",
    Phase.LOCALISE: """\
Find the lines that have to change. Follow the plan from the symptom to the cause; reproduce \
the problem if you can. Change nothing yet.

End with the places: one line each, path:line and what is wrong there, the likeliest first.""",
    Phase.EDIT: """\
Make the change at the places found. {try_edits}Look at the result.

End with one line on what was changed, and a line `Done: NUMBERS` with the steps of the plan \
that are done.""",
    Phase.TEST: """\
Check the change: run the tests that cover it and your reproduction, and look at {git_diff} for \
anything that does not belong there. Change nothing in this phase.

{submit}If not, end with a line `Verdict: fail` and why.{passed}""",
    Phase.REFLECT: """\
The change is not right yet. Say what was expected and what happened instead, and which \
assumption was wrong. Undo what does not help.

End with the revised plan: numbered lines, done steps marked [x]. Then a last line: \
`Next: localise` to look for another place, `Next: edit` to change the same place again, or \
`Verdict: give up` to leave the repository as it stands.""",
}

# What a phase says of a tool: where it is offered, and where it is not.
_NAMED = {
    "try_edits": (
        "try_edits",
        "Where several changes are plausible, try_edits compares them on copies. ",
        "",
    ),
    "git_diff": ("git_diff", "git_diff", "the diff"),
    "submit": (
        "submit",
        "If everything is as it should be, call submit. ",
        "If everything is as it should be, end with a line `Verdict: pass`. ",
    ),
    "passed": ("submit", " (`Verdict: pass` submits as well.)", ""),
}

# What the tools of the code graph are good for when places are looked for.
_GRAPH_TOOLS = {
    "find_symbol": "where something is defined",
    "callers": "what calls it",
    "callees": "what it calls",
    "references": "all that mentions it",
    "hierarchy": "the classes above and below, with their members",
    "repo_map": "an outline ranked around what you name",
    "graph_query": "any other question on the structure, in Cypher",
}

_GRAPH = """\
The code graph knows what text search has to guess, and it follows your edits: {tools}."""


def system(tools: Collection[str]) -> str:
    """Return the system message; it names no tool that is not among `tools`."""
    return SYSTEM.format(submit=_SUBMIT if "submit" in tools else "")


def message(
    phase: Phase,
    *,
    note: str = "",
    plan: str = "",
    problem: str = "",
    tools: Collection[str] = (),
) -> str:
    """Return the message that begins a phase.

    Args:
        phase: Which.
        note: What happened before, where the model does not know it.
        plan: The plan as it stands, where there is one.
        problem: The task's statement (in the first phase).
        tools: Names of the tools on offer; no others are named.
    """
    parts = [f"Phase: {phase}"]
    if note:
        parts.append(note)
    said = {key: yes if tool in tools else no for key, (tool, yes, no) in _NAMED.items()}
    parts.append(_TEXT[phase].format(**said))
    known = [f"{name} ({use})" for name, use in _GRAPH_TOOLS.items() if name in tools]
    if phase is Phase.LOCALISE and known:
        parts.append(_GRAPH.format(tools=", ".join(known)))
    if plan:
        parts.append(f"The plan as it stands:\n{plan}")
    if problem:
        parts.append(problem)
    return "\n\n".join(parts)
