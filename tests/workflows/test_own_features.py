"""Features of the user's own from the job to the score: learnt with, carried in the bundle, run only where trusted."""

from __future__ import annotations

import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cvo_ml as cvo
from cvo_ml.config.jobs import IcpJob, LeakPolicy, Trees
from cvo_ml.config.loader import default_config
from cvo_ml.config.readiness import IcpMinima
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import BundleError, ConfigError, ModelRefused
from cvo_ml.core.models import CHURN
from cvo_ml.core.units import Horizon
from cvo_ml.core.workspace import Workspace
from cvo_ml.features import snapshot
from cvo_ml.features.own import FeatureFile
from cvo_ml.predict import LoadedModels
from cvo_ml.registry.bundles.export import load_exported
from cvo_ml.registry.bundles.golden import check_golden
from cvo_ml.registry.bundles.kinds import changed_features
from cvo_ml.registry.bundles.loaded import load_model
from cvo_ml.registry.bundles.own_features import OWN, OWN_FILE
from cvo_ml.registry.bundles.trusted_code import trusted_files
from cvo_ml.workflows.models import ExportRequest, ShadowRequest, export_model, shadow_models
from cvo_ml.workflows.score import ScoreRequest, score
from cvo_ml.workflows.serving_models import open_models, serving_models
from cvo_ml.workflows.train import TrainedModel, TrainRequest, train, training_settings
from tests.builders import SHOP_CUT, SHOP_DAYS, SHOP_START
from training import jobs
from training.icp.fit_customers import train_icp

MINE = '''from cvo_ml import feature


@feature(unit="days", reads=["orders"])
def days_since_big_order(orders, as_of):
    """Days since the last order above 40."""
    big = orders[orders["net"] > 40]
    return (as_of - big.groupby("customer_id")["ordered_at"].max()).dt.days


@feature(unit="category", reads=["orders"])
def size(orders, as_of):
    """How large the baskets are."""
    return orders.groupby("customer_id")["net"].mean().map(lambda mean: "large" if mean > 40 else "small")
'''
QUICK = (
    "churn.horizon=45D", "churn.most_snapshots=4", "churn.season_level=never", "churn.stack=never",
    "churn.trees={rounds: 12, parameters: {num_leaves: 4, min_data_in_leaf: 40, num_threads: 1}}",
    "churn.calibration={method: logistic, windows: 2}", "churn.hazard.enabled=false",
    "churn.more_features=[profile.loyalty_level]", "churn.leaks.known_at_conversion=[country, profile.loyalty_level]",
)  # fmt: skip
READ = ("own.days_since_big_order", "own.size", "profile.loyalty_level")


def shop_files(folder: Path) -> ShopConfig:
    """Customers who stay and customers who fade, as CSV files; their level tells mostly which, recency later."""
    rng = np.random.default_rng(3)
    orders, people = [], []
    for number in range(500):
        name, stays = f"c{number:03}", number % 2 == 0
        day, life = rng.uniform(0, 150), 1e9 if stays else rng.exponential(150)
        end = day + life
        while day < min(end, SHOP_DAYS):
            orders.append((f"o{len(orders):05}", name, SHOP_START + pd.Timedelta(days=day), rng.lognormal(3.6, 0.5)))
            day += rng.exponential(24)
        people.append((name, ("gold" if stays == (rng.uniform() < 0.85) else "silver") if number % 9 else ""))
    columns = ["order_id", "customer_id", "ordered_at", "net"]
    frame = pd.DataFrame(orders, columns=columns).round({"net": 2})
    frame["ordered_at"] = frame["ordered_at"].dt.strftime("%Y-%m-%d %H:%M:%S")
    frame.to_csv(folder / "orders.csv", index=False)
    pd.DataFrame(people, columns=["customer_id", "loyalty_level"]).to_csv(folder / "customers.csv", index=False)
    table = {
        "source": {"path": str(folder / "customers.csv")},
        "columns": {"customer_id": "customer_id"},
        "profile": {"loyalty_level": "loyalty_level"},
    }
    return ShopConfig.model_validate(
        {
            "name": "seeded", "currency": "EUR", "source": {"path": str(folder / "orders.csv")},
            "columns": {name: name for name in columns}, "tables": {"customers": table},
        }
    )  # fmt: skip


