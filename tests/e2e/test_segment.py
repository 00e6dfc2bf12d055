"""``cvo segment`` as a user runs it."""

import json
from pathlib import Path

from tests.e2e.conftest import Command


def test_segment_needs_no_model_writes_its_folder_and_speaks_json(cvo: Command, tmp_path: Path) -> None:
    ran = cvo("segment", "--as-of", "2011-09-10", "--months", 1, "--json", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found == json.loads((tmp_path / "out/segments/summary.json").read_text())
    assert (tmp_path / "out/segments/edges/manifest.json").is_file()
    assert found["edges"]["how"] == "cut: none were frozen"
    assert sum(row["customers"] for row in found["groups"]) == found["customers"] == 3363
    assert [month["to"] for month in found["monthly"]] == ["2011-09-10"]


def test_a_dry_run_writes_nothing_and_shows_another_vocabulary(cvo: Command, tmp_path: Path) -> None:
    options = ("--months", 0, "--dry-run", "--set", "vocabulary=reveal", "--set", "scale=5")
    ran = cvo("segment", "--as-of", "2011-09-10", *options, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "Soulmates" in ran.stdout
    assert "About to dump you: " in ran.stdout  # the two definitions disagree here
    assert "repeat customers hold 80 % of their revenue" in ran.stdout
    assert "No last-chance window: mlruns holds no models" in ran.stdout
    assert "nothing was written" in ran.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_call_is_one_sentence(cvo: Command, tmp_path: Path) -> None:
    ran = cvo("segment", "--as-of", "2011-09-10", "--set", "vocabulary=own", cwd=tmp_path)
    assert ran.returncode == 2
    assert "vocabulary own and groups go together" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_method_is_refused_before_anything_is_read(cvo: Command, tmp_path: Path) -> None:
    ran = cvo("segment", "--as-of", "2011-09-10", "--model", "dbscan", cwd=tmp_path)
    assert ran.returncode == 2
    assert "--model 'dbscan' is unknown: use kmeans or mixture" in ran.stderr
    assert "Reading" not in ran.stdout
    assert list(tmp_path.iterdir()) == []
