"""The key of blind answers: what is right, as two runs of the reference patch showed it.

A key is hidden data. It is made once for a task and an environment, before any patch is asked,
and lies in the cache of the host; no sandbox ever holds it.
"""

from __future__ import annotations

import hashlib
import json
import random
import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import zip_longest
from pathlib import Path

from repos.cache import cache_root, platform_key, publish
from repos.errors import InfrastructureError, InputError
from repos.prepare import files_key
from repos.runners.controls import Answer, Controls, Key, Place, Probe, Sheet
from repos.runners.protocol import Runner, TestRun
from repos.runners.registry import get_runner
from repos.sandbox.protocol import Backend
from repos.sandbox.surroundings import SCORING, Surroundings
from repos.scoring.grading import grade_sheet
from repos.scoring.parts import Part
from repos.tasks.records import Task, TaskSpec
from repos.tasks.sources.base import BuiltFiles

VERSION = 2
"""Changes with whatever this file makes otherwise of the same runs."""

NAME = "key.json"
OTHER_DAY = 400
"""Days by which the second run's clock is ahead: another year, month, day and weekday."""
MOST_PASSING = 60
"""PASS_TO_PASS functions that are asked at most: they stand in the base's tests nearly all."""

Spot = tuple[Place, int, int]
"""A function, a row of it, and one of its questions; -1 stands for the row as a whole."""


@dataclass(frozen=True)
class AnswerKey:
    """What is asked of a set of hidden tests, and what is right.

    Attributes:
        functions: What is asked.
        rows: For each asked row the test that it is.
        keys: For each question of a row what is right, once for each time that it is sent.
        dropped: Questions of rows that the reference itself does not answer alike.
        bits: How hard the answers of each function of a failing test are to guess; 0 where a
            generic answerer is right.
    """

    functions: tuple[Place, ...]
    rows: Mapping[tuple[Place, int], str]
    keys: Mapping[Spot, tuple[Key, ...]]
    dropped: frozenset[Spot]
    bits: Mapping[Place, float] = field(default_factory=dict)

    def tests(self) -> frozenset[str]:
        """Return the tests that have a question."""
        return frozenset(self.rows[place, row] for place, row, _ in self.keys)

    def without(self, places: Collection[Place]) -> AnswerKey:
        """Return the key without some functions."""
        gone = set(places) & set(self.functions)
        if not gone:
            return self
        return AnswerKey(
            functions=tuple(place for place in self.functions if place not in gone),
            rows={spot: test for spot, test in self.rows.items() if spot[0] not in gone},
            keys={spot: keys for spot, keys in self.keys.items() if spot[0] not in gone},
            dropped=frozenset(spot for spot in self.dropped if spot[0] not in gone),
            bits={place: bits for place, bits in self.bits.items() if place not in gone},
        )

    def with_more(self, other: AnswerKey) -> AnswerKey:
        """Return the key with the functions that only another one has."""
        more = other.without(self.functions)
        return AnswerKey(
            functions=tuple(sorted((*self.functions, *more.functions))),
            rows={**self.rows, **more.rows},
            keys={**self.keys, **more.keys},
            dropped=self.dropped | more.dropped,
            bits={**self.bits, **more.bits},
        )

    def to_json(self) -> str:
        """Return the key as JSON."""
        return json.dumps(
            {
                "functions": self.functions,
                "rows": [[*place, row, test] for (place, row), test in self.rows.items()],
                "keys": [
                    [*place, row, at, [asdict(key) for key in keys]]
                    for (place, row, at), keys in self.keys.items()
                ],
                "dropped": [[*place, row, at] for place, row, at in sorted(self.dropped)],
                "bits": [[*place, bits] for place, bits in sorted(self.bits.items())],
            }
        )

    @classmethod
    def from_json(cls, text: str) -> AnswerKey:
        """Return the key that `to_json` wrote."""
        data = json.loads(text)
        return cls(
            functions=tuple((file, function) for file, function in data["functions"]),
            rows={((file, name), row): test for file, name, row, test in data["rows"]},
            keys={
                ((file, name), row, at): tuple(Key(**key) for key in keys)
                for file, name, row, at, keys in data["keys"]
            },
            dropped=frozenset(((file, name), row, at) for file, name, row, at in data["dropped"]),
            bits={(file, name): bits for file, name, bits in data["bits"]},
        )


def answer_key(task: Task, part: Part, *, backend: Backend) -> AnswerKey | None:
    """Return the key of a task's hidden tests, making it first where it is missing.

    Args:
        task: A prepared task.
        part: Which of its hidden tests.
        backend: Makes the sandboxes of the reference runs.

    Returns:
        The key; None where the task's runner can't ask.

    Raises:
        InfrastructureError: A reference run did not end.
    """
    runner = get_runner(task.public.runner)
    controls = runner.controls
    if controls is None:
        return None
    sources = sources_of(task, part, part.asked, runner)
    wanted = _wanted(part, sources, runner)

    def build(folder: Path) -> None:
        made = _make(task, part, controls, sources, wanted, backend, runner)
        (folder / NAME).write_text(made.to_json(), encoding="utf-8")
        (folder / NAME).chmod(0o600)

    place = _place(task.spec, task.public.environment, part, sources, wanted, controls)
    return _load(publish(place, build))


