"""What conditions say at a place while the tests run (angelic and dynamic pruning).

Nopol (Xuan et al., TSE 2017) collects the values at a place and keeps the conditions that tell
failing from passing tests. Here one candidate change that is never kept asks every condition
when the place is first reached and raises what it heard, so that the answer of `try_edits`
carries it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.models.symbolic.candidates import Proposal
from agents.models.symbolic.facts import Facts
from agents.models.symbolic.formats import Trial
from agents.models.symbolic.project import Project
from agents.models.symbolic.source import Edit
from agents.models.symbolic.synthesis import subject
from agents.models.symbolic.templates.atoms import conditions
from agents.models.symbolic.templates.probes import FORCE
from agents.models.symbolic.templates.site import Site

OBSERVE = "observe"
UNFIT = 0.15
"""Factor of conditions that would not have done what a failing test needs."""

UNDEFINED = 0.03
"""Factor of conditions that could not be asked."""

BREAKING = 0.3
"""Factor of conditions that would have done it in a passing test too."""

_HEARD = re.compile(r"\ARuntimeError: asked ([yn-]+)\Z")


def observer(project: Project, facts: Facts, proposal: Proposal) -> Proposal | None:
    """Return the change that asks all conditions at a proposal's place; None where none can."""
    module = project.modules[proposal.path]
    site = Site(project, module, facts, {})
    node = subject(site, proposal)
    statement = module.statement(node) if node is not None else None
    if node is None or statement is None or not module.begins_line(statement):
        return None
    start = module.span(statement)[0]
    if module.text.startswith("elif", start) or site.function(statement) is None:
        return None
    texts = [text for text, _ in conditions(site, node)]
    if not texts:
        return None
    indent = module.indent(statement)
    lines = [
        'repogym_heard = ""',
        f"for repogym_ask in ({' '.join(f'lambda: {text},' for text in texts)}):",
        "    try:",
        '        repogym_heard += "y" if repogym_ask() else "n"',
        "    except Exception:",
        '        repogym_heard += "-"',
        'raise RuntimeError("asked " + repogym_heard)',
    ]
    at = module.line_start(statement.lineno)
    edit = Edit(module.path, at, at, "".join(f"{indent}{line}\n" for line in lines))
    note = f"ask {len(texts)} conditions"
    return Proposal((edit,), OBSERVE, 1.0, proposal.line, note, probe=True)


def heard(trial: Trial) -> dict[str, str]:
    """Return what an observer heard, one character a condition, by test."""
    found = ((test, _HEARD.match(message)) for test, message in trial.errors)
    return {test: match[1] for test, match in found if match}


def factors(
    project: Project,
    facts: Facts,
    proposal: Proposal,
    answers: dict[str, str],
    failing: Sequence[str],
) -> dict[str, float]:
    """Return a factor for each condition at a proposal's place.

    Args:
        project: The viewed files.
        facts: What the failing tests tell.
        proposal: The change that conditions are looked for.
        answers: What its observer heard.
        failing: The failing tests among those.
    """
    site = Site(project, project.modules[proposal.path], facts, {})
    node = subject(site, proposal)
    if node is None:
        return {}
    # A forced False is `and`, a removal is "only if": both want the condition false.
    inverse = proposal.destructive or (
        proposal.template == FORCE and proposal.edits[0].new == "False"
    )
    wanted, other = ("n", "y") if inverse else ("y", "n")
    bad = [answers[test] for test in failing if test in answers]
    good = [bits for test, bits in answers.items() if test not in failing]
    found: dict[str, float] = {}
    for place, (text, _) in enumerate(conditions(site, node)):
        in_bad = {bits[place] for bits in bad if place < len(bits)}
        in_good = {bits[place] for bits in good if place < len(bits)}
        factor = 1.0
        if in_bad == {"-"}:
            factor = UNDEFINED
        elif in_bad and wanted not in in_bad:
            factor = UNFIT
        elif other in in_bad:
            factor = 0.6
        if wanted in in_good:
            factor *= BREAKING
        found[text] = factor
    return found
