"""The planner's plan: numbered steps that it marks and revises in the open."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_STEP = re.compile(
    r"^\s{0,3}(?:(?P<number>\d{1,2})[.)]\s+|[-*]\s+(?=\[[ xX]\]))"
    r"(?:\[(?P<mark>[ xX])\]\s*)?(?P<text>\S.*)$"
)
_DONE = re.compile(r"^\W*done\W*:\W*(?P<numbers>[\d,; and]+)", re.IGNORECASE | re.MULTILINE)
_MOST_STEPS = 20


@dataclass(frozen=True)
class Step:
    """One step of a plan."""

    text: str
    done: bool = False


@dataclass(frozen=True)
class Plan:
    """A plan as it stands; empty before the first one was written."""

    steps: tuple[Step, ...] = ()

    @classmethod
    def read(cls, text: str) -> Plan:
        """Read the numbered lines or checkboxes of a reply; the last list counts.

        Returns:
            The plan; an empty one where the reply holds no list.
        """
        steps: list[Step] = []
        for line in text.splitlines():
            match = _STEP.match(line)
            if match is None:
                continue
            if match["number"] is not None and int(match["number"]) == 1:
                steps = []
            steps.append(Step(match["text"].strip(), (match["mark"] or " ") in "xX"))
        return cls(tuple(steps[:_MOST_STEPS]))

    @classmethod
    def in_words(cls, text: str) -> Plan:
        """Return the plan whose one step is a reply's own words (an empty one for none)."""
        words = " ".join(text.split())[:500]
        return cls((Step(words),) if words else ())

    def marked(self, text: str) -> Plan:
        """Return the plan with the steps done that a reply names in a line `Done: 1, 2`."""
        done = {int(n) for m in _DONE.finditer(text) for n in re.findall(r"\d+", m["numbers"])}
        return Plan(
            tuple(
                replace(step, done=step.done or number in done)
                for number, step in enumerate(self.steps, 1)
            )
        )

    def __str__(self) -> str:
        return "\n".join(
            f"{number}. [{'x' if step.done else ' '}] {step.text}"
            for number, step in enumerate(self.steps, 1)
        )
