"""Record a Minari data set: `python -m examples.minari_dataset` (needs `repogym[minari]`)."""

import minari

from agents.random import Random
from agents.training.adapters.minari import record

NAME = "repogym/swe-mini/random-v0"


def main() -> None:
    """Let the random agent play one task, and read the data set again."""
    task = "swe-mini/warmcache-refresh"
    record("swe-mini", Random(seed=0), NAME, tasks=[task], seed=0, max_steps=5)
    for episode in minari.load_dataset(NAME).iterate_episodes():
        for action, reward in zip(episode.actions, episode.rewards, strict=True):
            print(action["name"], reward)
        print("scored:", episode.infos["scored"][-1], "end:", episode.infos["end"][-1])


if __name__ == "__main__":
    main()
