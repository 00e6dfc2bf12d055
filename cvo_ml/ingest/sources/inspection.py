"""One pass over a text file before it is parsed: what it is, whether it is whole, and its SHA-256."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from cvo_ml.core.errors import DataError, UsageError

_CHUNK: Final = 1 << 22
_HTML: Final = re.compile(rb"\s*<(?:!doctype|html|head|body|\?xml)", re.IGNORECASE)
_ARCHIVE: Final = b"PK\x03\x04"  # also every .xlsx and .ods
_BOMS_OF_OTHERS: Final = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


@dataclass(frozen=True)
class Inspection:
    """What the pass found.

    Parameters
    ----------
    head:
        The first part of the file as text, without byte order mark.
    lines:
        Number of physical lines, blank ones included.
    quotes:
        Number of double quotes.
    """

    sha256: str
    head: str
    lines: int
    quotes: int


def require_file(path: Path) -> None:
    """Refuse a path that is no file.

    Raises
    ------
    UsageError
        If there is no such file.
    """
    if not path.is_file():
        raise UsageError(f"{path}: no such file: name an existing one")


def is_gzip(path: Path) -> bool:
    """Whether the file's content, whatever its name, is gzip."""
    with path.open("rb") as stream:
        return stream.read(2) == b"\x1f\x8b"


def inspect_text(path: Path, encoding: str, name: str) -> Inspection:
    """Read a text file once and refuse what cannot be a table.

    Raises
    ------
    DataError
        If it is empty, a web page, a damaged gzip file, or not text of ``encoding``.
    UsageError
        If there is no such file.
    """
    require_file(path)
    digest, decoder = hashlib.sha256(), codecs.getincrementaldecoder(encoding)()
    head, decoded, lines, quotes, last, seen = b"", "", 0, 0, "", 0
    for chunk in _chunks(path, name):
        if not head:
            head = chunk
            _refuse_foreign(head, encoding, name)
        digest.update(chunk)
        text = _decode(decoder, chunk, encoding, name, lines)
        decoded = decoded or text
        lines += _count(chunk, text, "\n", encoding) or _count(chunk, text, "\r", encoding)
        quotes += _count(chunk, text, '"', encoding)
        last = text[-1:] or last
        seen += len(text.strip()) if not seen else 0
    _decode(decoder, b"", encoding, name, lines, final=True)
    if not seen:
        raise DataError("is empty", "export it again", file=name)
    return Inspection(digest.hexdigest(), decoded.removeprefix("\ufeff"), lines + (last not in "\r\n"), quotes)


def _count(chunk: bytes, text: str, sign: str, encoding: str) -> int:
    """How often an ASCII sign stands in a chunk; by its bytes, where it is one byte and no other sign holds it."""
    if encoding == "utf-16":
        return text.count(sign)
    return int(np.count_nonzero(np.frombuffer(chunk, dtype=np.uint8) == ord(sign)))


def _chunks(path: Path, name: str) -> Iterator[bytes]:
    try:
        with gzip.open(path) if is_gzip(path) else path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"the gzip file is damaged or cut off ({error})", "copy it again", file=name) from None


def _refuse_foreign(head: bytes, encoding: str, name: str) -> None:
    if _HTML.match(head.removeprefix(codecs.BOM_UTF8)):
        raise DataError("is a web page, not a table", "download it again, signed in", file=name)
    if head.startswith(_ARCHIVE):
        raise DataError("is a spreadsheet or an archive, not text", "export the sheet as CSV", file=name)
    for bom, other in _BOMS_OF_OTHERS.items():
        if head.startswith(bom) and encoding != other:
            raise DataError(
                f"is {other.upper()}, not {encoding.upper()}", f"declare encoding: {other} (--encoding)", file=name
            )
    if encoding != "utf-16" and b"\x00" in head:
        remedy = "declare encoding: utf-16 (--encoding) if it is such text"
        raise DataError("holds NUL bytes: it is UTF-16 or no text at all", remedy, file=name)


def _decode(
    decoder: codecs.IncrementalDecoder, chunk: bytes, encoding: str, name: str, lines: int, final: bool = False
) -> str:
    try:
        return decoder.decode(chunk, final)
    except UnicodeError as error:
        before = chunk[: getattr(error, "start", 0)].count(b"\n")
        raise DataError(
            f"is not {encoding.upper()} text (near line {lines + before + 1:,})",
            "save it as UTF-8, or declare encoding: latin-1, cp1252 or utf-16 (--encoding)",
            file=name,
        ) from None
