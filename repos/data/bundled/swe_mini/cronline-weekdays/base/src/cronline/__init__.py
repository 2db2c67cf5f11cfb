"""Cron expressions: parsing, next and previous times, descriptions."""

from .errors import CronError, NoSuchTime
from .fields import FIELDS, FieldSpec, FieldValues
from .schedule import Schedule

__all__ = ["FIELDS", "CronError", "FieldSpec", "FieldValues", "NoSuchTime", "Schedule"]
__version__ = "2.1.0"
