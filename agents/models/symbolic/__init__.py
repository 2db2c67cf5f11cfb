"""The built-in model `symbolic`: heuristics of automatic program repair, no language model.

It answers messages with text and tool calls as any model does, and sees nothing else.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agents.models.protocol import Message, ModelToolCall, Reply, Usage
from repos.errors import InputError

if TYPE_CHECKING:
    from agents.models.symbolic.history import History
    from agents.models.symbolic.knowledge import Knowledge
    from agents.models.symbolic.pool import Pool

__all__ = ["SymbolicModel"]

_CACHED_POOLS = 16


class SymbolicModel:
    """Repairs Python by spectrum-based fault localisation and templates; needs no key.

    Generate-and-validate repair in the line of GenProg (Le Goues et al., TSE 2012), PAR (Kim
    et al., ICSE 2013), SimFix (Jiang et al., ISSTA 2018) and TBar (Liu et al., ISSTA 2019).
    Every reply is a function of the messages: what was tried is read back from them.
    """

    name = "symbolic"
    context_chars = sys.maxsize
    """It reads the whole conversation: what is shortened there it would not know any more."""

    def __init__(self, seed: int = 0, candidates: int = 40, batch: int = 40) -> None:
        """Make it.

        Args:
            seed: Decides between candidates of equal rank.
            candidates: Candidate changes that are tried in an episode at most.
            batch: Candidates in one `try_edits` call.

        Raises:
            RepoGymError: A number below 1.
        """
        for name, number in (("candidates", candidates), ("batch", batch)):
            if not isinstance(number, int) or number < 1:
                raise InputError(f"--model-arg {name}={number}: give a whole number above 0.")
        if not isinstance(seed, int):
            raise InputError(f"--model-arg seed={seed}: give a whole number.")
        self.seed = seed
        self.candidates = candidates
        self.batch = batch
        self._pools: OrderedDict[str, Pool] = OrderedDict()
        self._lock = threading.Lock()

    def complete(
        self,
        messages: Sequence[Message],
        tools: Sequence[Mapping[str, Any]] = (),
        *,
        temperature: float | None = None,
        max_tokens: int | None = None,
    ) -> Reply:
        """Answer; see `Model.complete`. Temperature and bound of the reply have no effect."""
        from agents.models.symbolic.history import read_history
        from agents.models.symbolic.knowledge import Knowledge
        from agents.models.symbolic.policy import Policy

        history = read_history(messages)
        knowledge = Knowledge(history)
        names = [str(tool.get("function", {}).get("name", "")) for tool in tools]
        policy = Policy(
            knowledge,
            lambda: self._pool(history, knowledge),
            names,
            candidates=self.candidates,
            batch=self.batch,
        )
        decision = policy.decide()
        number = len(history.exchanges)
        calls = tuple(
            ModelToolCall(f"call_{number + index}", name, json.dumps(arguments))
            for index, (name, arguments) in enumerate(decision.calls)
        )
        finish = "tool_calls" if calls else "stop"
        return Reply(decision.text, calls, Usage(calls=1), finish_reason=finish)

    def _pool(self, history: History, knowledge: Knowledge) -> Pool:
        """Return the candidates for the state before the first trial; cached by what was seen.

        A cache only: the same pool is made again where it is missing.
        """
        from agents.models.symbolic.pool import make_pool

        digest = hashlib.sha256(history.statement.encode("utf-8", "surrogatepass"))
        for exchange in history.exchanges:
            if exchange.name in ("try_edits", "edit"):
                break
            digest.update(f"\0{exchange.name}\0{exchange.text}".encode("utf-8", "surrogatepass"))
        key = digest.hexdigest()
        with self._lock:
            if key in self._pools:
                self._pools.move_to_end(key)
                return self._pools[key]
            made = make_pool(knowledge, self.seed)
            self._pools[key] = made
            while len(self._pools) > _CACHED_POOLS:
                self._pools.popitem(last=False)
            return made
