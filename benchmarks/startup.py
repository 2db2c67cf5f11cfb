"""What starting costs: `import repogym` beside `import gymnasium`, and the command's --help.

Each process is new; the two imports are timed in turn, so that both see the same machine.

    python benchmarks/startup.py [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

TIMED_IMPORT = """
import time
begun = time.perf_counter()
import {name}
print(time.perf_counter() - begun)
"""


def import_seconds(name: str) -> float:
    """Return how long one import takes in a new interpreter, in seconds."""
    done = subprocess.run(
        [sys.executable, "-c", TIMED_IMPORT.format(name=name)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout)


def command_seconds(*arguments: str) -> float:
    """Return how long `run_agent.py` takes with these arguments, in seconds."""
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "run_agent.py", *arguments], cwd=ROOT, check=True, capture_output=True
    )
    return time.perf_counter() - begun


def measure(rounds: int) -> dict[str, float]:
    """Return the figures; times are medians in seconds."""
    for name in ("gymnasium", "repogym"):
        import_seconds(name)
    gymnasium: list[float] = []
    repogym: list[float] = []
    helps: list[float] = []
    lists: list[float] = []
    for _ in range(rounds):
        gymnasium.append(import_seconds("gymnasium"))
        repogym.append(import_seconds("repogym"))
        helps.append(command_seconds("--help"))
        lists.append(command_seconds("--list", "--json"))
    alone, both = statistics.median(gymnasium), statistics.median(repogym)
    extra = statistics.median(r - g for g, r in zip(gymnasium, repogym, strict=True))
    return {
        "import_gymnasium_s": round(alone, 4),
        "import_repogym_s": round(both, 4),
        "import_repogym_extra_s": round(extra, 4),
        "import_repogym_ratio": round(both / alone, 4),
        "help_s": round(statistics.median(helps), 4),
        "list_s": round(statistics.median(lists), 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="What starting costs.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write the figures here")
    options = parser.parse_args()
    figures = measure(5 if options.quick else 21)
    for key, value in figures.items():
        print(f"{key:24} {value}")
    if options.json:
        result = {
            "figures": figures,
            "machine": {
                "cores": len(os.sched_getaffinity(0)),
                "python": platform.python_version(),
                "platform": platform.platform(),
            },
            "commands": [f"python benchmarks/startup.py{' --quick' if options.quick else ''}"],
        }
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
