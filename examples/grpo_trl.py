"""Train with GRPO on real tasks: `python -m examples.grpo_trl MODEL [STEPS]` (`repogym[trl]`)."""

import sys

import torch  # type: ignore[import-not-found]
from datasets import Dataset  # type: ignore[import-not-found]
from trl import GRPOConfig, GRPOTrainer  # type: ignore[import-not-found]

from agents.training.adapters.trl import environment_factory
from repos.tasks.suite import load_suite


def main(model: str, steps: int = 20) -> None:
    """Play groups of four episodes a task; the reward is the fraction of mended tests."""
    prompt = [{"role": "user", "content": "You repair software with tools; submit at the end."}]
    rows = [{"prompt": prompt, "task": one.id, "seed": 0} for one in load_suite("swe-mini").specs]
    tools = ["view", "search", "edit", "run_tests", "submit"]
    trainer = GRPOTrainer(
        model=model,
        train_dataset=Dataset.from_list(rows),
        environment_factory=environment_factory("swe-mini", tools=tools, reward="fraction"),
        args=GRPOConfig(
            output_dir="grpo-model",
            max_steps=steps,
            num_generations=4,
            per_device_train_batch_size=4,
            max_completion_length=8192,
            bf16=torch.cuda.is_available(),
            use_cpu=not torch.cuda.is_available(),
            report_to=[],
        ),
    )
    trainer.train()


if __name__ == "__main__":
    main(sys.argv[1], *(int(steps) for steps in sys.argv[2:3]))
