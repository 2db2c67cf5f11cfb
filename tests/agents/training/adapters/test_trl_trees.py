"""A tree of real episodes in a GRPO step of the real TRL; its replies are scripted.

TRL brings torch, so it has an environment of its own: see docs/training.md.
"""

import json
import os
from pathlib import Path

import pytest

if "REPOGYM_TEST_TRL" not in os.environ:
    pytest.skip("needs REPOGYM_TEST_TRL=1 and TRL", allow_module_level=True)

import torch
import trl
from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from agents.training.adapters.trl_rollout import episode_reward, prompts
from agents.training.adapters.trl_trees import TreeRolloutFunction, tree_trainer
from repos.errors import InputError

ROOT = Path(__file__).parents[4]
PATCH = (ROOT / "repos/data/bundled/swe_mini/warmcache-refresh/reference.patch").read_text()
TASK = "swe-mini/warmcache-refresh"
END = "<|im_end|>"


def tokenizer():
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(letters)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=made, eos_token=END, pad_token="<|endoftext|>")
    fast.add_special_tokens({"additional_special_tokens": ["<|endoftext|>", "<|im_start|>", END]})
    template = Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja"
    fast.chat_template = template.read_text()
    return fast


def call(name, **arguments):
    return "```tool\n" + json.dumps({"name": name, "arguments": arguments}) + "\n```"


SUBMIT = call("submit")
REPLIES = [
    [call("bash", command=f"git apply <<'END'\n{PATCH}END\n"), call("bash", command="ls")],
    [SUBMIT, call("bash", command="git checkout -q .") + "\n" + SUBMIT, SUBMIT, "I think."],
    [SUBMIT],
]


class Written:
    """Writes the replies of `REPLIES`, byte by byte, and keeps what it was asked."""

    def __init__(self, fast):
        self.fast, self.asked = fast, []

    def __call__(self, trainer, sequences, most):
        replies = REPLIES[len(self.asked)]
        assert len(sequences) == len(replies)
        self.asked.append([self.fast.decode(one) for one in sequences])
        ids = [self.fast.encode(reply + END) for reply in replies]
        return ids, [[-0.5] * len(one) for one in ids]


def test_each_reply_of_a_tree_has_its_own_advantage(tmp_path):
    fast = tokenizer()
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(fast), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, head_dim=16, max_position_embeddings=65536,
    )  # fmt: skip
    written = Written(fast)
    rollout = TreeRolloutFunction(
        "swe-mini", {0: 2, 1: 2}, max_reply=4096, generate=written, tools=["bash", "submit"]
    )
    kept, seen = {}, {}

    def reward(**columns):
        kept.update(columns)
        return episode_reward(**columns)

    class Watched(tree_trainer()):
        def _compute_loss(self, model, inputs):
            seen["advantages"] = inputs["advantages"]
            seen["mask"] = inputs["tool_mask"] * inputs["completion_mask"]
            seen["ids"] = inputs["completion_ids"]
            return super()._compute_loss(model, inputs)

    trainer = Watched(
        model=Qwen3ForCausalLM(config),
        processing_class=fast,
        train_dataset=Dataset.from_list(prompts("swe-mini", [TASK], seed=1)),
        reward_funcs=reward,
        rollout_func=rollout,
        args=trl.GRPOConfig(
            output_dir=str(tmp_path),
            max_steps=1,
            num_generations=4,
            per_device_train_batch_size=4,
            max_completion_length=8192,
            report_to=[],
            use_cpu=True,
            bf16=False,
            logging_steps=1,
            shuffle_dataset=False,
        ),
    )
    trainer.train()
    assert [one["resolved"] for one in kept["verdict"]] == [True, False, False, False]
    assert [one["end"] for one in kept["verdict"]] == ["submitted"] * 4
    # The first calls were played once each: their branches share what came of them.
    assert [len(asked) for asked in written.asked] == [2, 4, 1]
    assert written.asked[1][0] == written.asked[1][1] != written.asked[1][2]
    # Worked by hand: (1 + 0)/2 after the first reply of the one half, 0 after that of the other.
    expected = {0: (0.25, 0.5), 1: (0.25, -0.5), 2: (-0.25, 0.0), 3: (-0.25, 0.0)}
    found = {}
    for ids, mask, values in zip(seen["ids"], seen["mask"], seen["advantages"], strict=True):
        assert not values[mask == 0].any()
        text = fast.decode(ids[mask == 1].tolist(), skip_special_tokens=True)
        first = "git apply" in text
        told = tuple(round(float(v), 3) for v in values[mask == 1].unique(sorted=False))
        found.setdefault((first, "checkout" in text, "think" in text), set()).update(told)
    assert found == {
        (True, False, False): set(expected[0]),
        (True, True, False): set(expected[1]),
        (False, False, False): set(expected[2]),
        (False, False, True): set(expected[3]),
    }
    (logged,) = [row for row in trainer.state.log_history if "reward" in row]
    assert logged["reward"] == 0.25


def test_what_does_not_fit_is_one_sentence():
    with pytest.raises(InputError, match="Branches are"):
        TreeRolloutFunction("swe-mini", {0: 0})
    rollout = TreeRolloutFunction("swe-mini", {0: 2})
    (row,) = prompts("swe-mini", [TASK])
    with pytest.raises(InputError, match="The tree has 2 leaves"):
        rollout([row["prompt"]] * 3, None)
