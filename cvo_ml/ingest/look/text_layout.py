"""How a text file is laid out: its encoding, delimiter, header row, lines above it and sums below its rows."""

from __future__ import annotations

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cvo_ml.core.errors import DataError
from cvo_ml.ingest.header_names import key_of, meaning_of
from cvo_ml.ingest.look.findings import Decision, counted

_DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
#: Lines in which the header is looked for, and signs of the part of the file that is parsed for it.
_FIRST_ROWS: Final = 60
_HEAD: Final = 1 << 20
_UNDEFINED_IN_CP1252: Final = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_CONTROLS_IN_LATIN_1: Final = re.compile(rb"[\x80-\x9f]")
_VALUE: Final = re.compile(r"[-+(]?[\d.,]+\)?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}.*|\S+@\S+\.\S+")
_SUM: Final = re.compile(
    r"(?:grand |sub)?totals?|sum|summe|gesamt(?:summe)?|zwischensumme|endsumme|total(?:e|en)?|sous-total|somme"
    r"|totaal|suma|razem|summa|i alt|totalt", re.IGNORECASE,
)  # fmt: skip


@dataclass(frozen=True)
class TextLayout:
    """A text file's dialect.

    Parameters
    ----------
    header:
        All fields of the header, nameless ones included.
    header_row:
        Number of its line.
    body:
        Place in the text at which the rows begin.
    """

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    header_row: int
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
    found = [layout for sign in _DELIMITERS if (layout := _header_by(text[:_HEAD], sign)) is not None]
    if not found:
        raise DataError(
            f"no line of its first {_FIRST_ROWS} is a header: the first begins {text.strip().splitlines()[0][:60]!r}",
            "write a first line that names the columns, such as order_id,customer_id,ordered_at,net",
            file=name,
        )
    best = max(found, key=lambda one: (one.known > 0, one.share > 0.5, one.known, len(one.header)))
    return TextLayout(
        encoding.value, best.delimiter, best.header, best.row, best.body, (encoding, *_layout_decisions(best, found)),
    )  # fmt: skip


@dataclass(frozen=True)
class _Header:
    """A line that may be the header, by a delimiter."""

    delimiter: str
    header: tuple[str, ...]
    row: int
    body: int
    known: int
    share: float
    above: tuple[str, ...]


def _header_by(text: str, delimiter: str) -> _Header | None:
    """The first of the lines that name the most columns, if the rows after it have as many fields."""
    rows = list(_rows(text, delimiter))
    candidates: list[_Header] = []
    widths = Counter(len(fields) for _, _, fields in rows if any(fields))
    for place, (line, end, fields) in enumerate(rows[:_FIRST_ROWS]):
        if not _may_be_header(fields):
            continue
        after = [len(other) for _, _, other in rows[place + 1 : place + 1001] if any(other)]
        share = sum(width == len(fields) for width in after) / len(after) if after else 1.0
        known = len({meaning for field in fields if field.strip() and (meaning := meaning_of(field))})
        above = tuple(delimiter.join(other).strip(f" {delimiter}") for _, _, other in rows[:place] if any(other))
        if share > 0.5 or (known >= 3 and widths):
            candidates.append(_Header(delimiter, tuple(f.strip() for f in fields), line, end, known, share, above))
    return max(candidates, key=lambda one: (one.share > 0.5, one.known), default=None)


def _may_be_header(fields: list[str]) -> bool:
    named = [field.strip() for field in fields if field.strip()]
    values = sum(_VALUE.fullmatch(field) is not None for field in named)
    return len(named) >= 2 and len(named) > len(fields) / 2 and values == 0 and len(set(named)) > len(named) / 2


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
            if before > 2000:
                return
    except csv.Error:
        return


def _layout_decisions(best: _Header, found: list[_Header]) -> Iterator[Decision]:
    sign = _DELIMITERS[best.delimiter]
    others = [other for other in found if other.delimiter != best.delimiter]
    beaten = f"; by {_DELIMITERS[others[0].delimiter]} only {len(others[0].header)}" if others else ""
    fields = f"the header has {len(best.header)} fields by {sign}, {best.share:.0%} of the rows have as many{beaten}"
    settings = {} if best.delimiter == "," else {"source.delimiter": best.delimiter}
    yield Decision("delimiter", repr(best.delimiter) if best.delimiter != "\t" else "tabulator", fields, settings)
    evidence = f"{counted(best.known, 'name')} of columns known: {', '.join(filter(None, best.header))[:80]}"
    above = f"above it: {' / '.join(best.above)[:80]!r}; " if best.above else ""
    yield Decision(
        "header", f"line {best.row}", above + evidence, {"source.header_row": best.row} if best.row > 1 else {}
    )


def is_sum(text: str) -> bool:
    """Whether a row that begins so is a sum of others.

    Examples
    --------
    >>> is_sum("Grand Total"), is_sum("Summe:"), is_sum("Total Fitness GmbH")
    (True, True, False)
    """
    return _SUM.fullmatch(text.strip(" :*")) is not None and key_of(text) != ""
