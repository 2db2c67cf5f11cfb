"""Train with GRPO on real tasks: `python -m examples.grpo_trl MODEL [STEPS]` (`repogym[trl]`)."""

import json
import sys
from difflib import SequenceMatcher

from datasets import Dataset  # type: ignore[import-not-found]
from trl import GRPOConfig, GRPOTrainer  # type: ignore[import-not-found]

from agents.training.adapters.trl_rollout import RolloutFunction, episode_reward, prompts

START = '```tool\n{"name": "submit"'


def form(completions: list, verdict: list[dict], **columns: object) -> list[float | None]:
    """Reward how much a reply begins like a call: a small model must learn that first."""
    said = [completion[0]["content"][: len(START)] for completion in completions]
    shares = [SequenceMatcher(None, START, text).ratio() for text in said]
    return [None if v["mask_sample"] else s for v, s in zip(verdict, shares, strict=True)]


def main(model: str, steps: int = 20) -> None:
    """Play two episodes of one reply a step, and print the log."""
    trainer = GRPOTrainer(
        model=model,
        train_dataset=Dataset.from_list(prompts("swe-mini", system="Repair the software.")),
        reward_funcs=[form, episode_reward],
        rollout_func=RolloutFunction("swe-mini", max_turns=1, max_reply=16, tools=["submit"]),
        args=GRPOConfig(
            output_dir="grpo-model", save_strategy="no", max_steps=steps, logging_steps=1,
            num_generations=2, per_device_train_batch_size=2, max_completion_length=64,
            learning_rate=3e-5, bf16=False, use_cpu=True, gradient_checkpointing=False,
        ),
    )  # fmt: skip
    trainer.train()
    print(*map(json.dumps, trainer.state.log_history), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:3]))
