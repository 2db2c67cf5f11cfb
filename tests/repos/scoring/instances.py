"""Rows in SWE-bench's schema, made of releases of a real package, on Pythons of their time."""

import difflib
import json
import subprocess

from repos.prepare import build_files
from repos.tasks.sources.swe_bench.patches import command_files
from repos.tasks.suite import load_suite
from tests.repositories import commit

PINS = (
    *("exceptiongroup==1.2.2", "iniconfig==2.0.0", "packaging==24.1", "pluggy==1.5.0"),
    *("pytest==8.3.4", "tomli==2.0.2"),
)
CASES = [("h11-0.15.0", "3.8"), ("h11-0.16.0", "3.9")]


def make_row(name, python, mirrors):
    """Return the row of a release pair; a mirror with its base commit is made in a folder."""
    pair = load_suite("swe-releases").spec(name)
    files = build_files(pair)
    base, hidden = files_of(files.base), files_of(files.hidden)
    mirror = mirrors / "python-hyper__h11"
    commit(mirror, base, f"base of {name}")
    head = ["git", "-C", str(mirror), "rev-parse", "HEAD"]
    revision = subprocess.run(head, check=True, capture_output=True, text=True).stdout.strip()
    expected = pair.expected["python3.11"]
    test_patch = difference(base, hidden)
    changed = command_files(test_patch)

    def told(tests):
        # SWE-bench runs the changed files alone; its parser ends an id at the first space.
        of_changed = [t for t in tests if t.partition("::")[0] in changed]
        return json.dumps([t for t in of_changed if t.isprintable() and " " not in t])

    return {
        "repo": "python-hyper/h11",
        "instance_id": f"python-hyper__{name}",
        "base_commit": revision,
        "patch": files.reference.decode(),
        "test_patch": test_patch,
        "problem_statement": files.statement,
        "version": name.partition("-")[2],
        "FAIL_TO_PASS": told(expected.fail_to_pass),
        "PASS_TO_PASS": told(expected.pass_to_pass),
        "install_config": {"python": python, "test_cmd": "pytest -rA"},
        "requirements": "\n".join(PINS),
    }


def files_of(folder):
    """Return the files below a folder, content by path, without byte-code and git's."""
    left_out = {".git", "__pycache__"}
    files = (path for path in folder.rglob("*") if path.is_file())
    found = [p for p in files if left_out.isdisjoint(p.relative_to(folder).parts)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def difference(old, new):
    """Return a git diff of texts by path."""
    parts = []
    for path in sorted(new):
        before, after = (side.get(path, b"").decode().splitlines(True) for side in (old, new))
        lines = list(difflib.unified_diff(before, after, f"a/{path}", f"b/{path}"))
        if lines:
            parts.append(f"diff --git a/{path} b/{path}\n" + "".join(lines))
    return "".join(parts)


def reverse(patch):
    """Return the diff that takes another back."""
    signs = {"+": "-", "-": "+"}
    lines = []
    for line in patch.split("\n"):
        if line.startswith("@@"):
            old, new = line.split()[1:3]
            lines.append(f"@@ -{new[1:]} +{old[1:]} @@")
        elif line.startswith(("+++", "---")):
            lines.append(line)
        else:
            lines.append(signs.get(line[:1], line[:1]) + line[1:])
    return "\n".join(lines)
