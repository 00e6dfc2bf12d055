"""FAULT-S5: the bytes that are hashed are the bytes that are parsed.

Before, a CSV was read twice, once for its hash and once for its rows, and a Parquet file too: a file that was swapped
between stood with its new rows under its old hash.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cvo_ml.core.errors import DataError
from cvo_ml.core.input_files import InputFile
from cvo_ml.ingest import read_shop
from cvo_ml.ingest.sources import inspection, parquet
from tests.ingest.conftest import orders_text, shop
from tests.security.swapped_files import FORMATS, READERS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What came of each case of ``swapped_files``."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.security.swapped_files", str(tmp_path_factory.mktemp("swapped"))],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return list(json.loads(ran.stdout))


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", FORMATS)
def test_a_file_that_is_swapped_is_read_as_it_was_or_as_it_is_or_refused(
    outcomes: list[dict[str, Any]], kind: str, reader: str
) -> None:
    cases = [each for each in outcomes if each["case"].startswith(f"{kind}, {reader}, ")]
    assert cases
    for case in cases:
        found = case["found"]
        refused = isinstance(found, str) and "changed while it was read: wait until it is written whole" in found
        assert refused or found in case["clean"], case


def test_a_file_that_is_read_again_and_was_swapped_meanwhile_is_refused(outcomes: list[dict[str, Any]]) -> None:
    """The cases above hold something: the readers that open a file twice do refuse."""
    refused = [each["case"] for each in outcomes if isinstance(each["found"], str)]
    for reader in ("streamed", "in batches"):
        for how in ("rename", "rewrite"):
            assert f"CSV, {reader}, {how} before open 2" in refused


@pytest.fixture
def rewritten(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Bytes that an open file gets in place before it is read from its start for the second time."""
    content: list[bytes] = []
    original = InputFile.stream
    seen: dict[InputFile, int] = {}

    def stream(self: InputFile) -> Any:
        seen[self] = seen.get(self, 0) + 1
        if seen[self] == 2 and content:
            self.path.write_bytes(content.pop())
        return original(self)

    monkeypatch.setattr(InputFile, "stream", stream)
    return content


def test_a_parquet_file_that_is_written_over_between_its_rows_and_its_hash_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rewritten: list[bytes]
) -> None:
    frame = pd.DataFrame([line.split(",") for line in orders_text(9)[1:]], columns=orders_text(1)[0].split(","))
    path = tmp_path / "orders.parquet"
    frame.assign(amount="9.50").to_parquet(path)
    rewritten.append(path.read_bytes())
    frame.to_parquet(path)
    monkeypatch.setattr(parquet, "HELD", 0)
    with pytest.raises(DataError, match="changed while it was read"):
        read_shop(shop(str(path)))


def test_a_file_that_changes_between_two_looks_with_its_times_set_back_is_refused_by_its_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The times of a file are a quick look; what counts for text is the hash of the bytes that were parsed."""
    path = tmp_path / "orders.csv"
    path.write_text("\n".join(orders_text(9)) + "\n")
    monkeypatch.setattr(inspection.Stamp, "holds", lambda *_: True)
    inspected = inspection.inspect_text(path, "utf-8", path.name, hold=0)
    path.write_text("\n".join(orders_text(9)).replace(".50", ".70") + "\n")
    with pytest.raises(DataError, match="changed while it was read"), inspected.stream() as stream:
        stream.read(10)


def test_a_file_that_is_still_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export that grows while it is read at once."""
    path = tmp_path / "orders.parquet"
    pd.DataFrame([line.split(",") for line in orders_text(9)[1:]]).to_parquet(path)
    original = InputFile.stream

    def stream(self: InputFile) -> Any:
        with self.path.open("ab") as file:
            file.write(b"more")
        return original(self)

    monkeypatch.setattr(InputFile, "stream", stream)
    with pytest.raises(DataError, match="changed while it was read"):
        read_shop(shop(str(path)))


def test_the_hash_of_a_source_is_that_of_its_unpacked_bytes(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("\n".join(orders_text(9)) + "\n")
    (source,) = read_shop(shop(str(path))).sources
    assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
