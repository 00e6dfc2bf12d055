"""ROBUSTNESS §5: one person goes through everything, and is found in nothing but the lists that are made of people."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.frozen.scenario import CHURN, CLV, WITHOUT_HAZARD, WITHOUT_HYBRID, prepared
from tests.security.command_lines import run, step

pytestmark = pytest.mark.slow  # it trains
IDENTITY = "Canary-Id-58213"
PERSON = {"name": "Canarina Quill", "phone": "+49 30 5550 8213", "email": "canarina.quill@example.test"}
#: Lists of people, which hold ids and nothing else of a person, the page that shows the first of them among them. Names
#: are patterns in the folder of results.
LISTS = ("**/part-*.parquet", "**/plan.parquet", "**/priorities.csv", "**/report.html", "**/segments/customers.csv",
         "**/segments/events.csv", "**/outcomes/**/*.parquet")  # fmt: skip
FIRST, LATER = "2023-02-01", "2023-04-01"
WORK = (
    f"check --shop shop.yaml --as-of {FIRST} --horizon 60D",
    f"train clv churn --shop shop.yaml --as-of {FIRST} {CLV} {WITHOUT_HYBRID} {CHURN} {WITHOUT_HAZARD}",
    f"score --shop shop.yaml --as-of {FIRST} --out out",
    f"segment --shop shop.yaml --as-of {FIRST} --months 1 --out out",
    "plan --out out --budget 400 --set holdout.share=0.4",
    "evaluate --horizon 60D --out out",
    "outcomes --horizon 60D --out out",
    f"score --shop shop.yaml --as-of {LATER} --out out",
    f"segment --shop shop.yaml --as-of {LATER} --months 1 --out out",
    "report --out out",
    "monitor --out out",
    "audience --format meta --top 0.9 --out out",
    "models show churn",
    "models export churn --to dossiers",
    "models export clv --to dossiers",
    # and what is refused: a row of the person's own is in question
    "check --shop broken.yaml",
    "check --shop doubled.yaml",
)


def with_canary(world: Path) -> None:
    """The stored shop; its best customer is the canary, with a name and a phone that others have too."""
    orders = pq.read_table(world / "tables" / "orders.parquet")
    totals = orders.group_by("customer_id").aggregate([("net", "sum")]).sort_by([("net_sum", "descending")])
    best = totals["customer_id"][0].as_py()
    for file in (world / "tables").glob("*.parquet"):
        table = pq.read_table(file)
        if "customer_id" not in table.column_names:
            continue
        ids = [IDENTITY if one == best else one for one in table["customer_id"].to_pylist()]
        table = table.set_column(table.schema.get_field_index("customer_id"), "customer_id", pa.array(ids))
        if file.stem == "customers":
            for name, value in PERSON.items():
                known = table[name].to_pylist() if name in table.column_names else [f"{name} {one}" for one in ids]
                table = put(
                    table, name, [value if one == IDENTITY else own for one, own in zip(ids, known, strict=True)]
                )
            table = put(table, "marketing_consent", [True] * len(ids))
        pq.write_table(table, file)
    shop = (world / "shop.yaml").read_text().replace("profile: {", "profile: {name: name, phone: phone, ")
    (world / "shop.yaml").write_text(shop)
    refused(world)


def put(table: pa.Table, name: str, values: list[object]) -> pa.Table:
    """The table with a column, in the place of one of that name."""
    place = table.schema.get_field_index(name)
    return table.append_column(name, [values]) if place < 0 else table.set_column(place, name, [values])


def refused(world: Path) -> None:
    """Two files of orders that are refused for what stands in the canary's rows."""
    head, mapped = (
        "client,id,date,total\n",
        "columns: {customer_id: client, order_id: id, ordered_at: date, net: total}\n",
    )
    row = f"{IDENTITY},{PERSON['phone']},{PERSON['name']},{PERSON['email']}\n"
    (world / "broken.csv").write_text(head + row * 3)
    (world / "doubled.csv").write_text(head + f"{IDENTITY},1,2024-01-01,5\n{IDENTITY},1,2024-01-02,6\n")
    for name in ("broken", "doubled"):
        text = f"name: {name}\ncurrency: EUR\nsource: {{path: {name}.csv}}\n{mapped}"
        (world / f"{name}.yaml").write_text(text)


def found_in(folder: Path, texts: list[str]) -> Iterator[tuple[str, str]]:
    """Each file below a folder that holds one of the texts, in its bytes or its values."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if path.suffix == ".parquet":
            content += repr(pq.read_table(path).to_pydict()).encode()
        for text in texts:
            forms = {text, json.dumps(text)[1:-1], text.replace(" ", "%20")}
            if any(form.encode(coded) in content for form in forms for coded in ("utf-8", "utf-16-le")):
                yield str(path.relative_to(folder)), text


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, str]]]:
    """The folder after a shop's whole life, and what each command printed."""
    world = prepared(tmp_path_factory.mktemp("canary") / "world")
    with_canary(world)
    printed = run(world, [step(f"--log-json {line}") for line in WORK])
    for line, found in zip(WORK, printed, strict=True):
        assert found["code"] == (3 if line.startswith(("check --shop b", "check --shop d")) else 0), (line, found)
    return world, printed


def test_nothing_that_is_printed_or_logged_names_a_person(lived: tuple[Path, list[dict[str, str]]]) -> None:
    for line, found in zip(WORK, lived[1], strict=True):
        for text in (IDENTITY, *PERSON.values()):
            assert text not in found["out"] + found["err"], line


def test_no_model_no_run_and_no_page_holds_a_person(lived: tuple[Path, list[dict[str, str]]]) -> None:
    world, everything = lived[0], [IDENTITY, *PERSON.values()]
    for folder in ("mlruns", "dossiers"):
        assert list(found_in(world / folder, everything)) == []
    with closing(sqlite3.connect(world / "mlruns" / "mlflow.db")) as database:
        said = "\n".join(database.iterdump())
    assert not [text for text in everything if text in said]


def test_results_hold_ids_in_lists_of_people_alone(lived: tuple[Path, list[dict[str, str]]]) -> None:
    out = lived[0] / "out"
    lists = {str(path.relative_to(out)) for pattern in LISTS for path in out.glob(pattern)}
    assert sorted({name for name, _ in found_in(out, [IDENTITY])} - lists) == []
    assert {name for name, _ in found_in(out, [IDENTITY])} & lists
    assert list(found_in(out, list(PERSON.values()))) == []


def test_a_refusal_and_the_quarantine_name_rows_and_no_values(lived: tuple[Path, list[dict[str, str]]]) -> None:
    broken, doubled = (found["out"] + found["err"] for found in lived[1][-2:])
    assert "column" in broken
    assert "1" in doubled
