"""Runs an episode's tool calls; read-only ones of one reply run at the same time."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import takewhile

from repos.errors import AgentError, InfrastructureError
from tools.context import ToolContext
from tools.registry import BUILTIN_TOOLS, ToolSet
from tools.result import Submitted

SANDBOXES = "repos."
"""Begins the names of the modules that know when a sandbox has failed."""

MAX_PARALLEL = 8
"""Read-only calls that run at the same time at most."""


class OwnToolError(AgentError):
    """A tool of one's own raised something that is not a `ToolError`."""


@dataclass(frozen=True)
class CallResult:
    """What a call came to.

    Attributes:
        text: What the agent reads.
        ok: Whether the call could be done.
        end: "submitted" or "infrastructure" where the call ends the episode.
        infra_error: What failed in the infrastructure.
        raised: What the tool raised; the step that asked for the call raises it.
    """

    text: str = ""
    ok: bool = True
    end: str | None = None
    infra_error: str | None = None
    raised: Exception | None = None


@dataclass
class CallRunner:
    """Runs the calls of one episode, in order or some of them ahead.

    Read-only calls leave the workspace as it is, so running them ahead gives what they would
    have given one after the other.
    """

    toolset: ToolSet
    context: ToolContext
    _ahead: deque[tuple[Mapping[str, str], CallResult]] = field(default_factory=deque)

    def run_ahead(self, actions: Sequence[Mapping[str, str]]) -> int:
        """Run the read-only calls at the front at the same time and keep their results.

        Returns:
            How many ran; 0 where fewer than two could.
        """
        self._ahead.clear()
        front = [*takewhile(lambda action: self.toolset.is_read_only(action["name"]), actions)]
        if len(front) < 2:
            return 0
        with ThreadPoolExecutor(min(len(front), MAX_PARALLEL)) as pool:
            results = list(pool.map(self._run, front))
        self._ahead.extend(zip(front, results, strict=True))
        return len(front)

    def run(self, action: Mapping[str, str]) -> CallResult:
        """Return the result of a call, the one that was run ahead where there is one.

        Raises:
            OwnToolError: A tool of one's own failed.
            RepoGymError: A tool of RepoGym's can't work with what the user configured.
        """
        if self._ahead and self._ahead[0][0] == action:
            _, result = self._ahead.popleft()
        else:
            # Another call than the reply's: a wrapper's, or the reply's was changed by one.
            self._ahead.clear()
            result = self._run(action)
        if result.raised is not None:
            raise result.raised
        return result

    def _run(self, action: Mapping[str, str]) -> CallResult:
        name = action["name"]
        try:
            done = self.toolset.call(self.context, name, action["arguments"])
        except Submitted:
            return CallResult("Submitted.", end="submitted")
        except InfrastructureError as error:
            if self._is_own(name) and raised_outside(error):
                return CallResult(raised=self._blamed(name, error))
            return CallResult("The sandbox failed.", end="infrastructure", infra_error=str(error))
        except Exception as error:
            return CallResult(raised=self._blamed(name, error))
        return CallResult(done.text, done.ok)

    def _is_own(self, name: str) -> bool:
        return self.toolset.tools[name].function.__module__ not in BUILTIN_TOOLS.values()

    def _blamed(self, name: str, error: Exception) -> Exception:
        """Return the error as its author's: a tool of one's own never ends a run."""
        if not self._is_own(name) or isinstance(error, AgentError):
            return error
        made = OwnToolError(f"The tool {name} failed: {type(error).__name__}: {error}")
        made.__cause__ = error
        return made


def raised_outside(error: BaseException) -> bool:
    """Whether other code than a sandbox's raised this error: then nothing is lost with it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is None or not trace.tb_frame.f_globals.get("__name__", "").startswith(SANDBOXES)