def known_key(spec: TaskSpec, environment: str, files: BuiltFiles) -> AnswerKey | None:
    """Return the key of a task's deciding tests where it was made before, else None.

    Args:
        spec: The task.
        environment: Id of the environment.
        files: The task's files.
    """
    runner = get_runner(spec.runner)
    if runner.controls is None:
        return None
    expected = spec.expected[environment]
    part = Part("hidden", files.hidden, expected.fail_to_pass, expected.pass_to_pass)
    sources = _read_sources((files.hidden, files.base), part.asked, runner)
    wanted = _wanted(part, sources, runner)
    place = cache_root() / _place(spec, environment, part, sources, wanted, runner.controls)
    return _load(place) if place.is_dir() else None


def _place(
    spec: TaskSpec,
    environment: str,
    part: Part,
    sources: Mapping[str, bytes],
    wanted: set[Place],
    controls: Controls,
) -> str:
    """Return the folder of a key in the cache: named by all that the key depends on."""
    facts = [VERSION, controls.digest, part.name, sorted(wanted)]
    facts += [[name, hashlib.sha256(text).hexdigest()] for name, text in sorted(sources.items())]
    digest = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]
    return f"tasks/{files_key(spec)}/answers-{environment}-{platform_key()}-{digest}"


def _load(folder: Path) -> AnswerKey:
    return AnswerKey.from_json((folder / NAME).read_text(encoding="utf-8"))


def sources_of(task: Task, part: Part, tests: Iterable[str], runner: Runner) -> dict[str, bytes]:
    """Return the genuine files of some tests by path."""
    return _read_sources((part.tests, task.layers.testbed[0]), tests, runner)


def _read_sources(
    folders: Iterable[Path], tests: Iterable[str], runner: Runner
) -> dict[str, bytes]:
    """Return the files of some tests, each from the first folder that has it."""
    found: dict[str, bytes] = {}
    for name in sorted({runner.split_id(test).file for test in tests}):
        path = next((f / name for f in folders if (f / name).is_file()), None)
        if path is not None:
            found[name] = path.read_bytes()
    return found


def places_of(tests: Iterable[str], runner: Runner) -> set[Place]:
    """Return the functions of some tests."""
    return {runner.split_id(test).place for test in tests}


def fresh_random() -> random.Random:
    """Return a source of randomness that nobody can foresee."""
    return random.Random(secrets.randbits(128))


