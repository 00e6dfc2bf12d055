"""How exports are written: text in the ways of many countries, and spreadsheets, by the bytes."""

from __future__ import annotations

import csv
import io
import struct
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal
from xml.sax.saxutils import escape

from tests.exports.shop import Sale

#: Header to what stands under it for a sale.
Columns = Mapping[str, Callable[[Any], object]]
_EPOCH: Final = datetime(1970, 1, 1)
_SPREADSHEET_EPOCH: Final = datetime(1899, 12, 30)


@dataclass(frozen=True)
class Dialect:
    """How an export writes text, numbers and days.

    Parameters
    ----------
    sign:
        Where a currency stands: ``"$#"`` before the number, ``"# €"`` after it, ``"#"`` nowhere.
    negative:
        ``"-#"``, ``"#-"`` or ``"(#)"``.
    lakh:
        Groups of two digits above the thousands, as in India.
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    decimal: str = "."
    thousands: str = ""
    lakh: bool = False
    places: int = 2
    sign: str = "#"
    negative: str = "-#"
    day: str = "%Y-%m-%d %H:%M:%S"
    quote_all: bool = False
    newline: str = "\n"
    null: str = ""
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()
    trailing: str = ""

    def money(self, amount: Decimal) -> str:
        digits = f"{abs(amount):.{self.places}f}"
        whole, _, cents = digits.partition(".")
        text = _grouped(whole, self.thousands, self.lakh) + (self.decimal + cents if cents else "")
        text = self.sign.replace("#", text)
        return self.negative.replace("#", text) if amount < 0 else text

    def text(self, value: object) -> str:
        if value is None:
            return self.null
        if isinstance(value, Decimal):
            return self.money(value)
        if isinstance(value, datetime):
            return _day(value, self.day)
        return str(value)

    def file(self, header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
        buffer = io.StringIO()
        quoting: Literal[0, 1] = csv.QUOTE_ALL if self.quote_all else csv.QUOTE_MINIMAL
        writer = csv.writer(buffer, delimiter=self.delimiter, quoting=quoting, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([self.text(value) for value in row] for row in rows)
        lines = [line + self.trailing for line in buffer.getvalue().splitlines()]
        return (self.newline.join([*self.above, *lines, *self.below]) + self.newline).encode(
            self.encoding,
            errors="replace",  # as spreadsheets do with letters that an old encoding does not have
        )


def _day(value: datetime, how: str) -> str:
    if how.startswith("epoch"):
        return str(int((value - _EPOCH).total_seconds()) * {"epoch_s": 1, "epoch_ms": 1000, "epoch_us": 10**6}[how])
    if "#" in how:  # days and months without a leading zero, as spreadsheets write them
        for code, number in (("#d", value.day), ("#m", value.month), ("#H", value.hour), ("#I", value.hour % 12 or 12)):
            how = how.replace(code, str(number))
    return value.strftime(how)


def _grouped(whole: str, sign: str, lakh: bool) -> str:
    if not sign or len(whole) < 4:
        return whole
    rest, last = whole[:-3], whole[-3:]
    size = 2 if lakh else 3
    groups = [rest[max(0, end - size) : end] for end in range(len(rest), 0, -size)][::-1]
    return sign.join([*groups, last])


def write(path: Path, rows: Iterable[Any], columns: Columns, dialect: Dialect = Dialect()) -> Path:
    """Text with one row for each item."""
    path.write_bytes(dialect.file(list(columns), ([of(row) for of in columns.values()] for row in rows)))
    return path


def line_rows(chosen: Iterable[Sale]) -> list[tuple[Sale, Any]]:
    """(sale, line) of each order line."""
    return [(sale, line) for sale in chosen for line in sale.lines]


# --- spreadsheets -----------------------------------------------------------------------------------------------------

Sheets = Mapping[str, Sequence[Sequence[object]]]
_DAY_STYLE: Final = 1  # the second of the styles below: day and time


def xlsx(path: Path, sheets: Sheets) -> Path:
    """A workbook: texts, numbers and true days."""
    names = list(sheets)
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" '
        'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>',
        "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="r1" Type="{kind}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
        f'xmlns:r="{kind}"><sheets>'
        + "".join(f'<sheet name="{escape(name)}" sheetId="{n}" r:id="r{n}"/>' for n, name in enumerate(names, 1))
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/'
        'relationships">'
        + "".join(
            f'<Relationship Id="r{n}" Type="{kind}/worksheet" Target="worksheets/sheet{n}.xml"/>'
            for n in range(1, len(names) + 1)
        )
        + f'<Relationship Id="r{len(names) + 1}" Type="{kind}/styles" Target="styles.xml"/></Relationships>',
        "xl/styles.xml": '<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        '<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="22" applyNumberFormat="1"/></cellXfs></styleSheet>',
    }
    for n, name in enumerate(names, 1):
        rows = "".join(
            f'<row r="{r}">' + "".join(_xlsx_cell(value, r, c) for c, value in enumerate(row)) + "</row>"
            for r, row in enumerate(sheets[name], 1)
        )
        parts[f"xl/worksheets/sheet{n}.xml"] = (
            '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
            f"<sheetData>{rows}</sheetData></worksheet>"
        )
    return _zipped(path, parts)


def _xlsx_cell(value: object, row: int, column: int) -> str:
    place = f'r="{_letters(column)}{row}"'
    if value is None:
        return ""
    if isinstance(value, datetime):
        days = (value - _SPREADSHEET_EPOCH).total_seconds() / 86_400
        return f'<c {place} s="{_DAY_STYLE}"><v>{days!r}</v></c>'
    if isinstance(value, Decimal | int | float):
        return f"<c {place}><v>{value}</v></c>"
    return f'<c {place} t="inlineStr"><is><t xml:space="preserve">{escape(str(value))}</t></is></c>'


def _letters(column: int) -> str:
    return (_letters(column // 26 - 1) if column >= 26 else "") + chr(65 + column % 26)


def ods(path: Path, sheets: Sheets) -> Path:
    """An OpenDocument workbook."""
    tables = "".join(
        f'<table:table table:name="{escape(name)}">'
        + "".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows)
        + "</table:table>"
        for name, rows in sheets.items()
    )
    spaces = "".join(
        f' xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
    )
    return _zipped(
        path,
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "META-INF/manifest.xml": '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:'
            'manifest:1.0"><manifest:file-entry manifest:full-path="/" '
            'manifest:media-type="application/vnd.oasis.opendocument.spreadsheet"/></manifest:manifest>',
            "content.xml": f"<office:document-content{spaces}><office:body><office:spreadsheet>{tables}"
            "</office:spreadsheet></office:body></office:document-content>",
        },
    )


def _ods_cell(value: object) -> str:
    if value is None:
        return "<table:table-cell/>"
    if isinstance(value, datetime | date):
        kind = f'office:value-type="date" office:date-value="{value.isoformat()}"'
    elif isinstance(value, Decimal | int | float):
        kind = f'office:value-type="float" office:value="{value}"'
    else:
        kind = 'office:value-type="string"'
    return f"<table:table-cell {kind}><text:p>{escape(str(value))}</text:p></table:table-cell>"


def _zipped(path: Path, parts: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def sheet_of(rows: Iterable[Any], columns: Columns) -> list[list[object]]:
    """Rows of a sheet, the header first."""
    return [list(columns), *([of(row) for of in columns.values()] for row in rows)]


def xls(path: Path, sheets: Sheets) -> Path:
    """A workbook of Excel 97: records of BIFF8 in a compound file of one stream."""
    bodies = [_record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 0, 0, 0)) + _xls_cells(rows) + _record(0x0A)
              for rows in sheets.values()]  # fmt: skip
    begin = _record(0x809, struct.pack("<HHHHII", 0x600, 0x05, 0, 0, 0, 0)) + b"".join(
        _record(0xE0, struct.pack("<HHHBBHIIH", 0, number_format, 0, 0, 0, 0, 0, 0, 0)) for number_format in (0, 22)
    )
    names = [_xls_text(name, "<BB") for name in sheets]
    place = len(begin) + sum(4 + 6 + len(name) for name in names) + 4
    for name, body in zip(names, bodies, strict=True):
        begin += _record(0x85, struct.pack("<IH", place, 0) + name)
        place += len(body)
    path.write_bytes(_compound("Workbook", begin + _record(0x0A) + b"".join(bodies)))
    return path


def _record(kind: int, content: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def _xls_text(text: str, length: str) -> bytes:
    return struct.pack(length, len(text), 1) + text.encode("utf-16-le")


def _xls_cells(rows: Sequence[Sequence[object]]) -> bytes:
    cells = b""
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            if isinstance(value, datetime):
                days = (value - _SPREADSHEET_EPOCH).total_seconds() / 86_400
                cells += _record(0x203, struct.pack("<HHHd", r, c, _DAY_STYLE, days))
            elif isinstance(value, Decimal | int | float):
                cells += _record(0x203, struct.pack("<HHHd", r, c, 0, value))
            elif value is not None:
                cells += _record(0x204, struct.pack("<HHH", r, c, 0) + _xls_text(str(value), "<HB"))
    return cells


def _compound(name: str, content: bytes) -> bytes:
    """A compound file with one stream, which begins in the first sector after the header."""
    size, free, last, table = 512, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
    content = content.ljust(max(4096, -(-len(content) // size) * size), b"\0")
    sectors = len(content) // size
    tables = -(-(sectors + 1) // 127)
    chain = [*range(1, sectors), last, last, *[table] * tables]  # the stream, the folder, the table of sectors
    chain += [free] * (tables * 128 - len(chain))
    header = struct.pack(
        "<8s16sHHHHH6sIIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6, b"", 0, tables,
        sectors, 0, 4096, last, 0, last, 0, sectors + 1,
    )  # fmt: skip
    header += struct.pack(f"<{108}I", *range(sectors + 2, sectors + 1 + tables), *[free] * (109 - tables))
    entries = (
        _entry("Root Entry", 5, 1, last, 0) + _entry(name, 2, free, 0, len(content)) + _entry("", 0, free, 0, 0) * 2
    )
    return header + content + entries + struct.pack(f"<{len(chain)}I", *chain)


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    text = name.encode("utf-16-le") + b"\0\0" if name else b""
    free = 0xFFFFFFFF
    head = struct.pack("<64sHBBIII", text, len(text), kind, 1, free, free, child)
    return head + bytes(36) + struct.pack("<IQ", start, size)
