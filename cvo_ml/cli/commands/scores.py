"""``cvo score``, ``explain`` and what follows: ``segment``, ``audience``, ``outcomes``, ``monitor``, ``report``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from cvo_ml.cli.options import (
    MLRUNS,
    OUT,
    AsOf,
    Json,
    MaxBadShare,
    Mlruns,
    Out,
    RequiredAsOf,
    Shop,
    TrustCode,
    answer,
    chosen_shop,
    workspace,
)

ExportedModels = Annotated[
    Optional[Path],
    typer.Option("--models", help="Exported models instead, without MLflow: such as models.", show_default=False),
]
WithCsv = Annotated[bool, typer.Option("--csv", help="Write everybody's scores to scores.csv too.")]


def score(
    as_of: RequiredAsOf,
    shop: Shop = None,
    max_bad_share: MaxBadShare = None,
    out: Out = OUT,
    mlruns: Mlruns = MLRUNS,
    prospects: Annotated[
        Optional[Path],
        typer.Option("--prospects", help="Score this file of leads, who are not customers yet, into prospects.csv."),
    ] = None,
    customer: Annotated[
        Optional[str],
        typer.Option("--customer", help="Show the row of this customer alone; publish nothing.", show_default=False),
    ] = None,
    models_folder: ExportedModels = None,
    with_csv: WithCsv = False,
    trust_code: TrustCode = False,
    as_json: Json = False,
) -> None:
    """Score, segment and plan every customer with the champions; with --prospects, leads instead."""
    from cvo_ml.cli.views import scores as view
    from cvo_ml.core.errors import UsageError
    from cvo_ml.core.units import parse_as_of
    from cvo_ml.workflows.prospects import ProspectsRequest
    from cvo_ml.workflows.prospects import prospects as score_prospects
    from cvo_ml.workflows.score import ScoreRequest, score
    from cvo_ml.workflows.score_customer import ScoreCustomerRequest, score_customer

    if prospects is not None and customer is not None:
        raise UsageError("--prospects and --customer score different people: give one of them")
    place = workspace(out, mlruns, quiet=as_json)
    chosen, cut = chosen_shop(place, shop, max_bad_share), parse_as_of(as_of)
    if customer is not None:
        one = ScoreCustomerRequest(
            shop=chosen, customer_id=customer, as_of=cut, exported=models_folder, trust_code=trust_code
        )
        answer(score_customer(one, place), as_json, view.customer)
        return
    if prospects is not None:
        asked = ProspectsRequest(shop=chosen, prospects=prospects, as_of=cut, exported=models_folder)
        answer(score_prospects(asked, place), as_json, view.prospects)
        return
    request = ScoreRequest(shop=chosen, as_of=cut, exported=models_folder, with_csv=with_csv, trust_code=trust_code)
    answer(score(request, place), as_json, view.score)


def explain(
    customer_id: Annotated[str, typer.Argument(metavar="ID", help="The customer, as the file writes it.")],
    as_of: AsOf = None,
    shop: Shop = None,
    out: Out = OUT,
    mlruns: Mlruns = MLRUNS,
    models_folder: ExportedModels = None,
    html: Annotated[
        Optional[Path], typer.Option("--html", help="Write a page for people there.", show_default=False)
    ] = None,
    trust_code: TrustCode = False,
    as_json: Json = False,
) -> None:
    """Explain one customer: history, P(alive), scores and their reasons, the next action, what moved."""
    from cvo_ml.cli.views.scores import explained as show
    from cvo_ml.core.units import parse_as_of
    from cvo_ml.workflows.explain import ExplainRequest, explain
    from cvo_ml.workflows.shops import shop_of_run

    place = workspace(out, mlruns, quiet=as_json)
    request = ExplainRequest(
        shop=shop_of_run(place, shop), customer_id=customer_id, as_of=None if as_of is None else parse_as_of(as_of),
        exported=models_folder, trust_code=trust_code, page=html,
    )  # fmt: skip
    answer(explain(request, place), as_json, show)


def segment(
    as_of: RequiredAsOf,
    shop: Shop = None,
    out: Out = OUT,
    mlruns: Mlruns = MLRUNS,
    months: Annotated[int, typer.Option("--months", min=0, max=120, help="Months back to follow the groups.")] = 6,
    recut: Annotated[bool, typer.Option("--recut", help="Cut the edges anew and keep them for later runs.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the groups; write nothing and freeze nothing.")
    ] = False,
    model: Annotated[
        Optional[str],
        typer.Option(
            "--model", help="Set model-based segments beside the rules: kmeans or mixture.", show_default=False
        ),
    ] = None,
    horizon: Annotated[str, typer.Option("--horizon", help="With --model: the window that compares the two.")] = "90D",
    overrides: Annotated[
        Optional[list[str]],
        typer.Option("--set", help="Override the policy, such as vocabulary=reveal or scale=5.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Put every customer into one group; say why they moved, what they are worth, and what to do next."""
    from cvo_ml.cli.views.segments import segments as show
    from cvo_ml.core.units import Horizon, parse_as_of
    from cvo_ml.workflows.segment import SegmentRequest, method_of, segment

    place = workspace(out, mlruns, quiet=as_json)
    request = SegmentRequest(
        shop=chosen_shop(place, shop), method=method_of(model), as_of=parse_as_of(as_of), months=months, recut=recut,
        dry_run=dry_run, horizon=Horizon(horizon), overrides=tuple(overrides or ()),
    )  # fmt: skip
    answer(segment(request, place), as_json, lambda console, result: show(console, result, place))


