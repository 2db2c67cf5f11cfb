"""The data card of an export: where the data come from, whose they are, what is not in them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agents.reports.reading import StoredRun
from agents.runs.report import repogym_version
from agents.training.selection import Choice, Source
from agents.training.splits import suite_of_run

UNKNOWN = "unknown"

WHAT = {
    "sft": "Conversations that solved their task, in the form of TRL's `SFTTrainer`: `messages` "
    "and `tools` (JSON text). No chat template is applied.",
    "preference": "Pairs of a conversation that solved a task and one that did not, in the form of "
    "TRL's `DPOTrainer`: `prompt`, `chosen`, `rejected` and `tools` (JSON text).",
    "refine": "A failed attempt and what came of it as `prompt`, a solving conversation of the "
    "same task as `completion`: TRL's `SFTTrainer` puts no loss on the prompt. `tools` is JSON "
    "text.",
    "verifier": "The steps of episodes: `completions`, with a label each (whether an episode that "
    "begins so solved the task), the share that did (`values`, of `episodes`), and `label`, what "
    "this episode came to. `tools` is JSON text.",
    "minari": "Steps of episodes as a Minari data set, in the folder `repogym`: "
    "`MINARI_DATASETS_PATH` is this folder.",
    "parquet": "Every conversation of every episode, also of failed ones: `messages` and `tools` "
    "are JSON text. Leave out the rows with `mask_sample`: they have no valid verdict, and "
    "`failure_kind` says why. `replies` holds token ids and log-probabilities where the "
    "endpoint gave them.",
}


@dataclass(frozen=True)
class Origin:
    """One task that rows come from.

    Attributes:
        suite: Name and version of its suite.
        task: Its id.
        repository: Its repository or package.
        licence: The repository's licence, as the suite tells it.
        date: When the task's fix was published (ISO).
        assist: Assist level of the episodes.
        model: Who spoke.
        episodes: How many episodes of it are in the data.
    """

    suite: str
    task: str
    repository: str
    licence: str
    date: str
    assist: str
    model: str
    episodes: int


def origins(used: Sequence[Source]) -> list[Origin]:
    """Return the tasks behind some episodes, sorted by suite and task."""
    counts: Counter[tuple[str, str, str, str, str]] = Counter()
    facts: dict[tuple[str, str], tuple[str, str]] = {}
    for source in used:
        settings = source.run.settings
        suite = f"{settings.suite} {settings.version}"
        stored = source.stored
        model = settings.model or settings.agent
        counts[suite, stored.task, stored.repository, settings.assist, model] += 1
    for run in {id(source.run): source.run for source in used}.values():
        facts |= _facts(run)
    made = []
    for (suite, task, repository, assist, model), number in sorted(counts.items()):
        licence, date = facts.get((suite, task), (UNKNOWN, UNKNOWN))
        made.append(Origin(suite, task, repository, licence, date, assist, model, number))
    return made


def _facts(run: StoredRun) -> dict[tuple[str, str], tuple[str, str]]:
    """Return licence and date of a run's tasks; empty where its suite is not of this machine."""
    suite = suite_of_run(run)
    if suite is None:
        return {}
    name = f"{run.settings.suite} {run.settings.version}"
    return {(name, s.id): (s.licence or UNKNOWN, s.date or UNKNOWN) for s in suite.specs}


def card(
    form: str,
    file: str,
    rows: int,
    left_out: Mapping[str, int],
    told: Sequence[Origin],
    choice: Choice,
) -> str:
    """Return the card as Markdown, with the header that data set hubs read.

    Args:
        form: Format of the export.
        file: Name of the data's file.
        rows: How many rows it has.
        left_out: Episodes that were left out, by the reason.
        told: Where the rows come from.
        choice: Which episodes were taken.
    """
    licences = sorted({one.licence for one in told})
    dates = sorted(one.date for one in told if one.date != UNKNOWN)
    span = f"{dates[0]} to {dates[-1]}" if dates else UNKNOWN
    kept = [
        f"- plausible successes: {'taken' if choice.plausible else 'not taken as successes'}",
        f"- episodes that a bound ended: {'taken' if choice.truncated else 'left out'}",
    ]
    if form == "parquet":
        kept = []
    lines = [
        "---",
        f"license: {'other' if len(licences) != 1 else json.dumps(licences[0])}",
        f"license_name: {json.dumps(', '.join(licences))}",
        "tags: [repogym, agents, code]",
        "configs:",
        f"- {{config_name: default, data_files: {json.dumps(file)}}}",
        "---",
        f"# {form}: {rows} rows from RepoGym runs",
        "",
        WHAT[form],
        "",
        f"Written by `repogym export` {repogym_version()}.",
        *kept,
        f"- the tasks' fixes were published: {span}",
        f"- levels of assistance: {', '.join(sorted({one.assist for one in told}))}; "
        "figures of different levels are not comparable",
        "- what a model wrote is also under the terms of whoever offers that model",
        "",
        "The messages quote source code of the repositories below, under their licences.",
        "A model that was trained on these tasks can't be evaluated on them.",
        "",
        "| suite | task | repository | licence | date | assist | model | episodes |",
        "|---|---|---|---|---|---|---|---|",
        *(
            f"| {o.suite} | {o.task} | {o.repository} | {o.licence} | {o.date} | {o.assist} "
            f"| {o.model} | {o.episodes} |"
            for o in told
        ),
        "",
        "## What was left out",
        "",
        *(f"- {reason}: {number}" for reason, number in sorted(left_out.items())),
        *([] if left_out else ["Nothing."]),
        "",
    ]
    return "\n".join(lines)
