"""What there is to choose from: suites, agents, models and tools."""

from __future__ import annotations

from typing import Any


def listing() -> dict[str, list[dict[str, Any]]]:
    """Return what `--list` shows, by kind; each row is a flat record."""
    from agents.registry import BUILT_IN
    from repos.environments.choosing import available
    from repos.plugins import installed_plugins
    from repos.tasks.suite import load_suite, missing_suites, suite_names
    from tools.registry import get_tool, tool_names

    suites = []
    missing = missing_suites()
    for name in suite_names():
        if name in missing:
            suites.append({"name": name, "version": "", "tasks": "", "available": "",
                           "description": missing[name]})  # fmt: skip
            continue
        suite = load_suite(name)
        suites.append(
            {
                "name": suite.name,
                "version": suite.version,
                "tasks": len(suite.specs),
                "available": len(available(suite.specs)),
                "description": suite.description,
            }
        )
    agents = [
        {
            "name": name,
            "model": info.requires_model,
            "privileged": info.privileged,
            "description": info.summary,
        }
        for name, info in BUILT_IN.items()
    ]
    agents += [
        {"name": name, "model": "", "privileged": "", "description": f"from {point.value}"}
        for name, point in installed_plugins("agents").items()
    ]
    agents.append(
        {
            "name": "package.module:Class",
            "model": "",
            "privileged": "",
            "description": "an agent of one's own",
        }
    )
    models = [
        {"name": "symbolic", "description": "no LLM, no key: built-in program repair"},
        {"name": "scripted:FILE.json", "description": "replies from a file, over local HTTP"},
        {"name": "package.module:Class", "description": "a model of one's own"},
        {"name": "provider/model", "description": "any model that LiteLLM reaches"},
    ]
    models += [
        {"name": name, "description": f"from {point.value}"}
        for name, point in installed_plugins("models").items()
    ]
    tools = [
        {
            "name": name,
            "description": get_tool(name).schema["function"]["description"].split("\n")[0],
        }
        for name in tool_names()
    ]
    return {"suites": suites, "agents": agents, "models": models, "tools": tools}
