"""Episodes for TRL's `GRPOTrainer(rollout_func=...)`: any model, calls as text, no tool template.

TRL hands over prompts and nothing else of a row, so the prompt names the task: `prompts` makes such
rows. Token ids and log-probabilities are those of sampling; what the environment showed is masked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from agents.models.protocol import Message
from agents.models.text_tools import render_messages
from agents.training.player import Player, Verdict
from agents.training.replies import play_reply
from agents.training.tokens import TokenTrack, prompt_tokens, shown_tokens
from repos.errors import InputError
from repos.tasks.suite import load_suite

PREFIX = "repogym:"
"""Begins the message of a prompt that names the episode; the problem takes its place."""

SYSTEM = "You repair software with tools, and submit at the end."
END_TOKENS = "tokens"
"""Why an episode ended whose tokens were used up (`end`)."""

Generate = Callable[[Any, list[list[int]], int], tuple[list[list[int]], list[list[float]]]]
"""Continues several token sequences by at most so many tokens: (trainer, ids, most) to the new
tokens and their log-probabilities."""


def prompts(
    suite: str, tasks: Sequence[str] = (), *, seed: int = 0, system: str = SYSTEM
) -> list[dict[str, Any]]:
    """Return the rows of a data set for `rollout_func`.

    Args:
        suite: As on the command line after `--env`.
        tasks: Ids; empty takes all.
        seed: Seed of the episodes.
        system: The system message.

    Raises:
        InputError: No such suite or task.
    """
    loaded = load_suite(suite)
    names = [loaded.spec(task).id for task in tasks] or [spec.id for spec in loaded.specs]
    return [
        {
            "prompt": [
                {"role": "system", "content": system},
                {"role": "user", "content": PREFIX + json.dumps({"task": name, "seed": seed})},
            ]
        }
        for name in names
    ]


def episode_reward(**columns: Any) -> list[float | None]:
    """Return the episodes' rewards: a reward function for `GRPOTrainer(reward_funcs=...)`.

    None, which TRL leaves out, where there is no valid verdict.
    """
    return [None if verdict["mask_sample"] else verdict["reward"] for verdict in columns["verdict"]]


@dataclass
class _Play:
    """One episode that is played."""

    player: Player
    messages: list[dict[str, str]]
    track: TokenTrack
    turns: int = 0
    verdict: Verdict | None = None


class RolloutFunction:
    """Plays a batch of episodes, all at the same time, turn by turn; TRL calls it."""

    def __init__(
        self,
        suite: str,
        *,
        max_turns: int = 20,
        max_reply: int = 512,
        generate: Generate | None = None,
        **options: Any,
    ) -> None:
        """Keep the settings; nothing is started yet.

        Args:
            suite: As on the command line after `--env`.
            max_turns: Replies after which an episode is ended and scored as it stands.
            max_reply: Tokens of a reply.
            generate: Continues token sequences; the trainer's own model does where it is None.
            options: As for `envs.env.RepoEnv`.

        Raises:
            InputError: A name or value that does not fit.
        """
        if max_turns < 1 or max_reply < 1:
            raise InputError("max_turns and max_reply are 1 or more.")
        Player(suite, **options).close()
        self._suite = suite
        self._options = options
        self._max_turns = max_turns
        self._max_reply = max_reply
        self._generate = generate or generate_with_trainer

    def __call__(self, prompts: Sequence[Any], trainer: Any) -> dict[str, Any]:
        """Play an episode a prompt.

        Returns:
            `prompt_ids`, `completion_ids`, `logprobs` and `env_mask`, and for reward functions
            `verdict`, a list of `Verdict.flat()`.

        Raises:
            InputError: A prompt that names no episode, or no such task.
        """
        wishes = [read_prompt(prompt) for prompt in prompts]
        tokenizer = getattr(trainer.processing_class, "tokenizer", trainer.processing_class)
        plays: list[_Play] = []
        players = [Player(self._suite, **self._options) for _ in wishes]
        try:
            with ThreadPoolExecutor(max(1, len(players)), thread_name_prefix="rollout") as pool:
                begun = pool.map(
                    lambda p, w: p.start(w[1]["task"], w[1].get("seed")), players, wishes
                )
                for player, (messages, _), problem in zip(players, wishes, begun, strict=True):
                    plays.append(_begin(player, messages, problem, tokenizer))
                while going := [play for play in plays if play.verdict is None]:
                    self._turn(going, tokenizer, trainer, pool)
        finally:
            for player in players:
                player.close()
        for play in plays:
            if not play.track.completion_ids:  # TRL wants a token; this one is masked
                play.track.saw([_end_id(tokenizer)])
        return {
            "prompt_ids": [play.track.prompt_ids for play in plays],
            "completion_ids": [play.track.completion_ids for play in plays],
            "logprobs": [play.track.logprobs for play in plays],
            "env_mask": [play.track.env_mask for play in plays],
            "verdict": [play.verdict.flat() for play in plays if play.verdict],
        }

    def _turn(
        self, plays: list[_Play], tokenizer: Any, trainer: Any, pool: ThreadPoolExecutor
    ) -> None:
        """Let the model reply in each episode, and run what it asked for."""
        most = int(trainer.args.max_completion_length)
        for play in [one for one in plays if len(one.track.completion_ids) >= most]:
            play.verdict = play.player.finish(END_TOKENS)
            plays.remove(play)
        if not plays:
            return
        room = [most - len(play.track.completion_ids) for play in plays]
        left = min(self._max_reply, max(room))
        replies, logprobs = self._generate(trainer, [play.track.ids for play in plays], left)
        replies = [ids[:space] for ids, space in zip(replies, room, strict=True)]
        for play, ids, values in zip(plays, replies, logprobs, strict=True):
            play.track.wrote(ids, values[: len(ids)])
        texts = pool.map(lambda play, ids: self._act(play, ids, tokenizer), plays, replies)
        for play, ids, shown in zip(plays, replies, texts, strict=True):
            if play.verdict is not None:
                continue
            ended = bool(ids) and ids[-1] == _end_id(tokenizer)
            tokens = shown_tokens(tokenizer, play.messages, shown, ended=ended)
            if len(play.track.completion_ids) + len(tokens) >= most:
                play.verdict = play.player.finish(END_TOKENS)
                continue
            play.track.saw(tokens)
            said = tokenizer.decode(ids, skip_special_tokens=True)
            play.messages += [
                {"role": "assistant", "content": said},
                {"role": "user", "content": shown},
            ]

    def _act(self, play: _Play, ids: Sequence[int], tokenizer: Any) -> str:
        """Run the calls of a reply and return what to tell the model."""
        play.turns += 1
        reply = tokenizer.decode(ids, skip_special_tokens=True)
        shown = play_reply(play.player, reply, play.turns, self._max_turns)
        play.verdict = play.player.verdict
        return shown


def read_prompt(prompt: Any) -> tuple[list[dict[str, str]], dict[str, Any]]:
    """Return a prompt's other messages, and the episode that its last one names."""
    try:
        *before, last = prompt
        wish = json.loads(last["content"].removeprefix(PREFIX))
        if not last["content"].startswith(PREFIX) or "task" not in wish:
            raise ValueError("it does not name a task")
    except (ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"A prompt names no episode ({error}): make the rows with "
            "agents.training.adapters.trl_rollout.prompts."
        ) from error
    return list(before), wish


