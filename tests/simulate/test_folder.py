"""The folder on disk: whole or absent, checked when read, and never deleted by mistake."""

import errno
import json

import pandas as pd
import pytest

from cvo_ml.core.errors import DataError, UsageError
from cvo_ml.simulate import (
    Defects,
    SimulationManifest,
    read_simulated_saas,
    read_simulated_shop,
    simulate_saas,
    simulate_shop,
    write_saas,
    write_shop,
)


def test_a_failure_in_the_middle_leaves_nothing_and_the_old_folder(tmp_path):
    write_shop(tmp_path / "shop", "shop", 20, seed=3)
    before = (tmp_path / "shop" / "manifest.json").read_bytes()

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    for name, overwrite in (("shop", True), ("new", False)):
        with pytest.raises(OSError, match="No space"):
            write_shop(tmp_path / name, "shop", 40, seed=4, overwrite=overwrite, progress=full)
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]
    assert (tmp_path / "shop" / "manifest.json").read_bytes() == before


class TestRoundTrip:
    def test_a_shop_read_back_has_the_same_tables_and_truth(self, tmp_path):
        manifest = write_shop(tmp_path / "shop", "shop", 400, seed=3)
        read, made = read_simulated_shop(tmp_path / "shop"), simulate_shop("shop", 400, seed=3)
        assert (read.config, read.seed) == (made.config, made.seed)
        assert set(read.tables.frames) == set(made.tables.frames)
        for name, frame in made.tables.frames.items():
            pd.testing.assert_frame_equal(read.tables.frames[name], frame)
            assert manifest.files[f"tables/{name}.parquet"].rows == len(frame)
        pd.testing.assert_frame_equal(read.truth.effects("2022-06-01", "90D"), made.truth.effects("2022-06-01", "90D"))

    def test_a_vendor_read_back_has_the_same_truth(self, tmp_path):
        write_saas(tmp_path / "saas", n_leads=1_000)
        read, made = read_simulated_saas(tmp_path / "saas"), simulate_saas(n_leads=1_000)
        ask = ("2022-01-01", "365D")
        pd.testing.assert_series_equal(read.truth.churn_probability(*ask), made.truth.churn_probability(*ask))
        pd.testing.assert_frame_equal(read.truth.leads, made.truth.leads)

    def test_manifest_says_what_was_simulated(self, tmp_path):
        write_shop(tmp_path / "shop", "cdnow", 50, seed=9, tables=["customers"])
        manifest = json.loads((tmp_path / "shop" / "manifest.json").read_text())
        assert (manifest["kind"], manifest["seed"], manifest["customers"]) == ("shop", 9, 50)
        assert manifest["preset"]["name"] == "cdnow"
        assert {"tables/orders.parquet", "tables/customers.parquet", "truth/customers.parquet"} <= set(
            manifest["files"]
        )

    def test_the_manifest_on_disk_is_the_one_returned_and_reads_back(self, tmp_path):
        for manifest in (
            write_shop(tmp_path / "shop", "cdnow", 50, defects=Defects()),
            write_saas(tmp_path / "saas", n_leads=50),
        ):
            folder = tmp_path / manifest.kind
            stored = json.loads((folder / "manifest.json").read_text())
            assert list(stored) == [
                "format", "kind", "seed", "customers" if manifest.kind == "shop" else "leads", "numpy", "defects",
                "files", "preset",
            ]  # fmt: skip
            assert stored == manifest.to_json()
            assert SimulationManifest.from_json(stored).to_json() == stored

    def test_progress_counts_customers(self, tmp_path):
        seen: list[int] = []
        write_shop(tmp_path / "shop", "cdnow", 70, progress=seen.append)
        assert seen[-1] == 70


class TestRefusals:
    def test_an_existing_folder_is_not_touched(self, tmp_path):
        with pytest.raises(UsageError, match="exists"):
            write_shop(tmp_path, "cdnow", 10)

    def test_overwrite_deletes_only_what_the_simulator_wrote(self, tmp_path):
        (tmp_path / "mine.txt").write_text("keep")
        with pytest.raises(UsageError, match="not written by the simulator"):
            write_shop(tmp_path, "cdnow", 10, overwrite=True)
        assert (tmp_path / "mine.txt").read_text() == "keep"

    def test_overwrite_replaces_a_simulated_folder(self, tmp_path):
        for customers in (10, 20):
            write_shop(tmp_path / "shop", "cdnow", customers, overwrite=True)
        assert len(read_simulated_shop(tmp_path / "shop").truth.customers) == 20

    def test_an_interrupted_run_leaves_no_folder(self, tmp_path):
        def stop(done: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            write_shop(tmp_path / "shop", "cdnow", 10, progress=stop)
        assert not (tmp_path / "shop").exists()
        write_shop(tmp_path / "shop", "cdnow", 10)
        assert [path.name for path in tmp_path.iterdir()] == ["shop"]

    def test_a_changed_file_is_refused(self, tmp_path):
        write_shop(tmp_path / "shop", "cdnow", 10)
        frame = pd.read_parquet(tmp_path / "shop" / "truth" / "lives.parquet")
        frame.iloc[:-1].to_parquet(tmp_path / "shop" / "truth" / "lives.parquet")
        with pytest.raises(DataError, match="differs from the manifest"):
            read_simulated_shop(tmp_path / "shop")

    def test_another_kind_and_no_manifest_are_refused(self, tmp_path):
        write_saas(tmp_path / "saas", n_leads=50)
        with pytest.raises(DataError, match="not a shop"):
            read_simulated_shop(tmp_path / "saas")
        with pytest.raises(DataError, match=r"manifest\.json"):
            read_simulated_shop(tmp_path)

    @pytest.mark.parametrize("text", ["[]", "7", '{"format": 1}', '{"format": 1, "kind": "shop", "files": []}'])
    def test_a_manifest_of_something_else_is_refused(self, tmp_path, text: str):
        (tmp_path / "manifest.json").write_text(text)
        with pytest.raises(DataError, match=r"manifest\.json"):
            read_simulated_shop(tmp_path)

    def test_a_dirty_folder_is_not_read_as_clean(self, tmp_path):
        write_shop(tmp_path / "shop", "cdnow", 50, defects=Defects())
        with pytest.raises(DataError, match="planted faults"):
            read_simulated_shop(tmp_path / "shop")

    def test_an_unknown_table_is_refused_with_the_nearest_name(self):
        with pytest.raises(UsageError, match="did you mean 'customers'"):
            simulate_shop("cdnow", 10, tables=["costumers"])
