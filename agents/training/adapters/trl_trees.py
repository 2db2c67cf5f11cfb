"""Trees of episodes for TRL: a group's completions are the leaves of one tree.

Each reply has an advantage of its own. The branches share what was played and sampled before
they part, so a group costs less than as many episodes, and a reply is compared with its siblings
alone, as in VinePPO (A. Kazemnejad et al., 2024).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from agents.models.protocol import Message
from agents.models.text_tools import parse_calls, render_messages
from agents.training.adapters.trl_rollout import (
    END_TOKENS,
    Generate,
    generate_with_trainer,
    read_prompt,
)
from agents.training.player import Verdict, failed_verdict, verdict_of
from agents.training.replies import END_TURNS, SILENT
from agents.training.tokens import TokenTrack, prompt_tokens, shown_tokens
from agents.training.trees import Node, Turn, advantages
from envs.episode import Episode, ToolCall
from envs.registration import make
from repos.errors import AgentError, InfrastructureError, InputError

ADVANTAGES = "step_advantages"
"""The key of what `rollout_func` returns beside the tokens: an advantage for each of them."""


@dataclass
class _Branch:
    """A branch that is played: it becomes a leaf.

    Attributes:
        episode: Its episode, a fork of the tree's first one.
        messages: Its conversation.
        track: Its tokens.
        path: The nodes from the root to where it is.
        replies: How many it has.
        spans: For each reply, the node that it belongs to and where its tokens stand.
        verdict: What it came to.
    """

    episode: Episode
    messages: list[dict[str, str]]
    track: TokenTrack
    path: list[Node]
    replies: int = 0
    spans: list[tuple[Node, int, int]] = field(default_factory=list)
    verdict: Verdict | None = None

    def split(self, count: int) -> list[_Branch]:
        """Return the branch and its forks, each at the begin of a node of its own.

        One that is over has nothing to go on with: it stands for all of its leaves.
        """
        if self.verdict is not None:
            return [self] * count
        forks = [self, *(self._twin() for _ in range(count - 1))]
        for one in forks:
            one.path = [*one.path, Node()]
            one.path[-2].children.append(one.path[-1])
        return forks

    def _twin(self) -> _Branch:
        track = self.track
        copied = replace(
            track,
            completion_ids=[*track.completion_ids],
            logprobs=[*track.logprobs],
            env_mask=[*track.env_mask],
        )
        return replace(
            self,
            episode=self.episode.fork(),
            messages=[*self.messages],
            track=copied,
            spans=[*self.spans],
        )

    def token_advantages(self) -> list[float]:
        """Return the advantage of each token: that of its reply's node; 0.0 for what was shown."""
        values = [0.0] * len(self.track.completion_ids)
        for node, first, last in self.spans:
            values[first:last] = [node.advantage or 0.0] * (last - first)
        return values


def tree_trainer() -> type[Any]:
    """Return TRL's `GRPOTrainer` with the advantages of a `TreeRolloutFunction`.

    It takes the advantage of each token as the tree has it, neither centred nor scaled again; TRL's
    loss and its figures are as they are.
    """
    import torch  # pyright: ignore[reportMissingImports]
    from trl import GRPOTrainer  # pyright: ignore[reportMissingImports, reportAttributeAccessIssue]

    class TreeGRPOTrainer(GRPOTrainer):
        def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
            output = super()._generate_and_score_completions(inputs)
            width = output["completion_ids"].shape[1]
            rows = [one[ADVANTAGES] for one in inputs]
            padded = [row[:width] + [0.0] * (width - len(row)) for row in rows]
            old = output["advantages"]
            output["advantages"] = torch.tensor(padded, device=old.device, dtype=old.dtype)
            return output

    return TreeGRPOTrainer


