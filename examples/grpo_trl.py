"""Train with GRPO on real tasks: `python -m examples.grpo_trl MODEL [STEPS]` (`repogym[trl]`)."""

import json
import sys

from datasets import Dataset  # type: ignore[import-not-found]
from trl import GRPOConfig, GRPOTrainer  # type: ignore[import-not-found]

from agents.training.adapters.trl_rollout import RolloutFunction, episode_reward, prompts

TURNS = 2


def calls(verdict: list[dict], **columns: object) -> list[float | None]:
    """Reward calls of tools: a small model must learn to make them before it can mend anything."""
    # Ending an episode that was not submitted counts as a step, too.
    made = [one["steps"] - (one["end"] != "submitted") for one in verdict]
    return [
        None if one["mask_sample"] else min(n, TURNS) / TURNS
        for one, n in zip(verdict, made, strict=True)
    ]


def main(model: str, steps: int = 20) -> None:
    """Play a pair of short episodes a step, and print the log."""
    options = {"tools": ["list_files", "submit"], "reward": "fraction"}
    trainer = GRPOTrainer(
        model=model,
        train_dataset=Dataset.from_list(prompts("swe-mini", system="Repair the software.")),
        reward_funcs=[calls, episode_reward],
        rollout_func=RolloutFunction("swe-mini", max_turns=TURNS, max_reply=32, **options),
        args=GRPOConfig(
            output_dir="grpo-model", save_strategy="no", max_steps=steps, logging_steps=1,
            num_generations=2, per_device_train_batch_size=2, max_completion_length=256,
            learning_rate=2e-5, beta=0.0, bf16=False, use_cpu=True, report_to=[],
        ),
    )  # fmt: skip
    trainer.train()
    for row in trainer.state.log_history:
        print(json.dumps(row))


if __name__ == "__main__":
    main(sys.argv[1], *(int(number) for number in sys.argv[2:3]))
