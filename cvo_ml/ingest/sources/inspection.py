"""One pass over a text file before it is parsed: what it is, whether it is whole, and its SHA-256.

What is parsed afterwards are the bytes that were hashed: from memory where they fit, else read again from the same
unchanged file and hashed once more.
"""

from __future__ import annotations

import codecs
import contextlib
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final, TextIO

import numpy as np

from cvo_ml.core.errors import DataError
from cvo_ml.core.input_files import InputFile, Stamp, changed, open_input
from cvo_ml.ingest.sources.zipped import TIMES_PACKED, UNPACKED, archive, is_zip, refusing_damaged

#: Bytes of unpacked text that are kept from the first pass to the next.
HELD: Final = 64 << 20
#: Signs of the longest line: a row of a table, or an object of JSON lines.
LONGEST_LINE: Final = 8 << 20
_CHUNK: Final = 1 << 22
_BLOCK: Final = 1 << 20
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
    size:
        Bytes, unpacked.
    packed:
        Whether it is gzip or zip.
    held:
        The unpacked bytes, where they are few.
    """

    path: Path
    sha256: str
    head: str
    lines: int
    quotes: int
    size: int
    packed: bool
    stamp: Stamp
    held: bytes | None = field(repr=False)

    @contextlib.contextmanager
    def stream(self) -> Iterator[BinaryIO]:
        """The unpacked bytes that were inspected, from the first one; read them to the end.

        Raises
        ------
        DataError
            If the file is another one by now, or its bytes are.
        """
        if self.held is not None:
            yield io.BytesIO(self.held)
            return
        with open_input(self.path, self.stamp) as file, _unpacked(file, self.packed) as unpacked:
            hashed = _Hashed(unpacked)
            yield hashed  # type: ignore[misc]  # it reads like one
            if hashed.rest_sha256() != self.sha256:
                raise changed(self.path)

    @contextlib.contextmanager
    def text(self, encoding: str, newline: str) -> Iterator[TextIO]:
        """The same as text, without byte order mark."""
        with self.stream() as stream:
            yield io.TextIOWrapper(stream, "utf-8-sig" if encoding == "utf-8" else encoding, newline=newline)


class _Hashed(io.RawIOBase):
    """A stream that hashes what is read of it."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream, self._digest = stream, hashlib.sha256()

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1) -> bytes:
        piece: bytes = self._stream.read(-1 if size is None else size)
        self._digest.update(piece)
        return piece

    def readinto(self, buffer: Any) -> int:
        piece = self.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def rest_sha256(self) -> str:
        """SHA-256 of all bytes; those that were not read yet are read."""
        while self.read(_CHUNK):
            pass
        return self._digest.hexdigest()


def inspect_text(
    path: Path,
    encoding: str,
    name: str,
    *,
    hold: int | None = None,
    longest: int = LONGEST_LINE,
    head_only: bool = False,
) -> Inspection:
    """Read a text file once and refuse what cannot be a table.

    Parameters
    ----------
    hold:
        So many bytes are kept, so that the next pass reads them from memory; None = ``HELD``.
    longest:
        Signs that a line may have.
    head_only:
        Only the first part is looked at, for its header: nothing else of what is found is true of the whole.

    Raises
    ------
    DataError
        If it is empty, a web page, a damaged gzip or zip file or one that unpacks without end, not text of
        ``encoding``, or has a line that no row can be.
    UsageError
        If there is no such file, or it is no file.
    """
    with open_input(path) as file:
        return _inspected(file, encoding, name, HELD if hold is None else hold, longest, head_only)


