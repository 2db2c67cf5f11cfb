"""Models: chat messages and tool schemas in, text and tool calls out."""
