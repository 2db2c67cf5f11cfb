"""GRPO steps of the real TRL on real episodes; the model is tiny and its replies are scripted.

TRL brings torch, so it has an environment of its own: see docs/training.md.
"""

import gc
import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

if "REPOGYM_TEST_TRL" not in os.environ:
    pytest.skip("needs REPOGYM_TEST_TRL=1 and TRL", allow_module_level=True)

import torch
import trl
from datasets import Dataset, load_dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM
from transformers.utils import get_json_schema

from agents.reports.reading import read_run
from agents.training import player
from agents.training.adapters.trl import environment_factory
from agents.training.adapters.trl_rollout import RolloutFunction, episode_reward, prompts
from agents.training.export import export
from agents.training.tokens import shown_tokens
from repos.errors import InfrastructureError, InputError
from tests.agents.reports.made import write_run

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


def model(fast):
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
    return Qwen3ForCausalLM(config)


def config(tmp_path, **more):
    return trl.GRPOConfig(
        output_dir=str(tmp_path),
        max_steps=1,
        num_generations=2,
        per_device_train_batch_size=2,
        report_to=[],
        use_cpu=True,
        bf16=False,
        logging_steps=1,
        **more,
    )


def test_grpo_steps_on_a_real_task(tmp_path):
    fast = tokenizer()
    prompt = [{"role": "user", "content": "Repair it."}]
    rows = Dataset.from_list([{"prompt": prompt, "task": TASK, "seed": 1}])
    trainer = Scripted(
        model=model(fast),
        processing_class=fast,
        train_dataset=rows,
        environment_factory=environment_factory("swe-mini", tools=["bash", "submit"]),
        args=config(tmp_path, max_completion_length=8192),
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


def block(name, **arguments):
    return "```tool\n" + json.dumps({"name": name, "arguments": arguments}) + "\n```"


WRITTEN = [
    [block("bash", command=f"git apply <<'END'\n{PATCH}END\n"), block("submit")],
    ["I think.", block("bash", command="ls")],
]


class Written:
    """Writes the replies of `WRITTEN`, byte by byte, each token with its own probability."""

    def __init__(self, fast):
        self.fast, self.asked, self.turn = fast, [], {}

    def __call__(self, trainer, sequences, most):
        self.asked.append(sequences)
        ids, logprobs = [], []
        for place in range(len(sequences)):
            who = 0 if len(sequences) == 2 and place == 0 else 1
            turn = self.turn.get(who, 0)
            self.turn[who] = turn + 1
            new = self.fast.encode(WRITTEN[who][turn] + "<|im_end|>")
            ids.append(new)
            logprobs.append([-0.001 * (1 + at) for at in range(len(new))])
        return ids, logprobs


def test_a_rollout_function_gives_tokens_as_they_were_sampled(tmp_path):
    fast = tokenizer()
    written = Written(fast)
    rollout = RolloutFunction(
        "swe-mini", max_turns=2, max_reply=4096, generate=written, tools=["bash", "submit"]
    )
    kept = {}

    def reward(**columns):
        kept.update(columns)
        return episode_reward(**columns)

    trainer = trl.GRPOTrainer(
        model=model(fast),
        processing_class=fast,
        train_dataset=Dataset.from_list(prompts("swe-mini", [TASK], seed=1)),
        reward_funcs=reward,
        rollout_func=rollout,
        args=config(tmp_path, max_completion_length=8192),
    )
    given = {}
    inner = trainer.rollout_func

    def watched(wanted, this):
        given.update(inner(wanted, this))
        return dict(given)

    trainer.rollout_func = watched
    trainer.train()
    assert [one["end"] for one in kept["verdict"]] == ["submitted", "turns"]
    assert [one["resolved"] for one in kept["verdict"]] == [True, False]
    assert [one["truncated"] for one in kept["verdict"]] == [False, True]
    (logged,) = [row for row in trainer.state.log_history if "reward" in row]
    assert logged["reward"] == 0.5
    for who, texts in enumerate(WRITTEN):
        ids, mask = given["completion_ids"][who], given["env_mask"][who]
        own = [token for token, mine in zip(ids, mask, strict=True) if mine]
        assert fast.decode(own) == "".join(f"{text}<|im_end|>" for text in texts)
        values = [v for v, mine in zip(given["logprobs"][who], mask, strict=True) if mine]
        assert values[:2] == [-0.001, -0.002] and set(values) != {0.0}
        # What the model read is what a chat template makes of the whole conversation.
        read = fast.decode(given["prompt_ids"][who] + ids)
        assert read.count("<|im_start|>assistant") == 2
        assert (
            written.asked[1][who] == (given["prompt_ids"][who] + ids)[: len(written.asked[1][who])]
        )
    assert "Your reply had no call" in fast.decode(given["completion_ids"][1])


def test_the_trainers_own_model_samples_with_its_log_probabilities(tmp_path):
    fast = tokenizer()
    rollout = RolloutFunction("swe-mini", max_turns=2, max_reply=8, tools=["bash", "submit"])
    trainer = trl.GRPOTrainer(
        model=model(fast),
        processing_class=fast,
        train_dataset=Dataset.from_list(prompts("swe-mini", [TASK])),
        reward_funcs=episode_reward,
        rollout_func=rollout,
        args=config(tmp_path, max_completion_length=600),
    )
    made = rollout([row["prompt"] for row in prompts("swe-mini", [TASK])], trainer)
    ids = torch.tensor([made["prompt_ids"][0] + made["completion_ids"][0]])
    with torch.no_grad():
        logits = trainer.model(ids).logits[0, :-1].float()
    start = len(made["prompt_ids"][0])
    for at, (token, value, mine) in enumerate(
        zip(made["completion_ids"][0], made["logprobs"][0], made["env_mask"][0], strict=True)
    ):
        expected = torch.log_softmax(logits[start + at - 1], -1)[token]
        assert value == pytest.approx(float(expected) if mine else 0.0, abs=1e-3)
    assert 2 <= sum(made["env_mask"][0]) <= 16
    assert made["verdict"][0]["end"] == "turns"


def test_tokens_that_are_used_up_and_a_dead_sandbox(tmp_path, monkeypatch):
    fast = tokenizer()

    def babble(trainer, sequences, most):
        return [[5] * most] * len(sequences), [[0.0] * most] * len(sequences)

    rollout = RolloutFunction("swe-mini", max_reply=64, generate=babble, tools=["submit"])
    trainer = SimpleNamespace(
        processing_class=fast, args=config(tmp_path, max_completion_length=100)
    )
    rows = [row["prompt"] for row in prompts("swe-mini", [TASK])]
    made = rollout(rows, trainer)
    assert made["verdict"][0]["end"] == "tokens" and made["verdict"][0]["truncated"]
    assert len(made["completion_ids"][0]) <= 100

    def broken(*_, **__):
        raise InfrastructureError("no memory")

    monkeypatch.setattr(player, "Episode", broken)
    made = rollout(rows, trainer)
    assert made["verdict"][0]["failure_kind"] == "infrastructure"
    assert made["env_mask"] == [[0]] and episode_reward(**made) == [None]
    with pytest.raises(InputError, match="names no episode"):
        rollout([[{"role": "user", "content": "Hello"}]], trainer)


def test_what_is_shown_follows_the_template():
    fast = tokenizer()
    before = [{"role": "user", "content": "a"}]
    told = [*before, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}]
    whole = fast.apply_chat_template(told, add_generation_prompt=True, tokenize=False)
    for ended in (True, False):
        tail = fast.decode(shown_tokens(fast, before, "c", ended=ended))
        assert whole.endswith(tail)
        assert tail.startswith("<|im_end|>") is not ended


def test_exports_are_loaded_and_train(tmp_path):
    runs = [
        read_run(write_run(tmp_path / name, {"alpha-1.0": won}))
        for name, won in (("won", True), ("lost", False))
    ]
    fast = tokenizer()
    for form, columns in (("sft", {"messages"}), ("refine", {"prompt", "completion"})):
        made = export(runs, form, tmp_path / form)
        rows = load_dataset("json", data_files=str(made.file), split="train")
        assert columns <= set(rows.column_names) and len(rows) == made.rows
        trainer = trl.SFTTrainer(
            model=model(fast),
            processing_class=fast,
            train_dataset=rows.select_columns(sorted(columns)),
            args=trl.SFTConfig(
                output_dir=str(tmp_path / "out"), max_steps=1, per_device_train_batch_size=1,
                report_to=[], use_cpu=True, bf16=False, logging_steps=1, max_length=4096,
            ),
        )  # fmt: skip
        trainer.train()
        losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
        assert len(losses) == 1 and losses[0] > 0
    for form in ("preference", "verifier"):
        made = export(runs, form, tmp_path / form)
        rows = load_dataset("json", data_files=str(made.file), split="train")
        assert len(rows) == made.rows
