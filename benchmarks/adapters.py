"""What each adapter adds to a step, beside the bare environment.

The same call (`bash`, true) in each, in turn, so that all see the same machine; an adapter whose
framework is not installed is left out and named. Figures are medians.

    python benchmarks/adapters.py [--quick] [--json FILE]
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.record import write

TASK = "swe-mini/warmcache-refresh"
OPTIONS = {"tools": ["bash", "submit"], "max_steps": 10_000, "max_seconds": 7200.0}
ARGUMENTS = json.dumps({"command": "true"})
Step = Callable[[], object]


@contextlib.contextmanager
def bare() -> Iterator[Step]:
    """The gymnasium environment itself."""
    from envs.registration import make

    env = make("swe-mini", **OPTIONS)
    env.reset(seed=0, options={"task": TASK})
    try:
        yield lambda: env.step({"name": "bash", "arguments": ARGUMENTS})
    finally:
        env.close()


@contextlib.contextmanager
def player() -> Iterator[Step]:
    """What all adapters share: calls in, texts out, one verdict."""
    from agents.training.player import Player

    one = Player("swe-mini", **OPTIONS)
    one.start(TASK, 0)
    try:
        yield lambda: one.call("bash", ARGUMENTS)
    finally:
        one.close()


@contextlib.contextmanager
def trl() -> Iterator[Step]:
    """A tool of TRL's environment, as its loop calls it."""
    from agents.training.adapters.trl import environment_factory

    one = environment_factory("swe-mini", **OPTIONS)()
    one.reset(task=TASK, seed=0)
    try:
        yield lambda: one.bash(command="true")  # type: ignore[attr-defined]
    finally:
        one._closing()


@contextlib.contextmanager
def skyrl() -> Iterator[Step]:
    """A reply with one call as text."""
    from agents.training.adapters.skyrl import SkyRLEpisode

    config = {"suite": "swe-mini", "max_turns": 100_000, "options": OPTIONS}
    one = SkyRLEpisode(config, {"task": TASK, "seed": 0})
    one.init([])
    reply = f'```tool\n{{"name": "bash", "arguments": {ARGUMENTS}}}\n```'
    try:
        yield lambda: one.step(reply)
    finally:
        one.close()


@contextlib.contextmanager
def nemo_gym() -> Iterator[Step]:
    """A call over HTTP, on a connection that stays."""
    import http.client

    from agents.training.adapters.nemo_gym import ResourcesServer

    with ResourcesServer("swe-mini", **OPTIONS) as server:
        client = http.client.HTTPConnection("127.0.0.1", server.port)

        def post(path: str, body: str, cookie: str = "") -> str:
            client.request("POST", path, body, {"Cookie": cookie} if cookie else {})
            answer = client.getresponse()
            answer.read()
            return (answer.getheader("Set-Cookie") or "").split(";")[0]

        cookie = post("/seed_session", json.dumps({"task": TASK, "seed": 0}))
        yield lambda: post("/bash", ARGUMENTS, cookie)
        client.close()


@contextlib.contextmanager
def mcp() -> Iterator[Step]:
    """A call of the protocol's own client over streamable HTTP."""
    import httpx2
    from mcp.client import Client
    from mcp.client.streamable_http import streamable_http_client

    from agents.training.adapters.mcp import EpisodeServer

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def wait(work: object) -> object:
        return asyncio.run_coroutine_threadsafe(work, loop).result()  # type: ignore[arg-type]

    with EpisodeServer("swe-mini", **OPTIONS) as server:
        ticket = server.open(TASK, seed=0)
        opened: asyncio.Queue = asyncio.Queue()
        over = asyncio.Event()

        async def session() -> None:
            headers = {"Authorization": f"Bearer {ticket.token}"}
            async with (
                httpx2.AsyncClient(headers=headers, timeout=60) as http,
                Client(streamable_http_client(ticket.url, http_client=http)) as client,
            ):
                opened.put_nowait(client)
                await over.wait()

        task = asyncio.run_coroutine_threadsafe(session(), loop)
        client = wait(opened.get())
        yield lambda: wait(client.call_tool("bash", {"command": "true"}))  # type: ignore[attr-defined]
        loop.call_soon_threadsafe(over.set)
        task.result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


@contextlib.contextmanager
def openenv() -> Iterator[Step]:
    """A step of OpenEnv's client over its WebSocket."""
    import uvicorn

    from agents.training.adapters.openenv import RepoGymClient, ToolAction, create_server

    app = create_server("swe-mini", **OPTIONS)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    with RepoGymClient(base_url=f"http://127.0.0.1:{port}").sync() as env:
        env.reset(seed=0, task=TASK)
        action = ToolAction(name="bash", arguments=ARGUMENTS)
        yield lambda: env.step(action)
    server.should_exit = True
    thread.join()


# Name, what makes it, the module that it needs, and whether its figure is the whole step.
ADAPTERS = (
    ("player", player, "", False),
    ("trl", trl, "", False),
    ("skyrl", skyrl, "skyrl_gym", False),
    ("nemo_gym", nemo_gym, "", True),
    ("mcp", mcp, "mcp_types", True),
    ("openenv", openenv, "openenv", True),
)


def measure(rounds: int, steps: int) -> tuple[dict[str, float], list[str]]:
    """Return the figures in milliseconds, and the adapters that were left out."""
    absent = [n for n, _, module, _ in ADAPTERS if module and not importlib.util.find_spec(module)]
    kinds = [("bare", bare), *((n, make) for n, make, _, _ in ADAPTERS if n not in absent)]
    times: dict[str, list[float]] = {name: [] for name, _ in kinds}
    with contextlib.ExitStack() as stack:
        running = [(name, stack.enter_context(make())) for name, make in kinds]
        for number in range(rounds + 1):
            for name, step in running:
                begun = time.perf_counter()
                for _ in range(steps):
                    step()
                if number:  # the first round warms up
                    times[name].append((time.perf_counter() - begun) / steps * 1e3)
    own = {name: statistics.median(found) for name, found in times.items()}
    figures = {"bare_step_ms": own["bare"]}
    for name, _, _, whole in ADAPTERS:
        if name in own:
            if whole:
                figures[f"{name}_step_ms"] = own[name]
            figures[f"{name}_step_overhead_ms"] = own[name] - own["bare"]
            figures[f"{name}_step_ratio"] = own[name] / own["bare"]
    return {key: round(value, 3) for key, value in figures.items()}, absent


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rounds, steps = (7, 20) if options.quick else (21, 50)
    figures, absent = measure(rounds, steps)
    for name, value in figures.items():
        print(f"{name:32} {value:9.3f}")
    for name in absent:
        print(f"{name:32} not installed")
    if options.json is not None:
        write(options.json, figures, not_installed=absent)


if __name__ == "__main__":
    main()