def trained_by(place: Workspace, shop: ShopConfig, *more: str, trust_code: bool = False) -> TrainedModel:
    """What training churn gives, in one process."""
    request = TrainRequest(
        names=(CHURN.name,), shop=shop, as_of=SHOP_CUT, overrides=(*QUICK, *more), trust_code=trust_code
    )
    model = train(request, place, jobs).models[0]
    assert isinstance(model, TrainedModel), model
    return model


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a shop, a file of features and a champion that reads them."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "mine.py").write_text(MINE)
    shop = shop_files(folder)
    trained_by(place_in(folder), shop, f"churn.features={folder / 'mine.py'}")
    (folder / "shop.json").write_text(shop.model_dump_json(exclude_defaults=True))
    return folder


@pytest.fixture(scope="module")
def shop_there(home: Path) -> ShopConfig:
    return ShopConfig.model_validate_json((home / "shop.json").read_text())


@pytest.fixture
def own_copy(home: Path, tmp_path: Path) -> Path:
    """The same folder for one test, moved: nobody has trusted anything there."""
    folder = tmp_path / "copy"
    shutil.copytree(home, folder, symlinks=True)
    return folder


def place_in(folder: Path) -> Workspace:
    """The folder's own workspace, whose policy lets a small shop train."""
    minima = folder / "configs" / "policies" / "readiness.yaml"
    if not minima.is_file():
        minima.parent.mkdir(parents=True, exist_ok=True)
        packaged = default_config("policies/readiness.yaml").read_text()
        minima.write_text(packaged.replace("of_each_outcome: 100", "of_each_outcome: 80"))
    return Workspace(folder / "out", folder / "mlruns", folder / "configs")


class TestTheBundle:
    def test_it_holds_the_files_bytes_and_their_digest(self, home: Path) -> None:
        model = serving_models(place_in(home), "seeded", only=[CHURN.name]).models[CHURN.name]
        assert set(READ) <= set(model.model.columns)
        assert model.bundle.files[OWN_FILE] == MINE
        assert model.settings[OWN]["sha256"] == FeatureFile("mine.py", MINE).sha256
        kinds = dict.fromkeys(READ, "category") | {READ[0]: "number"}
        assert model.settings[OWN]["columns"] == kinds
        assert changed_features(model.bundle) is None

    def test_golden_rows_hold_values_of_the_own_columns(self, home: Path) -> None:
        bundle = serving_models(place_in(home), "seeded", only=[CHURN.name]).models[CHURN.name].bundle
        check_golden(bundle)
        assert {value for value in bundle.golden["inputs"]["own.size"] if value} >= {"large", "small"}
        assert any(value is not None for value in bundle.golden["inputs"][READ[0]])

    def test_the_gate_says_what_each_is_made_of(self, home: Path) -> None:
        bundle = serving_models(place_in(home), "seeded", only=[CHURN.name]).models[CHURN.name].bundle
        provenance = bundle.facts["leaks"]["provenance"]
        assert [provenance[name] for name in READ] == ["mine.py: orders", "mine.py: orders", "declared"]

    def test_another_file_is_another_model_with_other_features(self, home: Path) -> None:
        bundle = serving_models(place_in(home), "seeded", only=[CHURN.name]).models[CHURN.name].bundle
        other = FeatureFile("mine.py", MINE + "# a word more\n")
        settings = {**bundle.settings, OWN: {**bundle.settings[OWN], "sha256": other.sha256}}
        changed = replace(bundle, settings=settings, files={**bundle.files, OWN_FILE: other.text})
        assert changed.model_hash != bundle.model_hash
        assert changed_features(changed) is not None

    def test_a_file_that_is_not_the_one_named_is_refused(self, home: Path) -> None:
        bundle = serving_models(place_in(home), "seeded", only=[CHURN.name]).models[CHURN.name].bundle
        swapped = replace(bundle, files={**bundle.files, OWN_FILE: MINE.replace("40", "41")})
        with pytest.raises(BundleError, match="another file of features than it names"):
            load_model(swapped)


