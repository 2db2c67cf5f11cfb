"""Play one episode as SkyRL does: `python -m examples.skyrl_episode` (needs `repogym[skyrl]`)."""

import skyrl_gym

from agents.training.adapters.skyrl import register

REPLIES = [
    '```tool\n{"name": "bash", "arguments": {"command": "git log --oneline | head -3"}}\n```',
    '```tool\n{"name": "submit", "arguments": {}}\n```',
]


def main() -> None:
    """Show what a trainer gets at each turn; a model would write the replies."""
    register()
    config = {"suite": "swe-mini", "max_turns": 5, "options": {"assist": "tests"}}
    row = {"task": "swe-mini/warmcache-refresh", "seed": 0}
    env = skyrl_gym.make("repogym", env_config=config, extras=row)
    try:
        messages, _ = env.init([{"role": "system", "content": "You repair software."}])
        print(messages[-1]["content"])
        for reply in REPLIES:
            step = env.step(reply)
            print(step["observations"], step["reward"], step["metadata"])
        print(env.get_metrics())  # type: ignore[attr-defined]
    finally:
        env.close()


if __name__ == "__main__":
    main()
