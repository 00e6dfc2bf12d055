"""A champion is appointed in one transaction: who is first, who is judged against whom, what a dead process left."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from cvo_ml.config.gates import Gates
from cvo_ml.core.errors import GateClosed, NoChampion, UsageError
from cvo_ml.registry.bundles.bundle import save_bundle
from cvo_ml.registry.bundles.evidence import GateEvidence
from cvo_ml.registry.tracking import RegisteredModels, Tracker, promotion
from cvo_ml.registry.tracking.champions import ChampionHistory, Promotion
from cvo_ml.registry.tracking.migrate import migrate
from tests.frozen import scenario
from tests.ingest import postgres
from tests.registry.conftest import SHOP, empty, tracker
from tests.registry.test_gate import GOOD
from tests.registry.test_migrate import root as of_first_edition
from tests.registry.test_promotion import against, made

__all__ = ["empty", "of_first_edition", "tracker"]
ALONE: dict[str, Any] = {key: GOOD[key] for key in ("window", "calibration", "eligible")}


def logged(tracker: Tracker, slope: float, evidence: dict[str, Any], shop: str) -> str:
    """A model that was fitted, judged and logged, and is not registered."""
    with tracker.run("churn", "a training") as run:
        run.log_dict(evidence, promotion.EVIDENCE.removesuffix(".json"))
        return run.log_bundle(save_bundle(made(slope, shop=shop), tracker.root.parent / f"new-{os.getpid()}-{slope}"))


def registered(
    tracker: Tracker, slope: float, evidence: dict[str, Any] | None = None, when: promotion.When = "never"
) -> tuple[int, promotion.Placement]:
    """What a training does once its model is logged: judge against whoever is champion until that one still is."""
    history = ChampionHistory(tracker)
    uri = logged(tracker, slope, evidence or ALONE, tracker.shop)
    found = evidence or ALONE
    while True:
        done = promotion.register(
            history, tracker, uri, made(slope, shop=tracker.shop), {"shop": tracker.shop}, GateEvidence.of(found),
            Gates(), when,
        )  # fmt: skip
        if done is not None:
            return done
        champion = tracker.version_of("churn")
        found = ALONE if champion is None else against(champion)


def lines(root: Path, shop: str = SHOP) -> list[tuple[str, int | None, int]]:
    return [(past.kind, past.before, past.version) for past in ChampionHistory(Tracker(root, shop)).history("churn")]


def test_three_trainings_of_two_shops_leave_each_its_own_line(tracker: Tracker) -> None:
    """FAULT-S2: A, B, A in one registry: A's second model is a challenger, not "first" again."""
    a, b = tracker, Tracker(tracker.root, "b")
    roles = [registered(one, slope)[1].role for one, slope in ((a, 1.0), (b, 2.0), (a, 3.0), (b, 4.0))]
    assert roles == ["champion", "champion", "challenger", "challenger"]
    assert lines(tracker.root) == lines(tracker.root, "b") == [("first", None, 1)]


def test_a_champion_that_was_deleted_by_hand_makes_nobody_first_again(tracker: Tracker) -> None:
    """FAULT-S2: first is first once: without a champion a second model has to pass the gates."""
    registered(tracker, 1.0)
    tracker.client.delete_registered_model_alias("a-churn", "champion")
    assert registered(tracker, 2.0)[1].role == "challenger"
    assert lines(tracker.root) == [("first", None, 1)]
    with pytest.raises(NoChampion, match="shop 'a': no champion for 'churn' is registered"):
        tracker.champion("churn")


def test_evidence_against_another_champion_is_not_registered_but_judged_again(tracker: Tracker) -> None:
    """FAULT-S2: the champion that was read before the fit is read again by whoever is alone."""
    uri, history = logged(tracker, 2.0, ALONE, SHOP), ChampionHistory(tracker)
    registered(tracker, 1.0)
    late = promotion.register(history, tracker, uri, made(2.0), {"shop": SHOP}, GateEvidence.of(ALONE), Gates(), "gate")
    assert late is None
    assert [version.version for version in tracker.versions("a-churn")] == [1]