def _wanted(part: Part, sources: Mapping[str, bytes], runner: Runner) -> set[Place]:
    asked = places_of(part.asked, runner)
    beside = sorted(p for p in places_of(part.passing, runner) - asked if p[0] in sources)
    step = max(1, len(beside) // MOST_PASSING)
    return {p for p in asked if p[0] in sources} | set(beside[::step][:MOST_PASSING])


def _make(
    task: Task,
    part: Part,
    controls: Controls,
    sources: Mapping[str, bytes],
    wanted: set[Place],
    backend: Backend,
    runner: Runner,
) -> AnswerKey:
    """Run the reference twice, with the expected sides and without them, then the base.

    The second run is on another day, so that no answer is right on one day only.

    The base passes its PASS_TO_PASS tests: where it answers one of them wrongly, the question is
    narrower than the test, and would be unfair to patches as well.
    """
    told = controls.take_out(sources, wanted, key=True, rng=fresh_random())
    first = _reference_run(task, told, backend, replace(SCORING, hash_seed=1))
    good = _passing(first, told, runner) & wanted
    blind = controls.take_out(sources, good, key=False, rng=fresh_random())
    second = _second_run(task, blind, backend)
    good &= _passing(second, blind, runner)
    keyed, rows = sorted_out(first, told, runner)
    answered, _ = sorted_out(second, blind, runner)
    pairs: list[tuple[Key, object]] = []
    places: list[Spot] = []
    keys: dict[Spot, tuple[Key, ...]] = {}
    for spot, answers in keyed.items():
        place = spot[0]
        again = answered.get(spot, [])
        if place not in good or len(again) != len(answers):
            continue
        if not all(answer.agree and answer.key is not None for answer in answers):
            continue
        kind = _kind(told, answers[0])
        keys[spot] = tuple(Key(kind, answer.key, answer.value) for answer in answers)
        for key, one, other in zip(keys[spot], answers, again, strict=True):
            pairs += [(key, one.value), (key, other.value)]
            places += [spot, spot]
    right = controls.judge(pairs)
    failed = {spot for spot, found in zip(places, right, strict=True) if not found}
    keys = {spot: found for spot, found in keys.items() if spot not in failed}
    sent = {spot for spot in {*keyed, *answered} if spot[0] in good}
    key = _kept(keys, rows, sent)
    passing, failing = part.unbroken(), set(part.asked)
    if not (part.decides or passing) or not blind.files:
        return key
    third = grade_sheet(task, b"", blind, backend) or TestRun({})
    wrong = wrong_spots(third, blind, key, runner)
    unfair = {spot for spot in wrong if key.rows.get(spot[:2]) in passing}
    keys = {spot: found for spot, found in keys.items() if spot not in unfair}
    key = _kept(keys, rows, sent | unfair)
    if not part.decides:
        return key
    old, _ = sorted_out(third, blind, runner)
    probes = [
        Probe(spot[0], one, answer.value if answer is not None else None)
        for spot, found in key.keys.items()
        if spot in wrong and key.rows.get(spot[:2]) in failing
        for one, answer in zip_longest(found, old.get(spot, ())[: len(found)])
    ]
    statement = task.public.statement
    return replace(key, bits=controls.strength(probes, blind, task.layers.testbed[0], statement))


def _kept(
    keys: Mapping[Spot, tuple[Key, ...]], rows: Mapping[tuple[Place, int], str], sent: set[Spot]
) -> AnswerKey:
    """Return the key of some questions; the others of the same functions are dropped."""
    functions = {place for place, _, _ in keys}
    return AnswerKey(
        functions=tuple(sorted(functions)),
        rows={spot: test for spot, test in rows.items() if spot[0] in functions},
        keys=keys,
        dropped=frozenset(s for s in sent - keys.keys() if s[0] in functions),
    )


def wrong_spots(run: TestRun, sheet: Sheet, key: AnswerKey, runner: Runner) -> set[Spot]:
    """Return where a run's answers are wrong: also by none, by one too many, by another's number.

    Args:
        run: What was sent.
        sheet: The files that it ran.
        key: What is right.
        runner: The task's runner.
    """
    assert runner.controls is not None
    answers, _ = sorted_out(run, sheet, runner)
    known = set(key.functions)
    wrong = {spot for spot, keys in key.keys.items() if len(answers.get(spot, ())) != len(keys)}
    wrong |= {
        spot
        for spot in answers
        if spot[0] in known and spot not in key.keys and spot not in key.dropped
    }
    pairs: list[tuple[Key, object]] = []
    spots: list[Spot] = []
    for spot, keys in key.keys.items():
        if spot not in wrong:
            pairs += [(k, a.value) for k, a in zip(keys, answers[spot], strict=True)]
            spots += [spot] * len(keys)
    right = runner.controls.judge(pairs)
    return wrong | {spot for spot, good in zip(spots, right, strict=True) if not good}


def _kind(sheet: Sheet, answer: Answer) -> str:
    place, at = sheet.questions[answer.question]
    return sheet.kinds[place][at]


def _second_run(task: Task, sheet: Sheet, backend: Backend) -> TestRun:
    """Run the reference on another day, the one thing of a score's surroundings that is not fixed.

    Where the clock can't be shifted (no libfaketime, or a sandbox with another C library) only
    the hash seed differs.
    """
    around = replace(SCORING, hash_seed=2)
    try:
        return _reference_run(task, sheet, backend, replace(around, clock_days=OTHER_DAY))
    except (InputError, InfrastructureError):
        return _reference_run(task, sheet, backend, around)


def _reference_run(task: Task, sheet: Sheet, backend: Backend, around: Surroundings) -> TestRun:
    if not sheet.files:
        return TestRun({})
    run = grade_sheet(task, task.hidden.reference, sheet, backend, surroundings=around)
    if run is None or not run.complete or run.tampered:
        raise InfrastructureError(
            f"The reference patch of {task.id} did not get through its rewritten tests, so "
            f"nothing can be scored: {(run.limit or run.log[-500:]) if run else 'not applied'}"
        )
    return run


def _passing(run: TestRun, sheet: Sheet, runner: Runner) -> set[Place]:
    """Return the functions of which all rows passed."""
    statuses: dict[Place, set[str]] = defaultdict(set)
    for test, outcome in run.outcomes.items():
        statuses[genuine_place(test, sheet, runner)].add(outcome.status)
    return {place for place, told in statuses.items() if told == {"passed"}}


def genuine_place(test: str, sheet: Sheet, runner: Runner) -> Place:
    """Return the function that a test of a rewritten file was made of."""
    file, function = runner.split_id(test).place
    owner, dot, last = function.rpartition(".")
    return file, owner + dot + sheet.names.get(last, last)


def sorted_out(
    run: TestRun, sheet: Sheet, runner: Runner
) -> tuple[dict[Spot, list[Answer]], dict[tuple[Place, int], str]]:
    """Return a run's answers by question, in the order of sending, and the id of each row.

    What is sent under a number that was not given, or by another function than the one that it
    was given to, stands under question -1 of its row.
    """
    answers: dict[Spot, list[Answer]] = defaultdict(list)
    rows: dict[tuple[Place, int], str] = {}
    for answer in run.answers:
        place = genuine_place(answer.item, sheet, runner)
        rows.setdefault((place, answer.row), answer.item)
        owner, at = sheet.questions.get(answer.question, (("", ""), -1))
        if owner[1].rpartition(".")[2] != place[1].rpartition(".")[2]:
            at = -1
        answers[place, answer.row, at].append(answer)
    return dict(answers), rows
