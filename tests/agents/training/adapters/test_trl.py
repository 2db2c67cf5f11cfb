"""GRPO steps of the real TRL on real episodes; the model is tiny and its replies are scripted.

TRL brings torch, so it has an environment of its own: see docs/training.md.
"""

import gc
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
from transformers.utils import get_json_schema

from agents.training.adapters.trl import environment_factory

ROOT = Path(__file__).parents[4]
PATCH = (ROOT / "repos/data/bundled/swe_mini/warmcache-refresh/reference.patch").read_text()
TASK = "swe-mini/warmcache-refresh"


def call(name, **arguments):
    body = json.dumps({"name": name, "arguments": arguments})
    return f"<tool_call>\n{body}\n</tool_call><|im_end|>"


SOLVE = [
    call("bash", command=f"git apply <<'END'\n{PATCH}END\n"),
    call("submit"),
    "Done.<|im_end|>",
]
FAIL = [call("bash", command="ls"), "I give up.<|im_end|>"]


def tokenizer():
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(letters)}, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    fast = PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    fast.add_special_tokens({"additional_special_tokens": special})
    template = Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja"
    fast.chat_template = template.read_text()
    return fast


class Scripted(trl.GRPOTrainer):
    """Its first completion of each pair solves the task, the second one gives up."""

    def _generate_single_turn(self, prompt_ids, *arguments, **more):
        completions = []
        for place, ids in enumerate(prompt_ids):
            text = self._tokenizer.decode(ids)
            turn = text.count("<tool_call>\n{") - self.before
            solving = len(prompt_ids) == 1 or place == 0 or "git apply" in text
            completions.append(self._tokenizer.encode((SOLVE if solving else FAIL)[turn]))
        return completions, None


def test_tools_look_as_the_environment_tells_them():
    factory = environment_factory("swe-mini")
    episode = factory()
    try:
        for tool in episode._player.tools:
            told = get_json_schema(getattr(episode, tool["function"]["name"]))["function"]
            assert told["name"] == tool["function"]["name"]
            own = tool["function"]["parameters"]
            assert set(told["parameters"]["properties"]) == set(own["properties"])
            assert sorted(told["parameters"].get("required", [])) == sorted(own["required"])
    finally:
        episode._closing()


def test_grpo_steps_on_a_real_task(tmp_path):
    fast = tokenizer()
    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=65536,
    )
    prompt = [{"role": "user", "content": "Repair it."}]
    rows = Dataset.from_list([{"prompt": prompt, "task": TASK, "seed": 1}])
    trainer = Scripted(
        model=Qwen3ForCausalLM(config),
        processing_class=fast,
        train_dataset=rows,
        environment_factory=environment_factory("swe-mini", tools=["bash", "submit"]),
        args=trl.GRPOConfig(
            output_dir=str(tmp_path),
            max_steps=1,
            num_generations=2,
            per_device_train_batch_size=2,
            max_completion_length=8192,
            report_to=[],
            use_cpu=True,
            bf16=False,
            logging_steps=1,
        ),
    )
    shown = fast.apply_chat_template(prompt, tools=[*trainer.tools], tokenize=False)
    trainer.before = shown.count("<tool_call>\n{")
    trainer.train()
    verdicts = [one.verdict for one in trainer.environments]
    assert [verdict.resolved for verdict in verdicts] == [True, False]
    assert [verdict.end for verdict in verdicts] == ["submitted", "no_tool_calls"]
    (logged,) = [row for row in trainer.state.log_history if "reward" in row]
    assert logged["reward"] == 0.5


def test_a_masked_episode_has_no_reward_and_the_last_one_ends_with_its_object():
    episode = environment_factory("swe-mini")()
    assert "warmcache" in episode.reset(task=TASK, prompt=[], seed=0)
    episode._player._episode.environment._state.workspace.close()
    episode.bash(command="true")
    assert episode.get_reward() is None
    assert episode.verdict.failure_kind == "infrastructure"
    player = episode._player
    player.start(TASK)
    del episode
    gc.collect()
    assert player.verdict.failure_kind == "abandoned"
