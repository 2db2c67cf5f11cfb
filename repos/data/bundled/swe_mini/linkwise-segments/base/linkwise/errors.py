"""Errors of the package."""


class UrlError(ValueError):
    """A text that isn't a URL, or a change that would not give one."""
