r"""Texts on their way to a terminal or a log: what would command it is spelled out instead.

A customer's id, a header or a file's name may hold ESC (which clears screens and renames windows), line ends (which
forge lines of a log), signs that turn the direction of writing (which make one name look like another) or signs without
width. They are data and stay in the tables; whatever shows them passes ``escaped``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

#: Categories of signs that are seen by nobody: control, format (bidi, zero width), lone surrogates, line and paragraph.
UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
#: What a program itself sends to a terminal: colours, and where the next sign stands.
_SEQUENCE: Final = re.compile(r"(\x1b\[[0-9;?]*[A-Za-z])")
#: How typographic signs are written where an encoding has none.
PLAIN: Final[Mapping[str, str]] = {
    "✓": "ok", "–": "-", "—": "-", "−": "-", "‑": "-", "…": "...", "→": "->", "←": "<-", "≥": ">=", "≤": "<=",
    "≠": "!=", "×": "x", "·": "*", "•": "*", "“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "\u00a0": " ",
    "\u202f": " ",
}  # fmt: skip


def escaped(text: str, keep: str = "") -> str:
    r"""The text with each unseen sign spelled out.

    Parameters
    ----------
    keep:
        Unseen signs that stay, such as line ends in a text of several lines.

    Examples
    --------
    >>> print(escaped("a\x1b[2J\r\nb\u202ec\u200bd"), escaped("Café – 北京"))
    a\x1b[2J\r\nb\u202ec\u200bd Café – 北京
    >>> escaped("two\nlines\x07", keep="\n")
    'two\nlines\\x07'
    """
    if text.isprintable():
        return text
    return "".join(
        _spelled(sign) if sign not in keep and unicodedata.category(sign) in UNSEEN else sign for sign in text
    )


def escaped_for_stream(text: str, *, is_terminal: bool) -> str:
    r"""Everything that goes to a stream, as its last step: only line ends, tabulators and a terminal's colours stay.

    Examples
    --------
    >>> escaped_for_stream("\x1b[1mbold\x1b[0m\x1b]0;title\x07\n", is_terminal=True)
    '\x1b[1mbold\x1b[0m\\x1b]0;title\\x07\n'
    >>> escaped_for_stream("\x1b[1mbold\n", is_terminal=False)
    '\\x1b[1mbold\n'
    """
    if text.isprintable():
        return text
    if not is_terminal:
        return escaped(text, keep="\n\t")
    parts = _SEQUENCE.split(text)  # text, sequence, text, ...
    parts[::2] = (escaped(part, keep="\n\t\r") for part in parts[::2])
    return "".join(parts)


def escaped_in_json(document: str) -> str:
    r"""A JSON document whose texts hold no unseen sign; it says the same.

    Examples
    --------
    >>> print(escaped_in_json('{\n"id": "a\u202eb\x7f"\n}'))
    {
    "id": "a\u202eb\u007f"
    }
    """
    if document.isprintable():
        return document
    return "".join(
        sign if sign == "\n" or unicodedata.category(sign) not in UNSEEN else _in_json(sign) for sign in document
    )


def readable(error: UnicodeError) -> tuple[str, int]:
    r"""For ``codecs.register_error``: what an encoding has no sign for, in signs that it has.

    Examples
    --------
    >>> import codecs
    >>> codecs.register_error("readable", readable)
    >>> "5 – 6 ✓ 北".encode("ascii", "readable"), "é – ✓".encode("cp1252", "readable")
    (b'5 - 6 ok \\u5317', b'\xe9 \x96 ok')
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(PLAIN.get(sign) or _spelled(sign) for sign in missing), error.end


def _spelled(sign: str) -> str:
    if sign in "\t\n\r":
        return repr(sign)[1:-1]
    number = ord(sign)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _in_json(sign: str) -> str:
    units = sign.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
