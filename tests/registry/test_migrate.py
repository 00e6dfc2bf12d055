"""From the first edition's names to one name a shop: everything moves, and a second run completes the first."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from cvo_ml.core.errors import NoChampion, UsageError
from cvo_ml.core.workspace import Workspace
from cvo_ml.registry.bundles.bundle import save_bundle
from cvo_ml.registry.tracking import Tracker
from cvo_ml.registry.tracking.champions import ChampionHistory
from cvo_ml.registry.tracking.migrate import migrate
from cvo_ml.workflows.serving_models import serving_models
from tests.registry.test_promotion import made

OTHERS = {"clv": "refused", "icp": "refused"}


def of_first_edition(root: Path, slope: float, shop: str) -> int:
    """A version as the first edition registered it: one name for all shops' models, the shop in a tag."""
    everything = Tracker(root)
    with everything.run("churn", f"{shop} 2024-01-01", {"shop": shop}) as run:
        uri = run.log_bundle(save_bundle(made(slope, shop=shop), root.parent / "new"))
    tags = {"grade": "B", "shop": shop, "hash": made(slope, shop=shop).version, "as_of": "2024-01-01"}
    return everything.register(uri, "churn", tags)


@pytest.fixture
def root(tracker: Tracker) -> Path:
    """Shop a was promoted once; then shop b's first model took the place, and a's next one is challenger."""
    history = ChampionHistory(Tracker(tracker.root))
    for slope, shop, kind in ((1.0, "a", "first"), (2.0, "a", "promotion"), (7.0, "b", "first")):
        history.appoint("churn", of_first_edition(tracker.root, slope, shop), kind, "why", {"psi": slope})
    history.challenge("churn", of_first_edition(tracker.root, 3.0, "a"))
    return tracker.root


def whole(root: Path) -> None:
    """What must be true when all has moved."""
    a, b = Tracker(root, "a"), Tracker(root, "b")
    assert (a.champion("churn").parameters["slope"], b.champion("churn").parameters["slope"]) == (2.0, 7.0)
    assert a.champion("churn", "challenger").parameters["slope"] == 3.0
    assert [(row.shop, row.version, row.grade) for row in Tracker(root).registered()] == [
        ("a", 3, "B"), ("a", 2, "B"), ("a", 1, "B"), ("b", 1, "B"),
    ]  # fmt: skip
    history = ChampionHistory(a).history("churn")
    assert [(past.kind, past.before, past.version, past.metrics["psi"]) for past in history] == [
        ("first", None, 1, 1.0), ("promotion", 1, 2, 2.0),
    ]  # fmt: skip
    assert [(past.before, past.version) for past in ChampionHistory(b).history("churn")] == [(None, 1)]
    assert {found.name for found in a.client.search_registered_models()} == {"a-churn", "b-churn"}


def test_everything_moves_and_a_shop_whose_place_was_taken_gets_it_back(root: Path) -> None:
    done = migrate(root)
    assert [(moved.shop, moved.before, moved.version) for moved in done.moved] == [
        ("a", 1, 1), ("a", 2, 2), ("a", 4, 3), ("b", 3, 1),
    ]  # fmt: skip
    assert done.left == ()
    whole(root)
    assert ChampionHistory(Tracker(root, "a")).rollback("churn", "as ever").version == 1


def test_a_second_migration_moves_nothing(root: Path) -> None:
    migrate(root)
    assert migrate(root).moved == ()
    whole(root)


@pytest.mark.parametrize(
    "step",
    [
        "create_registered_model",
        "create_model_version",
        "set_registered_model_alias",
        "log_batch",
        "delete_registered_model",
    ],
)
@pytest.mark.parametrize("after", [0, 1])
def test_an_interruption_anywhere_is_completed_by_the_next_run(
    step: str, after: int, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = type(Tracker(root).client)
    write, calls = getattr(client, step), []

    def interrupted(*given: object, **named: object) -> object:
        calls.append(step)
        if len(calls) > after:
            raise KeyboardInterrupt
        return write(*given, **named)

    with monkeypatch.context() as patch:
        patch.setattr(client, step, interrupted)
        try:
            migrate(root)
        except KeyboardInterrupt:
            served = serving_models(Workspace(root, root), "b", refused=OTHERS)  # the champion of today scores on
            assert served.models["churn"].bundle.parameters["slope"] == 7.0
    migrate(root)
    whole(root)


def test_until_then_the_champion_is_read_and_a_note_says_what_to_run(root: Path) -> None:
    models = serving_models(Workspace(root, root), "b", refused=OTHERS)
    assert models.models["churn"].bundle == made(7.0, shop="b")
    assert models.notes == (
        "churn: its versions are registered as the first edition did, under one name for all shops: run 'cvo models "
        "migrate' once",
    )
    with pytest.raises(NoChampion, match="no champion for 'churn' is registered: run 'cvo models migrate' first"):
        serving_models(Workspace(root, root), "a", only=("churn",))  # shop b has its place


def test_until_then_nothing_is_registered_beside_it(root: Path) -> None:
    tracker = Tracker(root, "b")
    with pytest.raises(UsageError, match="run 'cvo models migrate' once"):
        ChampionHistory(tracker).incumbent("churn")
    with pytest.raises(UsageError, match="run 'cvo models migrate' once"):
        ChampionHistory(tracker).rollback("churn", "why")
    assert ChampionHistory(Tracker(root, "c")).incumbent("churn") is None  # a shop that has nothing there begins


def test_a_version_that_nobody_can_place_stays_and_is_named(root: Path) -> None:
    everything = Tracker(root)
    number = of_first_edition(root, 9.0, "a")
    everything.client.delete_model_version_tag("churn", str(number), "shop")
    for path in (root / "artifacts").rglob("models/*/artifacts/**/parameters.json"):
        if '"slope": 9.0' in path.read_text() or '"slope":9.0' in path.read_text():
            path.unlink()
    assert migrate(root).left == (f"version {number} of 'churn': neither its tags nor its files name its shop",)
    assert [version.version for version in everything.versions("churn")] == [number]
    assert Tracker(root, "a").champion("churn").parameters["slope"] == 2.0


FROZEN = Path(__file__).parent.parent / "frozen" / "format_1" / "mlruns.zip"


def test_a_registry_that_the_first_edition_wrote_is_read_moved_and_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    root = tmp_path / "mlruns"
    with zipfile.ZipFile(FROZEN) as archive:
        archive.extractall(root)
    place = Workspace(tmp_path / "out", root)
    before = serving_models(place, "small")
    assert (list(before.models), before.reason("icp")) == (["clv", "churn"], "not_trained")  # vendor had the place
    assert len(before.notes) == 2
    assert len(migrate(root).moved) == 5
    after = serving_models(place, "small")
    assert (list(after.models), after.notes) == (["clv", "churn", "icp"], ())
    assert {name: after.models[name].version for name in before.models} == {
        name: model.version for name, model in before.models.items()
    }
    assert list(serving_models(place, "vendor").models) == ["icp"]
    history = ChampionHistory(Tracker(root, "small"))
    assert [(past.kind, past.before, past.version) for past in history.history("churn")] == [
        ("first", None, 1), ("forced", 1, 2), ("rollback", 2, 1),
    ]  # fmt: skip
    incumbent = history.incumbent("churn")
    assert incumbent is not None
    assert incumbent.judged is not None  # the files of its run are found under the old experiment
