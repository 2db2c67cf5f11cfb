"""Runs in an environment that holds swe-rex: times `true` in one of its local sessions.

Each line `WORD COUNT` on standard input is answered by a JSON list of milliseconds; WORD is
`exec` (a command in the open session) or `start` (a deployment and its first session).
"""

# pyright: reportMissingImports=false
from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from typing import Any


async def main() -> None:
    """Answer until standard input ends."""
    from swerex.deployment.local import LocalDeployment
    from swerex.runtime.abstract import BashAction, CreateBashSessionRequest

    logging.disable(logging.CRITICAL)

    async def start() -> Any:
        deployment = LocalDeployment()
        await deployment.start()
        await deployment.runtime.create_session(CreateBashSessionRequest())
        return deployment

    async def command(deployment: Any) -> None:
        answer = await deployment.runtime.run_in_session(BashAction(command="true", timeout=30))
        if answer.exit_code != 0:
            raise RuntimeError(f"true ended with {answer.exit_code}")

    opened = await start()
    await command(opened)
    answers = sys.__stdout__
    assert answers is not None
    for line in sys.stdin:
        word, count = line.split()
        times = []
        for _ in range(int(count)):
            begun = time.perf_counter()
            if word == "exec":
                await command(opened)
            else:
                await (await start()).stop()
            times.append((time.perf_counter() - begun) * 1000)
        print(json.dumps(times), file=answers, flush=True)
    await opened.stop()


if __name__ == "__main__":
    asyncio.run(main())