class TestServing:
    def test_batch_python_and_ready_features_give_the_same_scores(self, home: Path, shop_there: ShopConfig) -> None:
        batch = score(ScoreRequest(shop=shop_there, as_of=SHOP_CUT, with_report=False), place_in(home)).scores
        batch = batch.set_index("customer_id")["churn_probability"]
        models = cvo.load_models(home / "mlruns", only=CHURN.name)
        tables = cvo.read_shop(shop_there, as_of=SHOP_CUT)
        ours = cvo.score(tables, models, SHOP_CUT)["churn_probability"]
        pd.testing.assert_series_equal(ours.sort_index(), batch.sort_index(), rtol=1e-12, check_names=False)
        ready = cvo.score(cvo.snapshot(tables, SHOP_CUT, models=models), models, SHOP_CUT)["churn_probability"]
        assert np.allclose(ready.reindex(ours.index), ours, rtol=1e-12, equal_nan=True)
        assert ours.notna().sum() > 100

    def test_a_level_that_training_never_saw_is_missing(self, home: Path, shop_there: ShopConfig) -> None:
        models = cvo.load_models(home / "mlruns", only=CHURN.name)
        tables = cvo.read_shop(shop_there, as_of=SHOP_CUT)
        known = cvo.snapshot(tables, SHOP_CUT, models=models)
        for name in ("profile.loyalty_level", "own.size"):
            scores = [
                cvo.score(known.assign(**{name: pd.Series(value, index=known.index, dtype="str")}), models, SHOP_CUT)
                for value in ("platinum", None)
            ]
            assert scores[0]["churn_probability"].equals(scores[1]["churn_probability"])

    def test_the_bundles_copy_scores_and_a_note_says_that_the_file_is_another(
        self, home: Path, shop_there: ShopConfig
    ) -> None:
        before = serving_models(place_in(home), "seeded", only=[CHURN.name])
        assert before.notes == ()
        (home / "mine.py").write_text(MINE.replace("40", "1e9"))
        try:
            after = serving_models(place_in(home), "seeded", only=[CHURN.name])
        finally:
            (home / "mine.py").write_text(MINE)
        assert any("mine.py has changed since version" in note for note in after.notes)
        tables = cvo.read_shop(shop_there, as_of=SHOP_CUT)
        first, second = (snapshot(tables, SHOP_CUT, models.own) for models in (before, after))
        assert first.equals(second)

    def test_a_challenger_of_another_file_is_judged_and_shadowed_by_its_own_copy(
        self, home: Path, shop_there: ShopConfig, tmp_path: Path
    ) -> None:
        """The champion reads what its own copy says, or both would be judged on the newer file's columns."""
        place = place_in(home)
        (tmp_path / "second.py").write_text(MINE.replace("> 40", "> 10"))
        second = trained_by(place, shop_there, f"churn.features={tmp_path / 'second.py'}")
        assert (second.role, second.grade != "D") == ("challenger", True)
        judged = open_models(place, "seeded").evidence(CHURN.name, second.registered)
        assert judged.not_comparable is None
        champion = serving_models(place, "seeded", only=[CHURN.name])
        tables = cvo.read_shop(shop_there, as_of=SHOP_CUT)
        alone = cvo.score(tables, champion, SHOP_CUT)["churn_probability"].mean()
        compared = shadow_models(ShadowRequest(shop=shop_there, as_of=SHOP_CUT), place).models[CHURN.name]
        assert compared.champion_mean == pytest.approx(alone, rel=1e-12)
        assert compared.challenger_scored == compared.champion_scored

    def test_a_walk_through_the_past_trusts_what_the_user_named(self, home: Path, shop_there: ShopConfig) -> None:
        """Bundles of a walk are in no registry: they come with the settings of their training."""
        settings = training_settings([CHURN.name], (*QUICK, f"churn.features={home / 'mine.py'}"), "x", place_in(home))
        assert pickle.loads(pickle.dumps(settings)).own == settings.own  # to the child that trains
        bundle = serving_models(place_in(home), "seeded", only=[CHURN.name]).models[CHURN.name].bundle
        tables = cvo.read_shop(shop_there, as_of=SHOP_CUT)
        models = LoadedModels.of(bundle).trusting(settings.trust)
        assert cvo.score(tables, models, SHOP_CUT)["churn_probability"].notna().any()


