"""Shops and files made for a test."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cvo_ml.config.shops import ShopConfig
from cvo_ml.ingest import batches

from . import postgres

PLAIN = {"order_id": "order", "customer_id": "customer", "ordered_at": "date", "net": "amount"}
REPOSITORY = Path(__file__).resolve().parents[2]


def shop(path: str | Path = "orders.csv", **declared: Any) -> ShopConfig:
    """A shop of four columns; ``source`` fields and shop fields may be given."""
    source = {"path": str(path)} | declared.pop("source", {})
    return ShopConfig.model_validate(
        {"name": "test", "currency": "EUR", "source": source, "columns": PLAIN, **declared}
    )


def orders_text(rows: int) -> list[str]:
    """Header and rows of a clean file, each order of its own customer and day."""
    lines = ["order,customer,date,amount"]
    return lines + [f"A{row},C{row % 7},2024-01-{row % 28 + 1:02},{row}.50" for row in range(1, rows + 1)]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write text, lines or bytes to a file of the test."""

    def _write(content: str | bytes | list[str], name: str = "orders.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        text = "\n".join(content) + "\n" if isinstance(content, list) else content
        path.write_bytes(text if isinstance(text, bytes) else text.encode(encoding))
        return path

    return _write


@pytest.fixture(params=["at once", "in batches"])
def both_readers(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read at once, and as if each were larger than memory."""
    if request.param == "in batches":
        monkeypatch.setattr(batches, "LARGE", 0)


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """The address of a PostgreSQL server of the tests' own; skips where none can be had."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: install the extra postgres")
    if postgres.programs() is None:
        pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
    try:
        running = postgres.server()
        found = running.__enter__()
    except (OSError, RuntimeError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a PostgreSQL server cannot be started here ({type(error).__name__})")
    yield found
    running.__exit__(None, None, None)
