"""``cvo audience`` on a scored shop with addresses: the file, the words, and each refusal."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from hashlib import sha256
from pathlib import Path

import pandas as pd
import pytest

from cvo_ml.cli import main
from cvo_ml.core.store import write_run
from tests.builders import null_scores

Run = Callable[..., tuple[int, str, str]]
SHOP = """name: mine
currency: EUR
source: {path: orders.csv}
columns: {order_id: order, customer_id: client, ordered_at: date, net: total}
tables:
  customers:
    source: {path: customers.csv}
    columns: {customer_id: id%s}
    profile: {%s}
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Run the command line in a folder with a scored shop of 300; exit code, output and complaints."""
    names = [f"c{place:03}" for place in range(300)]
    orders = [f"o{place},{name},2023-03-01,{10 + place}" for place, name in enumerate(names)]
    people = [f"{name},{name.upper()}@Example.org,{'no' if place % 3 == 0 else 'yes'}"
              for place, name in enumerate(names)]  # fmt: skip
    (tmp_path / "orders.csv").write_text("\n".join(["order,client,date,total", *orders]) + "\n")
    (tmp_path / "customers.csv").write_text("\n".join(["id,mail,agreed", *people]) + "\n")
    scores = null_scores(names, date(2023, 6, 1)).assign(historic_clv=[10.0 + place for place in range(300)])
    write_run(tmp_path / "out" / "scores", scores.assign(total_clv=scores["historic_clv"]), {"shop": "mine"})
    (tmp_path / "out" / "shop.yaml").write_text(SHOP % (", marketing_consent: agreed", "email: mail"))
    monkeypatch.chdir(tmp_path)

    def _run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["cvo", "audience", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capfd.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return _run


def test_the_best_who_agreed_are_written_hashed_and_everybody_is_accounted_for(run: Run) -> None:
    code, said, _ = run("--format", "meta", "--top", "0.6")
    assert code == 0
    assert "120 of 300 customers listed by total_clv as of 2023-06-01" in said
    assert "100 left out: without consent" in said
    assert "80 left out: less valuable" in said
    listed = pd.read_csv("out/audience-meta.csv")
    assert listed.columns.tolist() == ["email", "value"]
    assert listed["value"].iloc[0] == 10 + 299
    assert listed["email"].iloc[0] == sha256(b"c299@example.org").hexdigest()
    assert "example" not in Path("out/audience-meta.csv").read_text()


def test_machines_get_the_ledger_and_google_its_header(run: Run) -> None:
    code, said, _ = run("--format", "google", "--value", "historic_clv", "--file", "lists/seeds.csv", "--json")
    report = json.loads(said)
    assert code == 0
    assert report["ledger"] == {"known": 300, "listed": 20, "left_out": {"below_the_top": 180, "no_consent": 100}}
    assert "20 people are few" in report["notes"][0]
    assert Path("lists/seeds.csv").read_text().splitlines()[0] == "Email"
    assert not Path("out/audience-google.csv").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--format", "tiktok"], 2, "--format 'tiktok' is unknown: use meta or google"),
        (["--format", "meta", "--value", "clv"], 2, "use total_clv, predicted_clv, historic_clv"),
        (["--format", "meta", "--top", "1.5"], 2, "the top share 1.5 is not above 0 and at most 1"),
        (["--format", "meta", "--out", "elsewhere"], 3, "holds no scores yet: run 'cvo score' first"),
        (["--format", "meta", "--shop", "online_retail"], 2, "these scores are of shop 'mine'"),
        (["--format", "meta", "--value", "predicted_clv"], 3, "nobody has a predicted_clv (not_trained): use --value"),
        (["--format", "meta", "--file", "orders.csv/list.csv"], 2, "orders.csv/list.csv: cannot be used"),
        (["--format", "meta", "--file", "out"], 2, "out: cannot be used (Is a directory)"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_and_writes_nothing(
    run: Run, arguments: list[str], code: int, words: str
) -> None:
    before = sorted(Path().rglob("*"))
    found, _, complaint = run(*arguments)
    assert found == code
    assert words in complaint
    assert complaint.count("\n") == 1
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(
    ("consent", "profile", "words"),
    [
        (", marketing_consent: agreed", "", "column 'email': no e-mail addresses"),
        ("", "email: mail", "nobody's consent is known"),
        (", marketing_consent: agreed", "email: id", "nobody may be listed: no_address 300"),
    ],
)
def test_data_that_carry_no_list_are_refused(run: Run, consent: str, profile: str, words: str) -> None:
    Path("out/shop.yaml").write_text(SHOP % (consent, profile))
    code, _, complaint = run("--format", "meta")
    assert code == 3
    assert words in complaint
    assert not list(Path("out").glob("audience*"))


def test_an_interrupted_list_leaves_the_old_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("--format", "meta")[0] == 0
    old = Path("out/audience-meta.csv").read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    code, _, complaint = run("--format", "meta", "--top", "1")
    assert (code, Path("out/audience-meta.csv").read_bytes()) == (2, old)
    assert "out/audience-meta.csv: no space is left on the disk" in complaint
    shown = sorted(path.name for path in Path("out").iterdir() if not path.name.startswith("."))
    assert shown == ["audience-meta.csv", "current", "published", "scores", "shop.yaml"]
    assert not list(Path("out/.staging").iterdir())
