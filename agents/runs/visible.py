"""Text of models, tools and repositories as a terminal may show it."""

from __future__ import annotations


def visible(text: str) -> str:
    """Return text that can't steer a terminal: control characters become signs for them."""
    shown = []
    for character in text.replace("\r\n", "\n"):
        code = ord(character)
        if code == 127 or (code < 32 and character not in "\n\t"):
            shown.append("\u2421" if code == 127 else chr(0x2400 + code))
        elif 0x80 <= code < 0xA0 or 0x202A <= code <= 0x202E or 0x2066 <= code <= 0x2069:
            shown.append(f"<U+{code:04X}>")
        else:
            shown.append(character)
    return "".join(shown).encode("utf-8", "replace").decode()
