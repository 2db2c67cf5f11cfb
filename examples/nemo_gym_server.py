"""A resources server for NeMo-Gym and its data (docs/trainers.md).

python -m examples.nemo_gym_server ROWS.jsonl
"""

import json
import sys
import threading
from pathlib import Path

from agents.training.adapters.nemo_gym import ResourcesServer, rows

OPTIONS = {"tools": ["bash", "view", "edit", "run_tests", "submit"], "max_steps": 40}


def main(path: Path) -> None:
    """Write the data of `swe-mini` and serve its episodes until Ctrl-C."""
    with path.open("w", encoding="utf-8") as file:
        for row in rows("swe-mini", **OPTIONS):
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    with ResourcesServer("swe-mini", port=8731, most=16, **OPTIONS) as server:
        print(f"{path} is written; serving at http://127.0.0.1:{server.port}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(f"closing {len(server.sessions)} episodes")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
