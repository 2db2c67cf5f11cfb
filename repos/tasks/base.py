"""The base of all records: frozen, canonical JSON, one digest."""

from __future__ import annotations

import hashlib
import json
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Base of all records: frozen, unknown fields refused.

    Attributes:
        latest: The schema version that this RepoGym writes.
        readable: The schema versions that it reads.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    latest: ClassVar[int] = 1
    readable: ClassVar[tuple[int, ...]] = (1,)

    @classmethod
    def upgraded(cls, data: dict[str, Any], version: int) -> dict[str, Any]:
        """Return the fields of an older schema version as those of the latest one."""
        return data

    def to_json(self) -> str:
        """Return canonical JSON: sorted keys, no spaces, defaults included."""
        data = self.model_dump(mode="json")
        return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def digest(self) -> str:
        """Return the SHA-256 of the canonical JSON, in hex."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()


def check_version(version: object, readable: tuple[int, ...], where: str) -> int:
    """Return a schema version that is read here.

    Raises:
        ValueError: Any other; the message says what to do.
    """
    if isinstance(version, int) and not isinstance(version, bool) and version in readable:
        return version
    known = " and ".join(str(number) for number in readable)
    raise ValueError(
        f"{where} has schema_version {version!r}, and this RepoGym reads {known}: use the RepoGym "
        "that wrote it, or a newer one."
    )
