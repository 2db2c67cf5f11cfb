"""Train with GRPO on real tasks: `python -m examples.grpo_trl MODEL [STEPS]` (`repogym[trl]`)."""

import json
import sys

from datasets import Dataset  # type: ignore[import-not-found]
from trl import GRPOConfig, GRPOTrainer  # type: ignore[import-not-found]

from agents.training.adapters.trl_rollout import RolloutFunction, episode_reward, prompts

START = '```tool\n{"name": "submit"'


def form(completions: list, verdict: list[dict], **columns: object) -> list[float | None]:
    """Reward how far a reply begins as a call does: a small model must learn that first."""
    starts = [START[: n + 1] for n in range(len(START))]
    shares = [sum(map(c[0]["content"].startswith, starts)) / len(START) for c in completions]
    return [None if v["mask_sample"] else s for v, s in zip(verdict, shares, strict=True)]


def main(model: str, steps: int = 20) -> None:
    """Play four episodes of one reply a step, and print the log."""
    trainer = GRPOTrainer(
        model=model,
        train_dataset=Dataset.from_list(prompts("swe-mini", system="Repair the software.")),
        reward_funcs=[form, episode_reward],
        rollout_func=RolloutFunction("swe-mini", max_turns=1, max_reply=24, tools=["submit"]),
        args=GRPOConfig(
            output_dir="grpo-model", save_strategy="no", max_steps=steps, logging_steps=1,
            num_generations=4, per_device_train_batch_size=4, max_completion_length=64,
            learning_rate=3e-5, beta=0.0, bf16=False, use_cpu=True, report_to=[],
            gradient_checkpointing=False,
        ),
    )  # fmt: skip
    trainer.train()
    print(*map(json.dumps, trainer.state.log_history), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))
