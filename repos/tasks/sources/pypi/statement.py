"""Writes a task's statement from what the changelog says."""

from __future__ import annotations


def compose(package: str, version: str, entry: str) -> str:
    """Return a statement in Markdown; how the base fails may follow in a section of its own.

    Args:
        package: Project name.
        version: The base release.
        entry: The cleaned changelog entry of the fix, "" where there is none.
    """
    parts = [f"You are in the repository of the Python package `{package}`, at release {version}."]
    if entry:
        parts.append(
            "Its next release changes the following; make these changes work here "
            "(documentation, changelog and version numbers need no change):"
        )
        parts.append("\n".join(f"> {line}".rstrip() for line in entry.splitlines()))
    else:
        parts.append(
            "Its next release repairs what is observed below, without saying more; repair it here "
            "(documentation, changelog and version numbers need no change)."
        )
    return "\n\n".join(parts) + "\n"
