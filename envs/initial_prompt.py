"""What an agent reads first: the problem, and what its assist level adds."""

from __future__ import annotations

from collections.abc import Collection

from repos.tasks.records import PublicTask

PROMPT = """\
You are working on the repository {repository} ({base}) at /testbed.

{statement}
{assist}
Change the source so that the problem is solved. Hidden tests decide; changes to test files \
do not count.{submit}
"""


def initial_prompt(task: PublicTask, tools: Collection[str]) -> str:
    """Return the first observation of an episode.

    Args:
        task: What an agent may know of the task.
        tools: Names of the tools on offer; no others are named.
    """
    assist = ""
    if task.assist == "files":
        assist = "\nThe fix touches these files:\n" + _listed(task.hint_files)
    elif task.assist == "tests":
        assist = "\nThese tests fail and should pass:\n" + _listed(task.visible_tests)
    return PROMPT.format(
        repository=task.repository,
        base=task.base,
        statement=task.statement.strip() + "\n",
        assist=assist,
        submit=" Call the tool `submit` when you are done." if "submit" in tools else "",
    )


def _listed(items: tuple[str, ...]) -> str:
    return "".join(f"- {item}\n" for item in items)