def first_training(root: Path, slope: float) -> tuple[str, str]:
    _, placed = registered(Tracker(root, SHOP), slope)
    return placed.role, placed.why


def test_of_many_first_trainings_at_once_one_is_first_and_the_others_are_judged_against_it(tracker: Tracker) -> None:
    """FAULT-S2: four processes that all saw no champion when they began."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["cvo_ml.registry.tracking", "mlflow"])
    with ProcessPoolExecutor(4, mp_context=context) as pool:
        placed = list(pool.map(first_training, [tracker.root] * 4, [1.0, 2.0, 3.0, 4.0]))
    assert sorted(role for role, _ in placed) == ["challenger"] * 3 + ["champion"]
    assert [why for role, why in placed if role == "challenger"] == [
        "all gates open: 'cvo models promote churn' makes it champion"
    ] * 3
    champion = tracker.version_of("churn")
    assert lines(tracker.root) == [("first", None, champion)]


def test_an_identical_model_that_came_second_is_the_champion_and_no_version(tracker: Tracker) -> None:
    """FAULT-S2: two trainings of the same data at once: the second finds its model in the place."""
    assert registered(tracker, 1.0)[0] == 1
    assert registered(tracker, 1.0, ALONE) == (
        1,
        promotion.Placement("champion", "it is the champion already, to the bit"),
    )
    assert len(tracker.versions("a-churn")) == 1


def test_the_line_of_a_forced_promotion_and_of_a_rollback_holds_evidence_and_reason(tracker: Tracker) -> None:
    """FAULT-S2: numbers of the evidence, the closed gates and what a person said."""
    registered(tracker, 1.0)
    registered(tracker, 2.0, against(1, psi=0.4))
    promotion.promote(tracker, "churn", Gates(), force=True, why="the range was extended")
    ChampionHistory(tracker).rollback("churn", "it was not")
    forced, back = ChampionHistory(tracker).history("churn")[1:]
    assert forced.why == "the range was extended although gate 'score_shift': PSI 0.4, below 0.2"
    assert {"psi", "improvement", "improvement_lower", "profit_champion", "calibration_slope"} <= set(forced.metrics)
    assert (back.kind, back.why, back.before, back.version) == ("rollback", "it was not", 2, 1)


# --- a process that dies ----------------------------------------------------------------------------------------------

#: Everything by which a registry is written.
WRITES = (
    "create_registered_model", "create_model_version", "set_logged_model_tags", "set_registered_model_alias",
    "create_experiment", "create_run", "log_batch", "set_terminated", "delete_registered_model_alias",
    "delete_model_version_tag",
)  # fmt: skip


class Died(BaseException):
    """The process ended here."""


@contextmanager
def death_at(client: Any, point: int) -> Iterator[list[str]]:
    """Every write from the ``point``-th on does nothing, as nothing is written by who is dead; the names of all."""
    done: list[str] = []

    def counted(name: str, write: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            done.append(name)
            if len(done) > point:
                raise Died
            return write(*given, **named)

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in WRITES:
            patch.setattr(type(client), name, counted(name, getattr(type(client), name)))
        yield done


def gone(tracker: Tracker) -> AbstractContextManager[None]:
    """Whatever this process begins here was begun by one that has ended."""

    @contextmanager
    def under_another_name() -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            for module in ("run", "promotion"):
                patch.setattr(f"cvo_ml.registry.tracking.{module}.this_process", lambda: DEAD)
            yield

    return under_another_name()


DEAD = subprocess.run(
    [sys.executable, "-c", "from cvo_ml.registry.tracking.owner_process import this_process; print(this_process())"],
    capture_output=True, text=True, check=True,
).stdout.strip()  # fmt: skip


def whole(root: Path) -> int | None:
    """After the next start: the audit leads to the champion, each version has a place or was moved, nothing is open."""
    tracker = Tracker(root, SHOP)
    history = ChampionHistory(tracker)
    read = ChampionHistory(existing(root)).history("churn")  # whoever only reads sees the same
    with history.alone("churn"):
        pass
    moves: list[Promotion] = history.history("churn")
    assert [(past.before, past.version) for past in read if past in moves] == [
        (past.before, past.version) for past in read
    ]
    champion = tracker.version_of("churn")
    assert (moves[-1].version if moves else None) == champion
    assert all(earlier.version == later.before for earlier, later in itertools.pairwise(moves))
    assert [past.kind for past in moves].count("first") == (1 if moves else 0)
    placed = {past.version for past in moves} | {tracker.version_of("churn", "challenger")}
    assert {version.version for version in tracker.versions("a-churn")} <= placed
    running = tracker.client.search_runs(
        [found.experiment_id for found in tracker.client.search_experiments()], "attributes.status = 'RUNNING'"
    )
    assert not running
    return champion


def existing(root: Path, shop: str = SHOP) -> RegisteredModels:
    found = RegisteredModels.existing(root, shop)
    assert found is not None
    return found


def prepared(tracker: Tracker, what: str) -> Callable[[Tracker], object]:
    """A registry before an act, and the act."""
    if what == "first":
        uri = logged(tracker, 1.0, ALONE, SHOP)
        evidence = GateEvidence.of(ALONE)
        return lambda own: promotion.register(
            ChampionHistory(own), own, uri, made(1.0), {"shop": SHOP}, evidence, Gates(), "never"
        )
    registered(tracker, 1.0)
    if what == "challenger":
        uri = logged(tracker, 2.0, against(1), SHOP)
        evidence = GateEvidence.of(against(1))
        return lambda own: promotion.register(
            ChampionHistory(own), own, uri, made(2.0), {"shop": SHOP}, evidence, Gates(), "gate"
        )
    registered(tracker, 2.0, against(1))
    if what == "promote":
        return lambda own: promotion.promote(own, "churn", Gates())
    promotion.promote(tracker, "churn", Gates())
    return lambda own: ChampionHistory(own).rollback("churn", "why")


@pytest.mark.parametrize("what", ["first", "challenger", "promote", "rollback"])
def test_a_death_at_any_write_leaves_the_old_champion_or_the_new_and_an_audit_that_agrees(
    what: str, tracker: Tracker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAULT-S2: registration, promotion and rollback stopped before each of their writes in turn."""
    monkeypatch.setattr(promotion, "admit", lambda folder: None)  # a child for each point takes minutes
    act = prepared(tracker, what)
    before = tracker.version_of("churn")
    champions, point = set(), 0
    while True:
        root = tmp_path / f"{what}-{point}" / "mlruns"
        shutil.copytree(tracker.root, root)
        own = Tracker(root, SHOP)
        with gone(own), death_at(own.client, point) as written:
            try:
                act(own)
            except Died:
                ended = False
            else:
                ended = True
        champions.add(whole(root))
        shutil.rmtree(root.parent)
        if ended:
            break
        assert len(written) == point + 1
        point += 1
    assert point >= 4, written
    after = {"first": {1}, "challenger": {1, 2}, "promote": {1, 2}, "rollback": {1, 2}}[what]
    assert champions - {before} <= after
    assert champions >= ({1} if what == "first" else {1, 2})


