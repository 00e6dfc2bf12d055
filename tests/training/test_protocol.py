"""What a job says when it fails: one line, for people."""

from __future__ import annotations

import json
import sqlite3
import sys

import pytest

from training.protocol import speaking


def test_a_database_that_cannot_be_written_is_named_and_is_no_bug(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.__stdout__", sys.stdout)

    def work() -> None:
        with sqlite3.connect("file:/dev/null/mlflow.db", uri=True) as connection:
            connection.execute("CREATE TABLE t (x)")

    assert speaking(work) == 2
    said = json.loads(capsys.readouterr().out)
    assert said["event"] == "error"
    assert "MLflow's database cannot be used (unable to open database file)" in said["text"]


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        speaking(lambda: 1 / 0)