class TreeRolloutFunction:
    """Plays a tree for each group of equal prompts; TRL calls it.

    The trainer's `num_generations` must be the number of leaves. Rows of the data set are made by
    `agents.training.adapters.trl_rollout.prompts`.
    """

    def __init__(
        self,
        suite: str,
        branches: Mapping[int, int],
        *,
        max_turns: int = 20,
        max_reply: int = 512,
        generate: Generate | None = None,
        **options: Any,
    ) -> None:
        """Keep the settings; nothing is started yet.

        Args:
            suite: As on the command line after `--env`.
            branches: By number of replies, how many continuations to play from there on:
                `{0: 2, 1: 2}` plays two, and two of each after its first reply.
            max_turns: Replies after which a branch is ended and scored as it stands.
            max_reply: Tokens of a reply.
            generate: Continues token sequences; the trainer's own model does where it is None.
            options: As for `envs.env.RepoEnv`.

        Raises:
            InputError: A name or value that does not fit.
        """
        if max_turns < 1 or max_reply < 1:
            raise InputError("max_turns and max_reply are 1 or more.")
        if any(not 0 <= at < max_turns or count < 1 for at, count in branches.items()):
            raise InputError(
                "Branches are {replies: continuations}: replies from 0 and below max_turns, "
                "continuations from 1."
            )
        make(suite, **options).close()
        self.leaves = math.prod(branches.values())
        self._suite = suite
        self._branches = dict(branches)
        self._max_turns = max_turns
        self._max_reply = max_reply
        self._generate = generate or generate_with_trainer
        self._options = options

    def __call__(self, prompts: Sequence[Any], trainer: Any) -> dict[str, Any]:
        """Play a tree a group.

        Returns:
            As `RolloutFunction` does, and `step_advantages`: for each token of a completion the
            advantage of its reply.

        Raises:
            InputError: A prompt that names no episode, no such task, or groups of another size.
        """
        groups = [list(group) for _, group in itertools.groupby(prompts)]
        if any(len(group) % self.leaves for group in groups):
            raise InputError(
                f"The tree has {self.leaves} leaves: set num_generations to it, and batches to "
                "whole groups of one process."
            )
        trees = [group[0] for group in groups for _ in range(len(group) // self.leaves)]
        tokenizer = getattr(trainer.processing_class, "tokenizer", trainer.processing_class)
        environments: list[Any] = []
        with ThreadPoolExecutor(8, thread_name_prefix="tree") as pool:
            try:
                played = [self._plant(prompt, tokenizer, environments) for prompt in trees]
                leaves = [self._grow(one, tokenizer, trainer, pool, environments) for one in played]
            finally:
                for env in environments:
                    env.close()
        ordered = [leaf for tree in leaves for leaf in tree]
        return {
            "prompt_ids": [leaf.track.prompt_ids for leaf in ordered],
            "completion_ids": [leaf.track.completion_ids for leaf in ordered],
            "logprobs": [leaf.track.logprobs for leaf in ordered],
            "env_mask": [leaf.track.env_mask for leaf in ordered],
            "verdict": [leaf.verdict.flat() for leaf in ordered if leaf.verdict],
            ADVANTAGES: [leaf.token_advantages() for leaf in ordered],
        }

    def _plant(self, prompt: Any, tokenizer: Any, environments: list[Any]) -> _Branch:
        messages, wish = read_prompt(prompt)
        env = make(self._suite, **self._options)
        environments.append(env)
        episode = Episode(env, seed=wish.get("seed"), options={"task": wish["task"]})
        said = [Message(m["role"], m["content"]) for m in messages]  # type: ignore[arg-type]
        told = render_messages([*said, Message("user", episode.observation["text"])], episode.tools)
        shown = [{"role": m.role, "content": m.content} for m in told]
        return _Branch(episode, shown, TokenTrack(prompt_tokens(tokenizer, shown)), [Node()])

    def _grow(
        self,
        root: _Branch,
        tokenizer: Any,
        trainer: Any,
        pool: ThreadPoolExecutor,
        environments: list[Any],
    ) -> list[_Branch]:
        """Play all branches of a tree, turn by turn, and return its leaves in their order."""
        branches = [root]
        for reply in range(self._max_turns):
            count = self._branches.get(reply, 1)
            if count > 1:
                split = [branch.split(count) for branch in branches]
                branches = [one for forks in split for one in forks]
                environments += [one.episode.env for one in branches if one.verdict is None]
            going = [one for one in branches if one.verdict is None]
            if going:
                self._turn(going, tokenizer, trainer, pool)
        advantages(root.path[0])
        for leaf in branches:
            if not leaf.track.completion_ids:  # TRL wants a token; this one is masked
                leaf.track.saw([int(tokenizer.eos_token_id)])
        return branches

    def _turn(
        self, branches: list[_Branch], tokenizer: Any, trainer: Any, pool: ThreadPoolExecutor
    ) -> None:
        """Let the model reply in each branch, and run what it asked for."""
        most = int(trainer.args.max_completion_length)
        room = [most - len(one.track.completion_ids) for one in branches]
        sequences = [one.track.ids for one in branches]
        replies, logprobs = self._generate(trainer, sequences, min(self._max_reply, max(room)))
        for one, ids, values, left in zip(branches, replies, logprobs, room, strict=True):
            first = len(one.track.completion_ids)
            one.track.wrote(ids[:left], values[: len(ids[:left])])
            one.spans.append((one.path[-1], first, len(one.track.completion_ids)))
            one.replies += 1
        texts = [tokenizer.decode(ids, skip_special_tokens=True) for ids in replies]
        shown = list(pool.map(self._act, branches, texts))
        for one, ids, said, told in zip(branches, replies, texts, shown, strict=True):
            if one.verdict is not None:
                continue
            ended = bool(ids) and ids[-1] == tokenizer.eos_token_id
            tokens = shown_tokens(tokenizer, one.messages, told, ended=ended)
            if len(one.track.completion_ids) + len(tokens) >= most:
                self._end(one, END_TOKENS)
                continue
            one.track.saw(tokens)
            one.messages += [
                {"role": "assistant", "content": said},
                {"role": "user", "content": told},
            ]

    def _act(self, branch: _Branch, reply: str) -> str:
        """Run the calls of a reply and return what to tell the model."""
        episode = branch.episode
        names = {tool["function"]["name"] for tool in episode.tools}
        _, calls = parse_calls(reply, names, turn=branch.replies)
        told = []
        try:
            for call in calls:
                if episode.done:
                    break
                made = ToolCall(call.name, call.arguments)
                text = episode.step(made)["text"]
                branch.path[-1].turns.append(Turn(made, text, episode.reward))
                told.append(f"Result of {call.name}:\n{text}")
        except (AgentError, InfrastructureError) as error:
            self._fail(branch, error)
            return ""
        if episode.done:
            self._over(branch)
        elif branch.replies >= self._max_turns:
            self._end(branch, END_TURNS)
        return "\n\n".join(told) or SILENT

    def _end(self, branch: _Branch, reason: str) -> None:
        try:
            branch.episode.stop(reason)
        except (AgentError, InfrastructureError) as error:
            self._fail(branch, error)
            return
        reward = branch.episode.reward
        branch.path[-1].turns.append(Turn(ToolCall("submit"), "", reward))
        self._over(branch)

    @staticmethod
    def _over(branch: _Branch) -> None:
        branch.verdict = branch.path[-1].verdict = verdict_of(branch.episode)

    @staticmethod
    def _fail(branch: _Branch, error: AgentError | InfrastructureError) -> None:
        kind = "agent_error" if isinstance(error, AgentError) else "infrastructure"
        verdict = failed_verdict(branch.episode.task.id, kind, error)
        branch.verdict = branch.path[-1].verdict = verdict
