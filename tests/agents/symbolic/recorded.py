"""A model whose requests and replies a test looks at afterwards."""

from __future__ import annotations


class Recorded:
    """Keeps each request and reply of a model."""

    name = "symbolic"

    def __init__(self, model):
        self.model = model
        self.turns = []

    def complete(self, messages, tools=(), **settings):
        reply = self.model.complete(messages, tools, **settings)
        self.turns.append((tuple(messages), tuple(tools), reply))
        return reply
