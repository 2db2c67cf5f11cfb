"""Errors of the package."""


class CronError(ValueError):
    """An expression that can't be read.

    Attributes:
        field: the name of the field at fault, or None.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.field = field


class NoSuchTime(LookupError):
    """A schedule that never fires within the searched years."""
