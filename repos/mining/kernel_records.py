"""Imports bug records of kBench and of syzbot's kind as tasks.

A record brings the commit before the fix, the fix, a report and a reproducer; the source comes from
a git repository that the user has, and the kernel is built with one of our profiles, not with the
record's configuration. What the record can't tell (what must go on working) the user may add.
"""

from __future__ import annotations

import datetime
import posixpath
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from repos.errors import InputError, RecordError
from repos.kernel.git_tree import GitTree, check_commit
from repos.mining.kernel_tasks import ENVIRONMENT, LICENCE, SANDBOX
from repos.runners.kernel.runner import CHECKS, OPEN
from repos.tasks.environments import KernelEnvironment
from repos.tasks.records import Expected, TaskSpec
from repos.tasks.sources.kernel import REPRODUCER, KernelSource

PROGRAM_S = 15
WRAPPED = """\
#define main program_main
%s
#undef main
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs the program for a while; what it returns does not matter, a crash does. */
int check(void)
{
	char *arguments[] = { "program", 0 };
	int child = fork();

	if (child == 0) {
		setpgid(0, 0);
		exit(((int (*)(int, char **))program_main)(1, arguments));
	}
	for (int i = 0; i < %d; i++) {
		if (waitpid(child, 0, WNOHANG) == child)
			return 0;
		usleep(100000);
	}
	kill(-child, SIGKILL);
	return 0;
}
"""
"""A reproducer is a program; a check is a function that comes to its end."""


def import_record(
    record: Mapping[str, Any],
    tree: Path,
    *,
    profile: str = "small",
    checks: Mapping[str, str] | None = None,
) -> TaskSpec:
    """Return the task of a record.

    Args:
        record: kBench's form; syzbot's own names (`c-reproducer`, `fix-commits`) do as well.
        tree: A git repository with the commit before the fix.
        profile: Name of the configuration.
        checks: Further hidden checks, C text by name: `variant-…` and `positive-…`.

    Raises:
        RecordError: Something that a task needs is missing from the record.
        InputError: The repository lacks the commit, or syzkaller is missing.
    """
    title = _text(record, "title")
    commit = _text(record, "parentOfFixCommit", "parent_of_fix_commit")
    patch = _text(record, "patch")
    source = GitTree(commit=commit, folder=str(tree.resolve()))
    check_commit(source)
    touched = re.findall(r"^\+\+\+ b/(\S+)", patch, re.MULTILINE)
    allowed = sorted({f"{posixpath.dirname(p)}/" for p in touched if p.startswith(OPEN)})
    if not allowed:
        raise RecordError(f"{title!r}: its patch changes no file that a task may open to changes.")
    more = dict(checks or {})
    texts = {REPRODUCER: WRAPPED % (_reproducer(record, title), PROGRAM_S * 10), **more}
    failing = sorted(f"{CHECKS}/{name}.c" for name in texts if not name.startswith("positive-"))
    passing = sorted(f"{CHECKS}/{name}.c" for name in more if name.startswith("positive-"))
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:50].strip("-")
    report = str(record.get("cleanCrashReport") or record.get("rawCrashReport") or "")
    lines = "\n".join(report.splitlines()[:60])
    return TaskSpec(
        id=f"kernel-records/{name}",
        source=KernelSource(
            sources=(source,), profile=profile, fix=patch, checks=texts, allowed=tuple(allowed)
        ),
        title=title,
        runner="kernel",
        test_paths=(CHECKS,),
        environments={ENVIRONMENT: KernelEnvironment(sources=(source,), profile=profile)},
        expected={ENVIRONMENT: Expected(fail_to_pass=tuple(failing), pass_to_pass=tuple(passing))},
        seconds={ENVIRONMENT: 90.0},
        sandbox=SANDBOX,
        date=datetime.datetime.now(datetime.UTC).date().isoformat(),
        licence=LICENCE,
        labels={"kind": "record", "bug": str(record.get("id") or record.get("bugId") or "")},
        symptom=f"Title: `{title}`\n\n```\n{lines}\n```" if lines else f"Title: `{title}`",
    )


def _text(record: Mapping[str, Any], *names: str) -> str:
    for name in names:
        value = record.get(name)
        if isinstance(value, str) and value.strip():
            return value
    title = record.get("title", "a record")
    raise RecordError(f"{title!r} has no {names[0]}: a task needs it.")


def _reproducer(record: Mapping[str, Any], title: str) -> str:
    """Return the C text of the first crash that has one, made by syzkaller where need be."""
    crashes = [c for c in record.get("crashes") or [] if isinstance(c, Mapping)]
    for names in (("cReproducer", "c-reproducer", "cRepro"), ("syzReproducer", "syz-reproducer")):
        for crash in crashes:
            for name in names:
                text = crash.get(name)
                if isinstance(text, str) and "\n" in text:
                    return text if name.startswith("c") else _translated(text)
    raise RecordError(
        f"{title!r} brings no text of a reproducer: links are not followed, put the text in "
        "crashes[].cReproducer."
    )


def _translated(program: str) -> str:
    translator = shutil.which("syz-prog2c")
    if translator is None:
        raise InputError(
            "The record has a syzkaller program only, and syz-prog2c is not here: build syzkaller "
            "and put its bin folder on PATH, or give a C reproducer."
        )
    with tempfile.NamedTemporaryFile("w", suffix=".syz") as file:
        file.write(program)
        file.flush()
        done = subprocess.run(
            [translator, "-prog", file.name], capture_output=True, text=True, timeout=120,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
    if done.returncode:
        raise RecordError(f"syz-prog2c refuses the program: {done.stderr.strip()[-200:]}")
    return done.stdout
