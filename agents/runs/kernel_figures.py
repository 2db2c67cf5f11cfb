"""What a run over kernel crashes comes to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agents.runs.spec import EpisodeRecord, RunSettings


def kernel_figures(settings: RunSettings, scored: Sequence[EpisodeRecord]) -> dict[str, Any]:
    """Return what papers on kernel crashes report, over episodes with a verdict.

    "Assisted" is kBench's word for runs that are told the files of the fix. A patch that does
    not apply, or changes what it may not, does not compile.
    """
    count = len(scored)
    compiled = sum(r.metrics.get("kernel_compiles", 0.0) == 1.0 for r in scored)
    return {
        "assisted": settings.assist != "none",
        "crash_resolution_rate": round(sum(r.resolved for r in scored) / count, 6),
        "compile_rate": round(compiled / count, 6),
        "seconds_a_bug": round(sum(r.seconds for r in scored) / count, 1),
        "cost_usd_a_bug": round(sum(r.use.cost_usd for r in scored) / count, 6),
    }
