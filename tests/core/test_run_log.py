"""Log records: the run that they belong to, and lines that stay lines."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from cvo_ml.core.run_log import JsonLines, PlainLines, RunFilter, logged, new_run, run_id

LOGGER = logging.getLogger("cvo_ml.test")


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    return [json.loads(JsonLines().format(record)) for record in caplog.records]


def test_a_use_case_says_when_it_begins_and_ends_with_what_it_counted(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    caplog.handler.addFilter(RunFilter())
    with logged(LOGGER, "score", shop="mine") as facts, logged(LOGGER, "report"):
        facts["customers"] = 3
    first, inner, inner_end, last = lines(caplog)
    assert (first["message"], first["shop"]) == ("score begins", "mine")
    assert (last["message"], last["customers"]) == ("score is done", 3)
    assert isinstance(last["seconds"], float)
    assert first["run"] == inner["run"] == inner_end["run"] == last["run"] != ""


def test_a_use_case_that_fails_says_with_what(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with pytest.raises(KeyError), logged(LOGGER, "score"):
        raise KeyError("secret")
    assert lines(caplog)[-1]["error"] == "KeyError"
    assert "secret" not in caplog.text


def test_threads_have_runs_of_their_own() -> None:
    def run(_: int) -> str:
        with new_run() as name:
            assert name == run_id()
            return name

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(run, range(20)))) == 20
    assert run_id() == ""


@pytest.mark.parametrize("text", ["two\r\nlines", "\x1b]0;title\x07", "\x9b2J", "\u2028", "\x7f"])
def test_no_text_leaves_its_line_or_moves_the_cursor(text: str) -> None:
    record = logging.LogRecord("cvo_ml", logging.WARNING, "", 0, "orders of %s", (text,), None)
    for form in (JsonLines(), PlainLines()):
        line = form.format(record)
        assert line.isprintable()
        assert len(line.splitlines()) == 1