@pytest.mark.parametrize("point", range(1, 26, 3))
def test_a_migration_that_dies_shows_the_whole_audit_before_and_after_it_is_completed(
    point: int, of_first_edition: Path
) -> None:
    """FAULT-S2: the lines that had moved were shown under no name until the migration was run again."""
    before = shown(of_first_edition, "b")  # shop a has no champion before: b's first model took its place
    assert len(before) == 3
    client = Tracker(of_first_edition).client
    with pytest.MonkeyPatch.context() as patch:
        for name in ("delete_registered_model", "delete_model_version"):
            patch.setattr(type(client), name, refuse)
        with death_at(client, point), pytest.raises(Died):
            migrate(of_first_edition)
        assert shown(of_first_edition, "b") == before
    migrate(of_first_edition)
    assert [kind for kind, *_ in shown(of_first_edition, "a")] == ["first", "promotion"]
    assert [kind for kind, *_ in shown(of_first_edition, "b")] == ["first"]


def refuse(*given: object, **named: object) -> None:
    raise Died


def shown(root: Path, shop: str) -> list[tuple[str, int | None, int]]:
    """The audit as whoever reads sees it."""
    history = ChampionHistory(existing(root, shop)).history("churn")
    return [(past.kind, past.before, past.version) for past in history]


