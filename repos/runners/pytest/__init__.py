"""The pytest runner."""
