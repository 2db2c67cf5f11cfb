"""Text files as tools see them: decoded without loss, so that an edit changes nothing else."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from tools.result import ToolError

_COOKIE = re.compile(rb"^[ \t\f]*(?:#|//|/\*|;|\"|%|--).*?coding[:=][ \t]*([-\w.]+)")
# Only plain character sets: some codecs that a cookie may name cost quadratic time.
_CHARSETS = re.compile(
    r"(iso-?8859-?\d+|latin-?\d+|cp\d+|windows-\d+|koi8-?[ru]|euc-?(jp|kr)|shift-?jis|sjis"
    r"|gb2312|gbk|gb18030|big5)"
)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SNIFF = 65_536


class BinaryFileError(ToolError):
    """The file's bytes are no text."""


@dataclass(frozen=True)
class TextFile:
    """A decoded file; `encode()` gives the same bytes back.

    Attributes:
        text: Its characters, line ends as they are in the file.
        encoding: The codec that reads and writes it.
        bom: The byte order mark in front, or b"".
    """

    text: str
    encoding: str = "utf-8"
    bom: bytes = b""

    @property
    def newline(self) -> str:
        """The line end that most lines have."""
        crlf = self.text.count("\r\n")
        return "\r\n" if crlf > self.text.count("\n") - crlf else "\n"

    @property
    def lines(self) -> list[str]:
        """Lines without their ends, split where compilers and ripgrep split them."""
        lines = [line.removesuffix("\r") for line in self.text.split("\n")]
        return lines[:-1] if lines[-1] == "" else lines

    @property
    def notes(self) -> list[str]:
        """What a reader should know: another encoding, line ends, a missing last one."""
        notes = []
        if self.encoding != "utf-8" or self.bom:
            notes.append(f"{self.encoding}{' with byte order mark' if self.bom else ''}")
        if self.newline == "\r\n":
            notes.append("CRLF line ends")
        elif "\r\n" in self.text:
            notes.append("some CRLF line ends")
        if self.text and not self.text.endswith("\n"):
            notes.append("no newline at the end")
        return notes

    def encode(self) -> bytes:
        """Return the file's bytes.

        Raises:
            ToolError: The text holds a character that the file's encoding lacks.
        """
        try:
            return self.bom + self.text.encode(self.encoding)
        except UnicodeEncodeError as error:
            character = error.object[error.start]
            raise ToolError(
                f"The file is encoded as {self.encoding}, which has no character {character!r}; "
                "write it with an escape, or convert the file first."
            ) from error


def decode(data: bytes, path: str) -> TextFile:
    """Decode a file: byte order mark, UTF-8, the charset that it declares, else Latin-1.

    Args:
        data: The file's bytes.
        path: For the message.

    Raises:
        BinaryFileError: It is no text.
    """
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            found = _lossless(data[len(bom) :], encoding)
            if found is not None:
                return TextFile(found, encoding, bom)
    if b"\0" in data[:_SNIFF]:
        raise BinaryFileError(f"{path} is a binary file of {len(data):,} bytes.")
    for encoding in ("utf-8", _declared(data)):
        if encoding:
            found = _lossless(data, encoding)
            if found is not None:
                return TextFile(found, encoding)
    return TextFile(data.decode("latin-1"), "latin-1")


def _declared(data: bytes) -> str | None:
    for line in data.split(b"\n", 2)[:2]:
        match = _COOKIE.match(line[:200])
        if match:
            name = match[1].decode("latin-1").lower().replace("_", "-")
            return name if _CHARSETS.fullmatch(name) else None
    return None


def _lossless(data: bytes, encoding: str) -> str | None:
    try:
        text = data.decode(encoding)
        return text if text.encode(encoding) == data else None
    except (UnicodeError, LookupError):
        return None
