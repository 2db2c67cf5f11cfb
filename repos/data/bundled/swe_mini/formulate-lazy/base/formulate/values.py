"""What the values of formulas may be used as."""

from __future__ import annotations

from typing import Any

from .errors import EvaluationError


def show(value: Any) -> str:
    """The value as a formula would write it, texts without quotes."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def to_number(value: Any, *, from_text: bool = False) -> float:
    """Raises EvaluationError unless the value is a number."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if from_text and isinstance(value, str):
        try:
            return float(value) if not value.strip().isdigit() else int(value)
        except ValueError:
            pass
    raise EvaluationError(f"not a number: {show(value)}")


def to_text(value: Any) -> str:
    """Raises EvaluationError unless the value is a text."""
    if isinstance(value, str):
        return value
    raise EvaluationError(f"not a text: {show(value)}")


def to_truth(value: Any) -> bool:
    """Raises EvaluationError unless the value is true or false."""
    if isinstance(value, bool):
        return value
    raise EvaluationError(f"neither true nor false: {show(value)}")
