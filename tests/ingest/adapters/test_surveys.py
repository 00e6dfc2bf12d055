"""Surveys of Typeform and Delighted, as scores with their kind."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from cvo_ml.core.errors import DataError
from cvo_ml.ingest import read_shop
from tests.ingest.adapters.conformance import Conformance, Example, Held

PEOPLE = ("ann@example.org", "bo@example.org", "cy@example.org")
Row = dict[str, Any]
RECOMMEND = "How likely are you to recommend us to a friend or colleague?"
WHY = "What is the main reason for your score?"


def typeform(number: int, who: str, score: str, question: str = RECOMMEND, **more: str) -> Row:
    """A row of "Download your results": hidden fields and questions between the token and the times."""
    row = {
        "#": f"token{number}", question: score, WHY: "Because, well", "email": who, "Response Type": "completed",
        "Start Date (UTC)": f"2024-02-0{number} 09:58:00", "Stage Date (UTC)": "",
        "Submit Date (UTC)": f"2024-02-0{number} 10:00:00", "Network ID": "653e97", "Tags": "", "Ending": "Thanks",
    }  # fmt: skip
    return {**row, **more}


def delighted(number: int, who: str, kind: str = "nps", score: str = "9") -> Row:
    return {
        "Response ID": str(number), "Survey Type": kind, "Score": score, "Comment": "Good", "Email": who,
        "Name": "Somebody", "Created At": f"2024-02-0{number} 10:00:00", "Permalink": "https://example.org/r/1",
    }  # fmt: skip


def delighted_object(number: int, who: str | None, kind: str = "nps", score: int = 9) -> Row:
    """app.delighted.com/docs/api/listing-survey-responses, with expand[]=person."""
    return {
        "id": str(number), "person": {"id": str(10 + number), "email": who, "name": "Somebody"}, "survey_type": kind,
        "score": score, "comment": None, "permalink": "https://example.org/r/1",
        "created_at": 1706745600 + number * 86_400, "updated_at": None, "person_properties": {}, "notes": [],
        "tags": [], "additional_answers": [],
    }  # fmt: skip


class TestTypeform(Conformance):
    example = Example(
        adapter="typeform",
        rows=[
            typeform(1, PEOPLE[0], "9"),
            typeform(2, PEOPLE[1], "4"),
            typeform(3, "", "7"),
            typeform(4, PEOPLE[2], ""),
            typeform(5, PEOPLE[2], "8", **{"Response Type": "partial", "Submit Date (UTC)": ""}),
        ],
        tables={"surveys": Held(2, {"score": 13.0})},
        needed="Submit Date (UTC)",
        beside=PEOPLE,
    )

    def test_it_is_told_why_a_response_is_none(self, tmp_path: Path) -> None:
        result = self.read(tmp_path)
        assert dict(result.ledger_of("surveys").excluded) == {
            "anonymous response": 1, "not submitted": 1, "response without a score": 1
        }  # fmt: skip
        assert result.tables.get("surveys")["answered_at"].tolist()[0] == pd.Timestamp("2024-02-01 10:00")

    @pytest.mark.parametrize(
        ("question", "kind"),
        [
            (RECOMMEND, "nps"), ("Wie wahrscheinlich ist es, dass Sie uns weiterempfehlen?", "nps"),
            ("How satisfied are you with your order?", "csat"), ("Wie zufrieden sind Sie?", "csat"),
            ("How easy was it to get help?", "ces"),
        ],
    )  # fmt: skip
    def test_the_words_of_a_question_say_its_kind(self, question: str, kind: str, tmp_path: Path) -> None:
        rows = [typeform(1, PEOPLE[0], "5", question), typeform(2, PEOPLE[1], "4", question)]
        found = self.read(tmp_path, replace(self.example, rows=rows)).tables.get("surveys")
        assert found["kind"].tolist() == [kind] * 2

    def test_a_recommendation_is_the_score_where_others_are_asked_too(self, tmp_path: Path) -> None:
        rows = [
            {**typeform(1, PEOPLE[0], "9"), "How satisfied are you?": "4", "How many orders did you place?": "3"},
            {**typeform(2, PEOPLE[1], "8"), "How satisfied are you?": "5", "How many orders did you place?": "2"},
        ]
        found = self.read(tmp_path, replace(self.example, rows=rows)).tables.get("surveys")
        assert found[["kind", "score"]].to_numpy().tolist() == [["nps", 9.0], ["nps", 8.0]]

    @pytest.mark.parametrize(
        ("questions", "words"),
        [
            (
                {"How satisfied are you?": "4", "How easy was it?": "3"},
                r"several questions hold scores: 'How satisfied",
            ),
            ({"And you?": "5"}, r"column 'And you\?': its words do not say what it asks: .*constants: \{kind: nps\}"),
            ({"And you?": "yes"}, r"no question holds scores: .*columns: \{score: "),
        ],
    )
    def test_what_has_two_readings_is_refused(self, questions: Row, words: str, tmp_path: Path) -> None:
        row = {key: value for key, value in typeform(1, PEOPLE[0], "").items() if key != RECOMMEND}
        with pytest.raises(DataError, match=words):
            self.read(tmp_path, replace(self.example, rows=[{**row, **questions}]))

    def test_the_shop_may_name_the_question_and_its_kind(self, tmp_path: Path) -> None:
        rows = [typeform(1, PEOPLE[0], "5", "And you?"), typeform(2, PEOPLE[1], "4", "And you?")]
        settings = {"columns": {"score": "And you?"}, "constants": {"kind": "csat"}}
        found = self.read(tmp_path, replace(self.example, rows=rows, settings=settings)).tables.get("surveys")
        assert found[["kind", "score"]].to_numpy().tolist() == [["csat", 5.0], ["csat", 4.0]]

    def test_an_address_that_was_asked_for_is_the_customer(self, tmp_path: Path) -> None:
        rows = [
            {
                ("What is your address?" if key == "email" else key): value
                for key, value in typeform(n, who, "9").items()
            }
            for n, who in enumerate(PEOPLE[:2], start=1)
        ]
        found = self.read(tmp_path, replace(self.example, rows=rows)).tables.get("surveys")
        assert found["customer_id"].tolist() == list(PEOPLE[:2])
        nobody = [{key: value for key, value in rows[0].items() if key != "What is your address?"}]
        with pytest.raises(DataError, match="no column says who answered: pass it to the form as hidden field email"):
            self.read(tmp_path, replace(self.example, rows=nobody))


class TestDelighted(Conformance):
    example = Example(
        adapter="delighted",
        rows=[
            delighted(1, PEOPLE[0]),
            delighted(2, PEOPLE[1], "CSAT", "4"),
            delighted(3, PEOPLE[2], "enps"),
            delighted(4, ""),
        ],
        tables={"surveys": Held(2, {"score": 13.0})},
        needed="Score",
        beside=PEOPLE,
    )

    def test_each_response_has_the_kind_of_its_survey(self, tmp_path: Path) -> None:
        result = self.read(tmp_path)
        assert result.tables.get("surveys")["kind"].tolist() == ["nps", "csat"]
        assert dict(result.ledger_of("surveys").excluded) == {"survey of another kind": 1, "anonymous response": 1}

    def test_headers_may_be_the_fields_of_the_interface(self, tmp_path: Path) -> None:
        names = {"Response ID": "id", "Survey Type": "survey_type", "Score": "score", "Comment": "comment",
                 "Email": "email", "Created At": "created_at"}  # fmt: skip
        rows = [{names.get(key, key): value for key, value in row.items()} for row in self.example.rows]
        assert len(self.read(tmp_path, replace(self.example, rows=rows)).tables.get("surveys")) == 2


class TestDelightedObjects(Conformance):
    example = Example(
        adapter="delighted_api",
        rows=[
            delighted_object(1, PEOPLE[0]),
            delighted_object(2, PEOPLE[1], "ces", 4),
            delighted_object(3, PEOPLE[2], "smileys", 5),
            delighted_object(4, None),
        ],
        tables={"surveys": Held(2, {"score": 13.0})},
        needed="person",
        beside=PEOPLE,
    )

    def test_times_are_unix_times(self, tmp_path: Path) -> None:
        found = self.read(tmp_path).tables.get("surveys")
        assert found["answered_at"].tolist() == [pd.Timestamp("2024-02-02"), pd.Timestamp("2024-02-03")]


def test_a_typeform_that_nobody_has_answered_yet_holds_no_surveys(tmp_path: Path) -> None:
    example = TestTypeform.example
    path = example.write(tmp_path)
    path.write_text(path.read_text(encoding="utf-8").splitlines()[0] + "\n", encoding="utf-8")
    assert read_shop(example.shop(path)).tables.get("surveys").empty
