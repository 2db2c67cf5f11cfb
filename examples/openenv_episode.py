"""An OpenEnv server and a client that plays one episode (docs/trainers.md)."""

import json
import threading
import time

import uvicorn

from agents.training.adapters.openenv import RepoGymClient, ToolAction, create_server


def main() -> None:
    """Serve `swe-mini`, look at the repository, run its tests, submit nothing."""
    app = create_server("swe-mini", most=4, max_steps=20)
    server = uvicorn.Server(uvicorn.Config(app, port=8734, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    with RepoGymClient(base_url="http://127.0.0.1:8734").sync() as env:
        told = env.reset(seed=0, task="warmcache-refresh")
        print(told.observation.text.splitlines()[0])
        for name, arguments in (("list_files", {}), ("run_tests", {}), ("submit", {})):
            told = env.step(ToolAction(name=name, arguments=json.dumps(arguments)))
            print(f"{name}: {told.observation.text.splitlines()[0]}")
        print(told.reward, told.observation.verdict)
    server.should_exit = True
    thread.join()


if __name__ == "__main__":
    main()
