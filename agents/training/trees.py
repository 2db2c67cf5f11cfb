"""Tree rollouts: an episode branches at chosen steps, and each step gets an advantage of its own.

A fork costs milliseconds, so the value of a state can be estimated by playing on from it several
times, as VinePPO (A. Kazemnejad et al., 2024) does for text; no value network is needed.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from agents.training.player import Verdict, verdict_of
from envs.episode import Episode, ToolCall
from repos.errors import InputError


@dataclass(frozen=True)
class Turn:
    """One step: the call, what was observed after it, and its reward."""

    call: ToolCall
    text: str
    reward: float


Policy = Callable[[str, Sequence[Turn], random.Random], ToolCall | None]
"""Chooses the next call from the problem, the turns so far and a source of chance; None ends the
episode as it stands. It keeps nothing between calls: branches share it."""


@dataclass
class Node:
    """A part of the tree between two branchings.

    Attributes:
        turns: The steps of this part.
        children: The continuations after its last step; none where the episode ended there.
        verdict: What the episode came to, at a leaf.
        value: Mean return from the end of this part on; `advantages` sets it.
        advantage: How much better this part is than its siblings' mean; the same for each of its
            steps. None where there is no valid verdict below: leave these steps out.
    """

    turns: list[Turn] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)
    verdict: Verdict | None = None
    value: float | None = None
    advantage: float | None = None

    def leaves(self) -> Iterator[tuple[Node, ...]]:
        """Yield the path to each leaf, from the root on."""
        if not self.children:
            yield (self,)
        for child in self.children:
            for path in child.leaves():
                yield (self, *path)


def tree_rollout(
    episode: Episode, policy: Policy, branches: Mapping[int, int], *, seed: int = 0
) -> Node:
    """Play an episode as a tree.

    Args:
        episode: Has just begun; it plays the first branch itself, the others play its forks,
            which are closed here.
        policy: Chooses each call.
        branches: By number of steps taken, how many continuations to play from there on:
            `{0: 4, 3: 2}` plays four, and two of each from its third step on.
        seed: The same seed gives the same tree, where the policy is a function.

    Returns:
        The root, with values and advantages.

    Raises:
        InputError: A number below 1.
        InfrastructureError: The sandbox failed.
    """
    if any(step < 0 or count < 1 for step, count in branches.items()):
        raise InputError(
            "Branches are {step: continuations}, steps from 0 and continuations from 1."
        )
    problem = episode.observation["text"]
    root = _grow(episode, policy, branches, problem, [], (seed,))
    return advantages(root)


def _grow(
    episode: Episode,
    policy: Policy,
    branches: Mapping[int, int],
    problem: str,
    before: list[Turn],
    path: tuple[int, ...],
    *,
    branched: bool = False,
) -> Node:
    node = Node()
    chance = random.Random(hashlib.sha256(repr(path).encode()).digest())
    while not episode.done:
        history = [*before, *node.turns]
        count = 1 if branched and not node.turns else branches.get(len(history), 1)
        if count > 1:
            forks = [episode.fork() for _ in range(count - 1)]
            try:
                for number, one in enumerate([episode, *forks]):
                    child = _grow(
                        one, policy, branches, problem, history, (*path, number), branched=True
                    )
                    node.children.append(child)
            finally:
                for one in forks:
                    one.env.close()
            return node
        call = policy(problem, history, chance)
        if call is None:
            episode.stop("returned")
            node.turns.append(Turn(ToolCall("submit"), "", episode.reward))
            break
        episode.step(call)
        node.turns.append(Turn(call, episode.observation["text"], episode.reward))
    node.verdict = verdict_of(episode)
    return node


def advantages(root: Node, gamma: float = 1.0) -> Node:
    """Set values and advantages in a tree, from the rewards in it.

    The value of a node is the mean over its children of what follows: their discounted rewards,
    then their own value; at a leaf nothing follows. The advantage of a child is what follows it
    less its parent's value. Leaves without a valid verdict are left out.

    Args:
        root: The tree; what is there already is overwritten.
        gamma: Discount of one step.
    """
    _follow(root, gamma)
    root.advantage = 0.0 if root.value is not None else None
    return root


def _follow(node: Node, gamma: float) -> float | None:
    """Set a node's value and its children's advantages; return what follows it, itself included."""
    if node.children:
        following = [_follow(child, gamma) for child in node.children]
        valid = [one for one in following if one is not None]
        node.value = sum(valid) / len(valid) if valid else None
        for child, one in zip(node.children, following, strict=True):
            # Where one is known, so is the mean.
            child.advantage = None if one is None or node.value is None else one - node.value
    else:
        masked = node.verdict is not None and node.verdict.mask_sample
        node.value = None if masked else 0.0
    if node.value is None:
        return None
    result = node.value
    for turn in reversed(node.turns):
        result = turn.reward + gamma * result
    return result