# --- locks ------------------------------------------------------------------------------------------------------------


def promoted(root: Path, address: str, shop: str) -> str:
    """A promotion by a process of its own, from a folder of its own."""
    os.environ["MLFLOW_TRACKING_URI"] = address
    tracker = Tracker(root, shop)
    try:
        return promotion.promote(tracker, "churn", Gates(), version=2).kind
    except (GateClosed, UsageError) as refused:
        return type(refused).__name__


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A real PostgreSQL, or a skip that says what is missing."""
    pytest.importorskip("psycopg", reason="psycopg is not installed: install the extra postgres")
    if postgres.programs() is None:
        pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
    with postgres.server() as running:
        yield running


def test_on_postgresql_a_promotion_from_any_folder_waits_for_its_turn(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAULT-S2: machines that share a database and no folder: of three promotions of one version, one happens."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    tracker = Tracker(tmp_path / "one" / "mlruns", SHOP)
    registered(tracker, 1.0)
    registered(tracker, 2.0, against(1))
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("forkserver")) as pool:
        folders = [tmp_path / name / "mlruns" for name in ("one", "two", "three")]
        ended = list(pool.map(promoted, folders, [server] * 3, [SHOP] * 3))
    assert sorted(ended) == ["GateClosed", "GateClosed", "promotion"]
    history = ChampionHistory(tracker).history("churn")
    assert [(past.before, past.version) for past in history] == [(None, 1), (1, 2)]


def test_a_registry_that_was_opened_to_be_read_moves_no_champion(tracker: Tracker) -> None:
    """FAULT-S12: reading is reading."""
    registered(tracker, 1.0)
    with pytest.raises(UsageError, match="was opened to be read only"):
        ChampionHistory(existing(tracker.root)).rollback("churn", "why")


@pytest.mark.slow
def test_two_first_commands_at_once_give_one_champion_and_one_challenger_judged_against_it(tmp_path: Path) -> None:
    """FAULT-S2: two ``cvo train`` of one shop, each with another model of purchases, in an empty folder."""
    shutil.copytree(scenario.INPUTS, tmp_path, dirs_exist_ok=True)
    cvo, environment = Path(sys.executable).with_name("cvo"), {**os.environ, "MLFLOW_TRACKING_URI": ""}
    words = shlex.split(f"train clv --shop shop.yaml --as-of {scenario.FIRST} {scenario.CLV} {scenario.WITHOUT_HYBRID}")
    children = [
        subprocess.Popen([str(cvo), *words, "--set", f"clv.model={model}"], cwd=tmp_path, env=environment, text=True,
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        for model in ("bg_nbd", "mbg_nbd")
    ]  # fmt: skip
    assert [(child.wait(), child.communicate()[1]) for child in children] == [(0, ""), (0, "")]
    (shop,) = existing(tmp_path / "mlruns", "").shops()
    models = existing(tmp_path / "mlruns", shop)
    history = ChampionHistory(models).history("clv")
    assert [(past.kind, past.before, past.version) for past in history] == [("first", None, 1)]
    assert (models.version_of("clv"), models.version_of("clv", "challenger")) == (1, 2)
    found = models.evidence("clv", 2)
    assert found.champion is not None
    assert found.champion.version == 1
    assert found.comparison is not None or found.not_comparable
    assert models.evidence("clv", 1).champion is None
