"""``cvo plan`` and ``evaluate``: whom to contact, and whether it paid."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from cvo_ml.cli.options import OUT, Json, Out, Shop, answer, workspace

Policy = Annotated[
    Optional[Path],
    typer.Option("--policy", help="A policy; default: configs/policies/priorities.yaml.", show_default=False),
]
Budget = Annotated[
    Optional[float], typer.Option("--budget", min=0, help="The most that this run may spend.", show_default=False)
]
Effects = Annotated[
    Optional[list[Path]],
    typer.Option("--effects", help="CSV of measured or estimated effects; may be repeated.", show_default=False),
]
PolicyOverrides = Annotated[
    Optional[list[str]],
    typer.Option("--set", help="Override the policy, such as holdout.share=0.2.", show_default=False),
]
AfterPlan = Annotated[str, typer.Option("--horizon", help="Days after the plan that count.")]


def plan(
    shop: Shop = None,
    policy: Policy = None,
    budget: Budget = None,
    effects: Effects = None,
    overrides: PolicyOverrides = None,
    out: Out = OUT,
    as_json: Json = False,
) -> None:
    """Choose actions for the current scores within budget and limits."""
    from cvo_ml.cli.views.scores import scored as show
    from cvo_ml.workflows.plan import PlanRequest, plan
    from cvo_ml.workflows.shops import shop_of_run

    place = workspace(out, quiet=as_json)
    request = PlanRequest(
        shop=shop_of_run(place, shop), policy=policy, budget=budget, effects=tuple(effects or ()),
        overrides=tuple(overrides or ()),
    )  # fmt: skip
    answer(plan(request, place), as_json, show)


def evaluate(shop: Shop = None, horizon: AfterPlan = "90D", out: Out = OUT, as_json: Json = False) -> None:
    """Say whether the current plan paid: its treated customers beside those held out."""
    from cvo_ml.cli.views.evaluation import evaluation as show
    from cvo_ml.core.units import Horizon
    from cvo_ml.workflows.evaluate import EvaluateRequest, evaluate
    from cvo_ml.workflows.shops import shop_of_run

    place = workspace(out, quiet=as_json)
    request = EvaluateRequest(shop=shop_of_run(place, shop), horizon=Horizon(horizon))
    answer(evaluate(request, place), as_json, show)


def prioritize(
    shop: Shop = None,
    policy: Policy = None,
    budget: Budget = None,
    effects: Effects = None,
    overrides: PolicyOverrides = None,
    evaluated: Annotated[bool, typer.Option("--evaluate", help="As cvo evaluate.")] = False,
    horizon: AfterPlan = "90D",
    out: Out = OUT,
    as_json: Json = False,
) -> None:
    """The name of ``cvo plan`` before this release; with --evaluate, of ``cvo evaluate``."""
    if evaluated:
        evaluate(shop, horizon, out, as_json)
    else:
        plan(shop, policy, budget, effects, overrides, out, as_json)
