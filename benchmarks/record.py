"""The file in which a benchmark leaves its figures."""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """What the figures were measured on."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
         if line.startswith("model name")), "")  # fmt: skip
    return {
        "cpus": os.cpu_count(), "model": model, "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def write(path: Path, figures: dict[str, Any], **more: Any) -> None:
    """Write figures with the machine and the command that they come from.

    Args:
        path: The file.
        figures: By name.
        more: What else is worth keeping, such as single results.
    """
    command = " ".join([f"python benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    record = {"figures": figures, **more, "machine": machine(), "commands": [command]}
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
