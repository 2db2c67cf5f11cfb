"""What the model says: short, and only what follows from the conversation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from agents.models.symbolic.knowledge import Knowledge
from agents.models.symbolic.search import Search
from agents.models.symbolic.validation import Validation
from repos.runners.protocol import Status
from tools.repair.candidates import Candidate

MAX_SHOWN = 8

NO_FAILURE = """\
I repair by tests, and no failing test can be run here: there is nothing that I can work from, \
so I leave the repository as it stands."""
PARTIAL = """\
No candidate repairs everything. I check whether one that repairs a part breaks anything else."""
CHECKING = "The change is made. I run the tests again."
UNDOING = "The change does not hold. I undo it."

_HOPELESS = re.compile(
    r"unexpected keyword argument|cannot import name|No module named"
    r"|(?:module|type object) '[\w.]+' has no attribute|no attribute '[a-z]\w+'\Z"
)


def hopeless(messages: Sequence[str]) -> bool:
    """Whether all failures ask for something that does not exist yet: a feature, not a repair."""
    return bool(messages) and all(
        _HOPELESS.search(message) and "NoneType" not in message for message in messages
    )


def first_run(named: Sequence[str]) -> str:
    """Before the first test run."""
    if named:
        count = "one failing test" if len(named) == 1 else f"{len(named)} failing tests"
        return (
            f"The statement names {count}. I run the suite with coverage to see which code fails."
        )
    return "No failing tests are named. I run the suite with coverage to see whether any fails."


def second_run(done: int, *, cut: bool) -> str:
    """Before another test run."""
    what = "only the files of the failing tests" if done == 1 else "only the failing tests"
    if cut:
        what = "the files of the failing tests first, then as much as there is time for"
    return f"That run does not show all of the failing tests. I run {what}."


def understood(know: Knowledge) -> str:
    """At the end of the phase understand."""
    if not know.failures:
        return NO_FAILURE
    lines = [f"{len(know.failures)} failing test(s) to repair:"]
    for failure in know.failures[:MAX_SHOWN]:
        lines.append(f"- {failure.id}: {failure.message or 'no message'}")
    files = ", ".join(know.covered_files[:3])
    if files:
        lines.append(f"They pass through {files}; these files are the likeliest to be responsible.")
    return "\n".join(lines)


def plan(know: Knowledge) -> str:
    """The plan."""
    tests = "the failing test" if len(know.failures) == 1 else "the failing tests"
    return "\n".join(
        [
            f"1. Rank the lines that {tests} ran (Ochiai, traceback, names in the statement).",
            "2. Read the files with the most suspicious lines.",
            f"3. Try small candidate changes there on {tests}.",
            "4. Run those that pass on all visible tests and choose the most plausible one.",
            "5. Make that change, run the tests again, and submit.",
        ]
    )


def views(know: Knowledge) -> str:
    """Before viewing files."""
    missing = [p for p in know.covered_files[:5] if p not in know.modules]
    return f"I read the suspicious files: {', '.join(missing)}."


def located(know: Knowledge) -> str:
    """At the end of the phase localise: places with scores."""
    lines = ["The most suspicious lines (score: what is there):", *_places(know)]
    return "\n".join([*lines, "Done: 1, 2"])


def _places(know: Knowledge) -> list[str]:
    ordered = sorted(know.suspicion.items(), key=lambda item: (-item[1], item[0]))
    return [
        f"{path}:{line} {score:.2f}: {know.modules[path].lines[line - 1].strip()[:90]}"
        for (path, line), score in ordered[:MAX_SHOWN]
    ]


def trying(
    know: Knowledge, batch: Sequence[Candidate], search: Search, validation: Validation
) -> str:
    """Before trying a batch of candidates."""
    lines = []
    if know.batches == 0:
        lines += ["The most suspicious lines (score: what is there):", *_places(know)]
    else:
        lines.append(
            f"{len(search.tried)} candidates tried, {len(validation.plausible)} pass the failing "
            f"tests, {len(validation.partial)} pass a part of them."
        )
    lines.append(f"I try {len(batch)} candidates, for example:")
    lines += [f"- {c.place} {c.proposal.note} ({c.score:.2f})" for c in batch[:MAX_SHOWN]]
    return "\n".join(lines)


def validating(waiting: Sequence[Candidate]) -> str:
    """Before plausible changes face all visible tests."""
    lines = ["These candidates pass the failing tests; I run all visible tests on them:"]
    if all(candidate.proposal.probe for candidate in waiting):
        lines = [
            "Does any visible test need these conditions? I run all with each of them constant:"
        ]
    return "\n".join(lines + [f"- {c.place} {c.proposal.note}" for c in waiting])


def applying(chosen: Candidate, valid: Sequence[Candidate]) -> str:
    """Before the edit."""
    others = f" I prefer it to {len(valid) - 1} other(s) that pass too." if len(valid) > 1 else ""
    return f"I make this change at {chosen.place}: {chosen.proposal.note}.{others}"


def apply_partial(chosen: Candidate) -> str:
    """Before the edit of a partial repair."""
    return (
        f"This repairs only a part of the failing tests, but breaks nothing: "
        f"{chosen.place} {chosen.proposal.note}. I make it."
    )


def edited(know: Knowledge, tried: int) -> str:
    """At the end of the phase edit."""
    if know.history.applied:
        paths = ", ".join(str(e.arguments.get("path")) for e in know.history.applied)
        return f"Changed {paths}.\nDone: 3, 4"
    return gave_up(tried)


def gave_up(tried: int) -> str:
    """Where no repair was found."""
    return (
        f"None of the {tried} candidates that I tried repairs the failing tests. "
        "I leave the repository as it stands."
    )


def submitting(counts: Mapping[Status, int]) -> str:
    """Before submitting."""
    return f"The tests are as they should be ({_counts(counts)}). I submit."


def failed(counts: Mapping[Status, int]) -> str:
    """Where the change does not hold."""
    return f"After the change: {_counts(counts)}. That is no improvement.\nVerdict: fail"


def next_edit(know: Knowledge) -> str:
    """At the end of the phase reflect."""
    return (
        "The candidate passed on a copy but not in place; I take the next one.\n"
        f"{plan(know)}\nNext: edit"
    )


def go_on(know: Knowledge, tried: int) -> str:
    """At the end of the phase reflect, where the phase edit had no room for all candidates."""
    return (
        f"None of the {tried} candidates so far repairs the failing tests; there are more.\n"
        f"{plan(know)}\nNext: edit"
    )


def _counts(counts: Mapping[Status, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items()) or "no tests"