class TestTrust:
    def test_training_puts_the_file_that_was_typed_on_the_list_of_the_folder(self, home: Path) -> None:
        known, *_ = trusted_files(home / "mlruns")
        assert (known.sha256, known.path) == (FeatureFile("mine.py", MINE).sha256, str(home / "mine.py"))

    def test_a_folder_from_elsewhere_runs_nothing(self, own_copy: Path, shop_there: ShopConfig) -> None:
        shutil.rmtree(own_copy / "out", ignore_errors=True)
        with pytest.raises(ModelRefused, match="--trust-code") as refused:
            score(ScoreRequest(shop=shop_there, as_of=SHOP_CUT), place_in(own_copy))
        assert refused.value.reason_code == "untrusted_code"
        assert not (own_copy / "out").exists()

    def test_it_runs_when_the_user_says_so(self, own_copy: Path, shop_there: ShopConfig) -> None:
        request = ScoreRequest(shop=shop_there, as_of=SHOP_CUT, trust_code=True, with_report=False)
        assert score(request, place_in(own_copy)).scores["churn_probability"].notna().any()
        assert cvo.load_models(own_copy / "mlruns", only=CHURN.name, trust_code=True).own
        assert trusted_files(own_copy / "mlruns") == ()  # for that call alone

    def test_an_export_runs_only_if_allowed(self, home: Path, tmp_path: Path, shop_there: ShopConfig) -> None:
        export_model(ExportRequest(name=CHURN.name, to=tmp_path / "dossiers"), place_in(home))
        assert load_exported(tmp_path / "dossiers")[CHURN.name].files[OWN_FILE] == MINE
        with pytest.raises(ModelRefused, match="trust_code=True"):
            cvo.load_models(tmp_path / "dossiers")
        models = cvo.load_models(tmp_path / "dossiers", trust_code=True)
        ours = cvo.load_models(home / "mlruns", only=CHURN.name)
        tables = cvo.read_shop(shop_there, as_of=SHOP_CUT)
        first, second = (cvo.score(tables, each, SHOP_CUT)["churn_probability"] for each in (models, ours))
        assert first.equals(second)

    def test_a_job_file_alone_is_no_word_of_the_user(self, own_copy: Path, shop_there: ShopConfig) -> None:
        """A folder that somebody else made may hold configs/jobs/churn.yaml and the file that it names."""
        marker = own_copy / "ran"
        jobs_folder = own_copy / "configs" / "jobs"
        jobs_folder.mkdir(parents=True)
        (jobs_folder / "churn.yaml").write_text("features: mine.py\n")
        (jobs_folder / "mine.py").write_text(f"open({str(marker)!r}, 'w')\n{MINE}")
        with pytest.raises(ModelRefused, match=r"churn\.yaml: brings code") as refused:
            trained_by(place_in(own_copy), shop_there)
        assert refused.value.reason_code == "untrusted_code"
        assert not marker.exists()
        settings = training_settings([CHURN.name], QUICK, "seeded", place_in(own_copy), trust_code=True)
        assert settings.own[CHURN.name].text.endswith(MINE)
        assert training_settings([CHURN.name], QUICK, "seeded", place_in(own_copy)).own  # it is on the list now


class TestOtherModels:
    @pytest.mark.parametrize(
        ("name", "override", "said"),
        [
            ("clv", "clv.features=mine.py", "a CLV model reads purchases alone"),
            ("clv", "clv.more_features=[profile.x]", "name own features under churn"),
            ("icp", "icp.features=mine.py", "a lookalike is judged at its own first order"),
        ],
    )
    def test_say_why_they_have_no_functions(
        self, name: str, override: str, said: str, home: Path, shop_there: ShopConfig
    ) -> None:
        request = TrainRequest(names=(name,), shop=shop_there, as_of=SHOP_CUT, overrides=(override,))
        with pytest.raises(ConfigError, match=said):
            train(request, place_in(home), jobs)

    def test_a_lookalike_reads_columns_of_customers_that_the_job_names_and_vouches_for(
        self, shop_there: ShopConfig
    ) -> None:
        tables = cvo.read_shop(shop_there, as_of=SHOP_CUT)
        with pytest.raises(ConfigError, match=r"icp\.more_features.*did you mean 'loyalty_level'"):
            train_icp(tables, SHOP_CUT, IcpJob(more_features=("profile.loyalty",)))
        job = IcpJob(
            more_features=("profile.loyalty_level",), trees=Trees(rounds=3), age=Horizon("20D"), burn_in=Horizon("1D")
        )
        few = IcpMinima(positives=10)
        with pytest.raises(ModelRefused, match="nobody knows when 'loyalty_level' became known"):
            train_icp(tables, SHOP_CUT, job, few)
        told = job.model_copy(update={"leaks": LeakPolicy(known_at_conversion=("profile.loyalty_level",),
                                                          acknowledged=job.leaks.acknowledged)})  # fmt: skip
        trained = train_icp(tables, SHOP_CUT, told, few)
        assert trained.bundle.facts["leaks"]["provenance"]["loyalty_level"] == "declared"
