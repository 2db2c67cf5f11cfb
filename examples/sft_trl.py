"""Train a model on exported conversations; needs `pip install trl` (torch comes with it).

Run it: `repogym export runs --format sft --out data`, then
`python examples/sft_trl.py data/sft.jsonl Qwen/Qwen3-0.6B`.
"""

import sys

import torch  # type: ignore[import-not-found]
from datasets import load_dataset  # type: ignore[import-not-found]
from trl import SFTConfig, SFTTrainer  # type: ignore[import-not-found]


def main(data: str, model: str, out: str = "sft-model", steps: int = 20) -> None:
    """Train on the assistant's messages alone, long conversations cut at 8192 tokens."""
    rows = load_dataset("json", data_files=data, split="train")
    trainer = SFTTrainer(
        model=model,
        train_dataset=rows.select_columns(["messages", "tools"]),
        args=SFTConfig(
            output_dir=out,
            max_steps=steps,
            max_length=8192,
            per_device_train_batch_size=1,
            assistant_only_loss=True,
            bf16=torch.cuda.is_available(),
            use_cpu=not torch.cuda.is_available(),
            report_to=[],
        ),
    )
    trainer.train()
    trainer.save_model(out)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: sft_trl.py DATA.jsonl MODEL")
    main(sys.argv[1], sys.argv[2])