def _begin(player: Player, messages: list[dict[str, str]], problem: str, tokenizer: Any) -> _Play:
    said = [Message(m["role"], m["content"]) for m in messages]  # type: ignore[arg-type]
    told = render_messages([*said, Message("user", problem)], player.tools)
    shown = [{"role": m.role, "content": m.content} for m in told]
    track = TokenTrack(prompt_tokens(tokenizer, shown))
    return _Play(player, shown, track, verdict=player.verdict)


def _end_id(tokenizer: Any) -> int:
    return int(tokenizer.eos_token_id)


def generate_with_trainer(
    trainer: Any, sequences: list[list[int]], most: int
) -> tuple[list[list[int]], list[list[float]]]:
    """Sample with the trainer's model, at its temperature: through vLLM where it uses that.

    Args:
        trainer: TRL's.
        sequences: Token ids to go on from.
        most: Tokens of a reply; with vLLM the trainer's own bound holds, and the rest is cut.
    """
    if trainer.use_vllm:
        ids, logprobs = trainer._generate_single_turn(sequences, None, {}, 1)
        return [one[:most] for one in ids], [one[:most] for one in logprobs]
    import torch  # pyright: ignore[reportMissingImports]
    from trl.models import unwrap_model_for_generation  # pyright: ignore[reportMissingImports]

    tokenizer = getattr(trainer.processing_class, "tokenizer", trainer.processing_class)
    width = max(len(one) for one in sequences)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    ids = torch.tensor([[pad] * (width - len(one)) + one for one in sequences])
    mask = torch.tensor([[0] * (width - len(one)) + [1] * len(one) for one in sequences])
    temperature = float(trainer.args.temperature)
    with unwrap_model_for_generation(trainer.model_wrapped, trainer.accelerator) as model:
        was_training = model.training
        model.eval()
        with torch.no_grad():
            made = model.generate(
                input_ids=ids.to(model.device),
                attention_mask=mask.to(model.device),
                max_new_tokens=most,
                do_sample=temperature > 0,
                temperature=temperature or None,
                top_k=0,
                top_p=1.0,
                pad_token_id=pad,
                eos_token_id=tokenizer.eos_token_id,
                return_dict_in_generate=True,
                output_logits=True,
            )
        model.train(was_training)
    new = made.sequences[:, width:].cpu()
    scale = temperature or 1.0
    steps = [torch.log_softmax(one.float() / scale, dim=-1).cpu() for one in made.logits]
    replies, logprobs = [], []
    for row, tokens in enumerate(new.tolist()):
        length = len(tokens)
        if tokenizer.eos_token_id in tokens:
            length = tokens.index(tokenizer.eos_token_id) + 1
        replies.append(tokens[:length])
        logprobs.append([float(steps[at][row, tokens[at]]) for at in range(length)])
    return replies, logprobs
