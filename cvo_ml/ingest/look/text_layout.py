"""How a text file is laid out: its encoding, delimiter, header row, lines above it and sums below its rows."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cvo_ml.core.errors import DataError
from cvo_ml.ingest.look.findings import Decision, Settings, counted
from cvo_ml.ingest.look.header_row import COMPARED, FIRST_ROWS, Header, header_among

_DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
#: Signs of the part of a file in which its header is looked for.
_HEAD: Final = 1 << 20
_SHOWN: Final = 6  # names of columns in the evidence, each of at most so many signs:
_LONGEST: Final = 40
_UNDEFINED_IN_CP1252: Final = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_CONTROLS_IN_LATIN_1: Final = re.compile(rb"[\x80-\x9f]")


@dataclass(frozen=True)
class TextLayout:
    """A text file's dialect.

    Parameters
    ----------
    header:
        All fields of the header, nameless ones included.
    body:
        Place in the text at which the rows begin.
    """

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    body: int
    decisions: tuple[Decision, ...]


def decoded(raw: bytes, name: str, *, is_cut: bool) -> tuple[str, str, Decision]:
    """The text, its encoding, and the evidence for it.

    Parameters
    ----------
    is_cut:
        Whether the bytes may end within a sign.

    Raises
    ------
    DataError
        If it is no text.
    """
    for bom, encoding in (
        (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
    ):  # fmt: skip
        if raw.startswith(bom):
            return _read(raw, encoding, name, "a byte order mark", is_cut)
    if b"\x00" in raw[:_HEAD]:
        if _is_utf_16(raw):
            return _read(raw, "utf-16", name, "every second byte is zero", is_cut)
        raise DataError("holds NUL bytes: it is no text", "export it as CSV or as a spreadsheet", file=name)
    high = len(raw) - len(raw.translate(None, bytes(range(128, 256))))
    try:
        text, _ = codecs.utf_8_decode(raw, "strict", not is_cut)
    except UnicodeDecodeError as error:
        return _single_byte(raw, error, high)
    why = f"{counted(high, 'byte')} above 127, all of them UTF-8" if high else "ASCII alone"
    return text, "utf-8", Decision("encoding", "utf-8", why)


def _is_utf_16(raw: bytes) -> bool:
    head = raw[:4096]
    return head[1::2].count(0) > 0.4 * len(head) / 2 and not head[::2].count(0)


def _read(raw: bytes, encoding: str, name: str, why: str, is_cut: bool) -> tuple[str, str, Decision]:
    decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)()
    try:
        text = decoder.decode(raw, final=not is_cut)
    except UnicodeError:
        problem = f"begins as {encoding.upper()} and is none further on"
        raise DataError(problem, "save it as UTF-8", file=name) from None
    settings = {} if encoding == "utf-8" else {"source.encoding": encoding}
    return text, encoding, Decision("encoding", encoding, why, settings)


def _single_byte(raw: bytes, error: UnicodeDecodeError, high: int) -> tuple[str, str, Decision]:
    line = raw[: error.start].count(b"\n") + 1
    no_utf_8 = f"no UTF-8 (line {line:,})"
    if _UNDEFINED_IN_CP1252.search(raw):
        encoding, why = "latin-1", f"{no_utf_8}; bytes that cp1252 does not have"
    elif _CONTROLS_IN_LATIN_1.search(raw):
        encoding, why = "cp1252", f"{no_utf_8}; signs such as € and – that Latin-1 does not have"
    else:
        encoding, why = "cp1252", f"{no_utf_8}; {counted(high, 'byte')} above 127, which cp1252 and Latin-1 read alike"
    return raw.decode(encoding), encoding, Decision("encoding", encoding, why, {"source.encoding": encoding})


def lay_out(text: str, name: str, encoding: Decision) -> TextLayout:
    """The dialect of a text.

    Raises
    ------
    DataError
        If no line of it is a header: it names no column that is known, or there is one column only.
    """
    if not text.strip():
        raise DataError("is empty", "export it again", file=name)
    if re.match(r"\s*<(?:!doctype|html|head|body|\?xml)", text[:200], re.IGNORECASE):
        raise DataError("is a web page, not a table", "download it again, signed in", file=name)
    found = [cut for sign in _DELIMITERS if (cut := _cut_by(text[:_HEAD], sign)) is not None]
    if not found:
        raise DataError(
            f"no line of its first {FIRST_ROWS} is a header: the first begins {text.strip().splitlines()[0][:60]!r}",
            "write a first line that names the columns, such as order_id,customer_id,ordered_at,net",
            file=name,
        )
    best = max(found, key=lambda one: _rank(one.header))
    decisions = (encoding, *_layout_decisions(best, found))
    return TextLayout(encoding.value, best.delimiter, best.header.fields, best.body, decisions)


def _rank(header: Header) -> tuple[bool, bool, int, int]:
    return header.known > 0, header.share > 0.5, header.known, len(header.fields)


@dataclass(frozen=True)
class _Cut:
    """A text cut by a delimiter, and the row of it that is the header."""

    delimiter: str
    header: Header
    line: int
    body: int


def _cut_by(text: str, delimiter: str) -> _Cut | None:
    rows = list(_rows(text, delimiter))
    header = header_among([fields for _, _, fields in rows])
    return None if header is None else _Cut(delimiter, header, *rows[header.place][:2])


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, int, list[str]]]:
    """Number of the first line, place after the last one, and fields of each row."""
    lines = re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+", text)
    ends, reader = [0], csv.reader(iter(lines), delimiter=delimiter)
    for line in lines:
        ends.append(ends[-1] + len(line))
    before = 0
    try:
        for fields in reader:
            yield before + 1, ends[reader.line_num], fields
            before = reader.line_num
            if before > FIRST_ROWS + COMPARED:
                return
    except csv.Error:
        return


def _layout_decisions(best: _Cut, found: list[_Cut]) -> Iterator[Decision]:
    sign, header = _DELIMITERS[best.delimiter], best.header
    others = [other for other in found if other.delimiter != best.delimiter]
    beaten = f"; by {_DELIMITERS[others[0].delimiter]} only {len(others[0].header.fields)}" if others else ""
    evidence = (
        f"the header has {len(header.fields)} fields by {sign}, {header.share:.0%} of the rows have as many{beaten}"
    )
    settings = {} if best.delimiter == "," else {"source.delimiter": best.delimiter}
    yield Decision("delimiter", repr(best.delimiter) if best.delimiter != "\t" else "tabulator", evidence, settings)
    yield header_decision(header, best.line, "line")


def header_decision(header: Header, number: int, what: str) -> Decision:
    """Where the header stands: a line of a file, or a row of a sheet."""
    named = [field if len(field) <= _LONGEST else f"{field[: _LONGEST - 1]}…" for field in header.fields if field]
    more = ", …" if len(named) > _SHOWN else ""
    evidence = f"{counted(header.known, 'name')} of columns known: {', '.join(named[:_SHOWN])}{more}"
    above = f"above it: {' / '.join(header.above)[:80]!r}; " if header.above else ""
    settings: Settings = {"source.header_row": number} if header.above else {}
    return Decision("header", f"{what} {number}", above + evidence, settings)
