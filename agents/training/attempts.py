"""Rows that teach to refine an attempt, and rows that teach to judge one.

Refining follows CYCLE (Y. Ding et al., 2024): a faulty attempt and what came of it stand in the
prompt, which carries no loss. Labels of single steps follow Math-Shepherd (P. Wang et al., 2024): a
step is good where an episode that begins with it solved the task.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from agents.training.selection import Choice, Source

Message = dict[str, Any]


def groups(taken: Sequence[Source]) -> list[list[Source]]:
    """Return the episodes of one task that open alike and have the same tools."""
    found: dict[str, list[Source]] = defaultdict(list)
    for source in taken:
        key = [source.run.settings.suite_digest, source.stored.task, source.main.opening]
        found[json.dumps([*key, source.tools], sort_keys=True)].append(source)
    return list(found.values())


def failed(source: Source) -> bool:
    """Whether an episode failed; a plausible success is no failure."""
    record = source.record
    return record is not None and not (record.resolved or record.plausible)


def refinements(
    taken: Sequence[Source], choice: Choice, most: int
) -> Iterator[tuple[Source, Source, dict[str, Any]]]:
    """Yield (solving episode, failed one, row): the failed attempt is a part of the prompt.

    Args:
        taken: Episodes that can be data.
        choice: What counts as a success.
        most: Most rows a task.
    """
    for group in groups(taken):
        good = [one for one in group if one.succeeded(choice)]
        bad = [one for one in group if failed(one)]
        pairs = [(g, b) for turn in range(len(bad)) for g, b in _turned(good, bad, turn)]
        for solved, attempt in pairs[:most]:
            prompt = [*attempt.main.messages, {"role": "user", "content": _told(attempt)}]
            yield solved, attempt, {"prompt": prompt, "completion": list(solved.main.answer)}


def _turned(good: list[Source], bad: list[Source], turn: int) -> Iterator[tuple[Source, Source]]:
    for place, one in enumerate(good):
        yield one, bad[(place + turn) % len(bad)]


def _told(attempt: Source) -> str:
    """Return what came of an attempt; nothing of the hidden tests but that they fail."""
    record = attempt.record
    changed = "Your change does" if record is not None and record.patch_bytes else "You did"
    return (
        f"{changed} not solve the problem: hidden tests still fail. The repository is as it was at "
        "the beginning. Try again, in another way."
    )


def judgements(taken: Sequence[Source], choice: Choice) -> Iterator[tuple[Source, dict[str, Any]]]:
    """Yield a row an episode: its steps, whether each was good, and what it came to.

    `completions` holds one step each (a reply and what its calls printed), `labels` whether any
    episode of the task that begins so solved it, `values` the share of those that did.

    Args:
        taken: Episodes that can be data.
        choice: What counts as a success.
    """
    for group in groups(taken):
        outcomes: dict[str, list[bool]] = defaultdict(list)
        steps = {id(one): _steps(one.main.answer) for one in group}
        for one in group:
            for end in range(1, len(steps[id(one)]) + 1):
                outcomes[_key(steps[id(one)][:end])].append(one.succeeded(choice))
        for one in group:
            own = steps[id(one)]
            seen = [outcomes[_key(own[:end])] for end in range(1, len(own) + 1)]
            yield (
                one,
                {
                    "prompt": list(one.main.opening),
                    "completions": own,
                    "labels": [any(found) for found in seen],
                    "values": [sum(found) / len(found) for found in seen],
                    "episodes": [len(found) for found in seen],
                    "label": one.succeeded(choice),
                },
            )


def _steps(answer: Sequence[Message]) -> list[list[Message]]:
    found: list[list[Message]] = []
    for message in answer:
        if message["role"] == "assistant" or not found:
            found.append([])
        found[-1].append(message)
    return found


def _key(steps: list[list[Message]]) -> str:
    """Return what episodes share that took the same steps; what the last one printed is not it."""
    # Ids of calls are the provider's own business, and differ between equal steps.
    kept = [
        (m["role"], m["content"], [call["function"] for call in m.get("tool_calls", ())])
        for step in [*steps[:-1], steps[-1][:1]]
        for m in step
    ]
    return json.dumps(kept, sort_keys=True)