def audience(
    platform: Annotated[str, typer.Option("--format", help="Whose file: meta or google.", show_default=False)],
    shop: Shop = None,
    value: Annotated[
        str, typer.Option("--value", help="What ranks them: total_clv, predicted_clv or historic_clv.")
    ] = "total_clv",
    top: Annotated[float, typer.Option("--top", help="Share of those who may be listed, in (0, 1].")] = 0.1,
    file: Annotated[
        Optional[Path], typer.Option("--file", help="Default: audience-FORMAT.csv in --out.", show_default=False)
    ] = None,
    consent_elsewhere: Annotated[
        bool, typer.Option("--consent-elsewhere", help="All agreed, though the data show no marketing_consent.")
    ] = False,
    out: Out = OUT,
    as_json: Json = False,
) -> None:
    """Write the best customers, hashed, as a seed list for lookalike audiences of an ad platform."""
    from cvo_ml.cli.views.audience import audience as show
    from cvo_ml.workflows.audience import AudienceRequest, audience
    from cvo_ml.workflows.shops import shop_of_run

    place = workspace(out, quiet=as_json)
    request = AudienceRequest(
        shop=shop_of_run(place, shop), platform=platform, value=value, top_share=top, file=file,
        consent_elsewhere=consent_elsewhere,
    )  # fmt: skip
    answer(audience(request, place), as_json, show)


def outcomes(
    shop: Shop = None,
    horizon: Annotated[
        Optional[str],
        typer.Option("--horizon", help="Window to judge; default: the longest predicted one that is over."),
    ] = None,
    out: Out = OUT,
    by: Annotated[
        str, typer.Option("--by", help="Break the ledger down by version, as_of, rfm_group, value_tier or cohort.")
    ] = "version",
    as_json: Json = False,
) -> None:
    """Judge the scores by what happened after them; without --shop, by the shop that was scored."""
    from cvo_ml.cli.views.outcomes import outcomes as show
    from cvo_ml.core.units import Horizon
    from cvo_ml.workflows.outcomes import OutcomesRequest, outcomes
    from cvo_ml.workflows.shops import shop_of_run

    place = workspace(out, quiet=True)
    request = OutcomesRequest(shop=shop_of_run(place, shop), horizon=Horizon(horizon) if horizon else None, by=by)
    answer(outcomes(request, place), as_json, show)


def monitor(
    out: Out = OUT,
    policy: Annotated[
        Optional[Path],
        typer.Option("--policy", help="Thresholds; default: configs/policies/monitoring.yaml.", show_default=False),
    ] = None,
    webhook: Annotated[
        Optional[str],
        typer.Option("--webhook", help="POST the alarms there; '${NAME}' = a variable's address.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what looks wrong with the current scores: drift, stale or cut input, silent failures, broken promises."""
    from cvo_ml.cli.views.outcomes import alarms as show
    from cvo_ml.config.variables import resolved
    from cvo_ml.workflows.monitor import MonitorRequest, monitor

    address = None if webhook is None else resolved(webhook, "--webhook")
    result = monitor(MonitorRequest(policy=policy, webhook=address), workspace(out))
    answer(result, as_json, show)
    if failure := result.failure():
        raise failure


def report(out: Out = OUT, with_csv: WithCsv = False) -> None:
    """Write report.html from the current scores."""
    from cvo_ml.workflows.report import report

    report(workspace(out), with_csv=with_csv)
