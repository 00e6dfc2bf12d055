"""The segments of a shop on a date: groups, who moved and why, what to do next."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, get_args

import pandas as pd

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.next_actions import NextActions
from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import CvoError, NoChampion, UsageError
from cvo_ml.core.models import CLV
from cvo_ml.core.result import Json, Result
from cvo_ml.core.run_log import logged
from cvo_ml.core.store import StoredRun, read_columns
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import Horizon
from cvo_ml.core.workspace import Workspace
from cvo_ml.features.customer import customer_features
from cvo_ml.models.clv.scorers import BuyTillYouDie
from cvo_ml.predict import LoadedModels
from cvo_ml.registry.bundles.purchase_columns import buy_till_you_die
from cvo_ml.registry.tracking import RegisteredModels
from cvo_ml.segments.history import comparable_runs, rfm_of
from cvo_ml.segments.model_based import Method
from cvo_ml.segments.profile import (
    MOVE_COLUMNS,
    PREDICTED,
    SegmentProfile,
    model_based_segments,
    profile_segments,
    replay_since,
    run_history,
)
from cvo_ml.segments.results_folder import write_profile
from cvo_ml.segments.rules.stored_edges import choose_edges
from cvo_ml.segments.triggers import COLUMNS
from cvo_ml.workflows.score_tables import check_models
from cvo_ml.workflows.serving_models import serving_models
from cvo_ml.workflows.shops import read_tables

LOGGER: Final = logging.getLogger(__name__)

METHODS: Final[tuple[Method, ...]] = get_args(Method)


class SegmentRequest(FrozenConfig):
    """What to segment.

    Parameters
    ----------
    months:
        How many months back groups are followed.
    recut:
        Cut the edges anew, whatever is frozen.
    dry_run:
        Write nothing, freeze nothing.
    method, horizon:
        Model-based segments to set beside the rules, judged on the last ``horizon``; None = the rules alone.
    overrides:
        Of the policy, such as ``vocabulary=reveal``.
    """

    shop: ShopConfig
    as_of: date
    months: int = 6
    recut: bool = False
    dry_run: bool = False
    method: Method | None = None
    horizon: Horizon = Horizon("90D")
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class SegmentResult(Result):
    """The profile of the segments, and what was written of it.

    Parameters
    ----------
    files:
        Names in the folder of segments; empty after a dry run.
    no_window:
        Why there are no days to win customers back; empty where there are.
    notes:
        What to say of the champion, such as who stands in for it.
    """

    profile: SegmentProfile
    actions: NextActions
    currency: str
    files: tuple[str, ...]
    no_window: str
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """The profile."""
        return self.profile.to_json()


def segment(request: SegmentRequest, workspace: Workspace, models: LoadedModels | None = None) -> SegmentResult:
    """Segment the shop as of a date; write the folder of segments unless it is a dry run.

    Parameters
    ----------
    models:
        Already parsed ones, for the days to win customers back; None = the shop's champion.

    Raises
    ------
    BundleError
        If the frozen edges are damaged.
    ConfigError
        If the policy, a ladder or a group of it cannot be.
    ModelRefused
        If model-based segments are asked for and there are too few customers.
    """
    policy = load_config(
        default_config("policies/segments.yaml", workspace.configs), SegmentPolicy, list(request.overrides)
    )
    actions = load_config(default_config("policies/next_actions.yaml", workspace.configs), NextActions)
    with logged(LOGGER, "segment", shop=request.shop.name) as facts:
        tables = read_tables(request.shop, workspace, request.as_of).tables
        purchases, no_window, notes = _purchase_model(request, workspace, tables.currency, models)
        alone = contextlib.nullcontext(workspace.as_published()) if request.dry_run else workspace.publishing()
        with alone as shown, workspace.progress.step("Segmenting"):
            profile = segment_tables(tables, request, policy, actions, shown, purchases)
            files = [] if request.dry_run else write_profile(profile, shown.segments)
        facts["customers"] = len(profile.customers)
    return SegmentResult(profile, actions, tables.currency, tuple(files), no_window, notes)


def method_of(name: str | None) -> Method | None:
    """The method of model-based segments that is called so; None for none.

    Raises
    ------
    UsageError
        If there is no such method.
    """
    for method in METHODS:
        if name == method:
            return method
    if name is None:
        return None
    raise UsageError(f"--model {name!r} is unknown: use {' or '.join(METHODS)}")


def segment_tables(
    tables: Tables,
    request: SegmentRequest,
    policy: SegmentPolicy,
    actions: NextActions,
    workspace: Workspace,
    purchases: BuyTillYouDie | None = None,
) -> SegmentProfile:
    """The profile of a shop's tables beside its frozen edges and stored runs; nothing is written.

    Parameters
    ----------
    purchases:
        A model of purchases that was fitted on data before the date, for the days to win customers back.
    """
    shop, as_of = request.shop.name, request.as_of
    features = customer_features(tables, as_of)
    chosen = choose_edges(
        rfm_of(features, tables, as_of), policy, workspace.edges, shop=shop, currency=tables.currency, as_of=as_of,
        recut=request.recut,
    )  # fmt: skip
    earlier = next(comparable_runs(workspace.scores, as_of, shop, tables.currency), None)
    chosen = chosen.instead_of(None if earlier is None else earlier[0])
    since = replay_since(as_of, policy.triggers)
    stored = dict(comparable_runs(workspace.scores, as_of + timedelta(days=1), shop, tables.currency, since))
    model_based = (
        model_based_segments(tables, as_of, policy, request.method, request.horizon) if request.method else None
    )
    return profile_segments(
        tables, features, as_of, policy, actions, chosen,
        predicted=_predicted(stored.get(as_of)), history=run_history(_scores(stored), policy.triggers),
        months=request.months, purchases=purchases, model_based=model_based,
    )  # fmt: skip


def _predicted(run: StoredRun | None) -> pd.DataFrame | None:
    """What the stored run of the date predicted, where there is one."""
    return None if run is None else read_columns(run, ["customer_id", *PREDICTED]).set_index("customer_id")


def _scores(stored: dict[date, StoredRun]) -> dict[date, pd.DataFrame]:
    """What triggers read of each run, and of the last two what moves are read from too."""
    last = sorted(stored)[-2:]
    both = tuple(dict.fromkeys((*COLUMNS, *MOVE_COLUMNS)))
    return {day: read_columns(run, both if day in last else COLUMNS) for day, run in stored.items()}


def _purchase_model(
    request: SegmentRequest, workspace: Workspace, currency: str, models: LoadedModels | None
) -> tuple[BuyTillYouDie | None, str, tuple[str, ...]]:
    """The champion's model of purchases, or why there is none to use; and what to say of the champion."""
    shop = request.shop.name
    if models is None and RegisteredModels.existing(workspace.tracking) is None:
        return None, f"{workspace.tracking} holds no models; 'cvo train {CLV.name}' makes one", ()
    try:
        models = models or serving_models(workspace, shop, only=(CLV.name,))
        check_models(models, shop=shop, currency=currency, as_of=request.as_of)
    except NoChampion:
        return None, f"there is no CLV champion in {workspace.tracking}; 'cvo train {CLV.name}' makes one", ()
    except CvoError as error:
        return None, str(error), ()
    champion = models.get(CLV.name)
    if champion is None:
        return None, f"there is no CLV champion ({models.reason(CLV.name)})", ()
    purchases = buy_till_you_die(champion.model)
    if purchases is None:
        return None, f"the CLV champion is {champion.kind}, which knows no P(alive)", models.notes
    return purchases, "", models.notes
