"""Runs in an environment that holds debug-gym: times `true` in its local terminal.

Each line `exec COUNT` on standard input is answered by a JSON list of milliseconds.
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import json
import logging
import sys
import time


def main() -> None:
    """Answer until standard input ends."""
    from debug_gym.gym.terminals.local import LocalTerminal

    logging.disable(logging.CRITICAL)
    answers, sys.stdout = sys.stdout, sys.stderr  # its logger prints
    terminal = LocalTerminal()
    terminal.run("true")
    for line in sys.stdin:
        _, count = line.split()
        times = []
        for _ in range(int(count)):
            begun = time.perf_counter()
            worked, said = terminal.run("true")
            times.append((time.perf_counter() - begun) * 1000)
            if not worked:
                raise RuntimeError(f"true failed: {said}")
        print(json.dumps(times), file=answers, flush=True)


if __name__ == "__main__":
    main()