def _inspected(file: InputFile, encoding: str, name: str, hold: int, longest: int, head_only: bool) -> Inspection:
    digest, decoder = hashlib.sha256(), codecs.getincrementaldecoder(encoding)()
    head, decoded, lines, quotes, last, seen = b"", "", 0, 0, "", 0
    held, size, line, packed = list[bytes](), 0, 0, is_zip(file.path) or file.is_gzip()
    most = max(UNPACKED, TIMES_PACKED * file.size) if packed else None
    for chunk in _chunks(file, packed, name):
        if not head:
            head = chunk
            _refuse_foreign(head, encoding, name)
        size += len(chunk)
        if most is not None and size > most:
            problem = f"unpacks to more than {TIMES_PACKED} times its size"
            raise DataError(problem, "unpack it, and look at what it holds", file=name)
        held = [*held, chunk] if size <= hold else []
        digest.update(chunk)
        text = _decode(decoder, chunk, encoding, name, lines)
        line = _line_after(text, line, longest, name, lines)
        decoded = decoded or text
        lines += _count(chunk, text, "\n", encoding) or _count(chunk, text, "\r", encoding)
        quotes += _count(chunk, text, '"', encoding)
        last = text[-1:] or last
        seen += len(text.strip().strip("\ufeff")) if not seen else 0
        if head_only and seen:
            break
    else:
        _decode(decoder, b"", encoding, name, lines, final=True)
    if not seen:
        raise DataError("is empty", "export it again", file=name)
    return Inspection(
        path=file.path,
        sha256=digest.hexdigest(),
        head=decoded.removeprefix("\ufeff"),
        lines=lines + (last not in "\r\n"),
        quotes=quotes,
        size=size,
        packed=packed,
        stamp=file.stamp,
        held=b"".join(held) if size <= hold else None,
    )


def _line_after(text: str, line: int, longest: int, name: str, lines: int) -> int:
    """Signs of the line that ``text`` ends in, where ``line`` are those of the one that it begins in.

    Looks at blocks shorter than the longest line: only a block's first and last line can be part of a longer one.
    """
    block = min(_BLOCK, longest)
    for start in range(0, len(text), block):
        end = min(start + block, len(text))
        sign = "\n" if text.find("\n", start, end) >= 0 else "\r"
        first = text.find(sign, start, end)
        before = line + ((end if first < 0 else first) - start)
        if before > longest:
            raise DataError(
                f"a line has more than {longest >> 20:,} million signs (near line {lines + 1:,})",
                "check its quotes and line ends: a row is a line",
                file=name,
            )
        line = before if first < 0 else end - text.rfind(sign, start, end) - 1
    return line


def _count(chunk: bytes, text: str, sign: str, encoding: str) -> int:
    """How often an ASCII sign stands in a chunk; by its bytes, where it is one byte and no other sign holds it."""
    if encoding == "utf-16":
        return text.count(sign)
    return int(np.count_nonzero(np.frombuffer(chunk, dtype=np.uint8) == ord(sign)))


@contextlib.contextmanager
def _unpacked(file: InputFile, packed: bool) -> Iterator[Any]:
    if not packed:
        yield file.stream()
    elif is_zip(file.path):
        with archive(file, file.path.name) as (opened, member), opened.open(member) as stream:
            yield stream
    else:
        yield gzip.GzipFile(fileobj=io.BufferedReader(file.stream(), _CHUNK))


def _chunks(file: InputFile, packed: bool, name: str) -> Iterator[bytes]:
    guard = refusing_damaged(name) if packed and is_zip(file.path) else contextlib.nullcontext()
    try:
        with guard, _unpacked(file, packed) as stream:
            while chunk := stream.read(_CHUNK):
                yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"the gzip file is damaged or cut off ({error})", "copy it again", file=name) from None


def _refuse_foreign(head: bytes, encoding: str, name: str) -> None:
    if _HTML.match(head.removeprefix(codecs.BOM_UTF8)):
        raise DataError("is a web page, not a table", "download it again, signed in", file=name)
    if head.startswith(_ARCHIVE):
        raise DataError("is a spreadsheet or an archive, not text", "name it .xlsx, .ods or .zip, as it is", file=name)
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
