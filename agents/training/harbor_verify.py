"""Stands as `tests/verify.py` in an exported Harbor task: applies the diff, runs the hidden tests.

It needs nothing but Python and the task's pytest, so that the task runs with any of Harbor's
environments. It is a plain check: RepoGym's own scorer asks blindly first and takes the results
out of reach of the tested code (`agents.training.adapters.harbor:ScoringVerifier`).
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
TESTBED = Path("/testbed")
DIFF = Path("/logs/artifacts/repogym.diff")
RESULT = Path("/logs/verifier/reward.json")

PLUGIN = """
import json, os
seen = {}
def pytest_runtest_logreport(report):
    bad = report.failed or (report.skipped and not hasattr(report, "wasxfail"))
    known = seen.setdefault(report.nodeid, True)
    seen[report.nodeid] = known and not bad
def pytest_sessionfinish(session):
    with open(os.environ["REPOGYM_RESULTS"], "w") as file:
        json.dump(seen, file)
"""


def main():
    """Write the reward: 1 where every expected test passes."""
    expected = json.loads((TESTS / "expected.json").read_text())
    # The verdicts hold for a Python version each.
    by_python = expected.pop("python")
    own = "{}.{}".format(*sys.version_info)
    expected.update(by_python.get(own) or next(iter(by_python.values())))
    applied = True
    if DIFF.exists() and DIFF.stat().st_size:
        command = ["git", "apply", "--binary", str(DIFF)]
        applied = subprocess.run(command, cwd=TESTBED, check=False).returncode == 0
    for path in expected["removed"]:
        if (TESTBED / path).exists():
            (TESTBED / path).unlink()
    hidden = TESTS / "hidden"
    for source in [path for path in hidden.rglob("*") if not path.is_dir()]:
        target = TESTBED / source.relative_to(hidden)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_symlink() or target.exists():
            target.unlink()
        shutil.copy(source, target)
    write(expected, run(expected) if applied else {})


def run(expected):
    """Return by test id whether it passed."""
    place = Path(os.environ.get("TMPDIR", "/tmp"))
    (place / "repogym_results.py").write_text(PLUGIN)
    results = place / "repogym_results.json"
    sources = [str(TESTBED / folder) for folder in expected["source_dirs"]]
    known = [str(place), *sources, os.environ.get("PYTHONPATH", "")]
    environ = dict(os.environ, REPOGYM_RESULTS=str(results))
    environ["PYTHONPATH"] = os.pathsep.join(path for path in known if path)
    ids = expected["fail_to_pass"] + expected["pass_to_pass"]
    files = sorted({test.split("::")[0] for test in ids})
    command = [sys.executable, "-m", "pytest", "-q", "-p", "repogym_results", *files]
    subprocess.run(command, cwd=TESTBED, env=environ, check=False)
    try:
        return json.loads(results.read_text())
    except (OSError, ValueError):
        return {}


def write(expected, passed):
    """Write `reward`, and `fraction` as RepoGym has it."""
    fixed = [test for test in expected["fail_to_pass"] if passed.get(test)]
    broken = [test for test in expected["pass_to_pass"] if not passed.get(test)]
    whole = len(fixed) == len(expected["fail_to_pass"]) and not broken
    fraction = len(fixed) / len(expected["fail_to_pass"])
    fraction -= len(broken) / max(1, len(expected["pass_to_pass"]))
    RESULT.write_text(json.dumps({"reward": float(whole), "fraction": fraction}))


if __name__ == "__main__":
    main()
