"""Tables and sentences that people read on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from cvo_ml.core.store import StoredRun
from cvo_ml.core.units import Horizon
from cvo_ml.ingest import ReadResult
from cvo_ml.priorities.text import sentences
from cvo_ml.readiness import Readiness
from cvo_ml.report.text import evidence, money_words, those_gone, unjudged
from cvo_ml.workflows.train import RefusedModel, StaticModel, TrainedModel, TrainResult

#: the scores without which no action has a value
PLANNED_WITH = {"clv": "predicted_clv", "churn": "churn_probability"}
GRADE_STYLE = {"A": "bold green", "B": "green", "C": "yellow", "D": "red"}


def ledger(console: Console, read: ReadResult) -> None:
    """Rows in = used + quarantined + excluded by rule."""
    table = Table(title="Rows of the source", title_justify="left", show_edge=False)
    table.add_column()
    table.add_column("reason")
    table.add_column("rows", justify="right")
    for kind, reason, count in read.ledger.lines():
        table.add_row(kind, reason, f"{count:,}")
    console.print(table)
    tables = read.tables
    console.print(
        f"{len(tables.orders):,} orders of {tables.orders['customer_id'].nunique():,} customers, "
        f"{len(tables.refunds):,} refunds with their own time; {money_words(tables.currency)}; "
        "value basis: revenue",
        highlight=False,
    )
    notes(console, read.notes)


def notes(console: Console, said: Sequence[str]) -> None:
    """What the reader or the scoring found worth saying."""
    for note in said:
        console.print(f"  note: {note}", style="dim", highlight=False, markup=False)


def readiness(console: Console, read: ReadResult, judged: Readiness) -> None:
    """What the tables hold, which models they can carry, and the first quarantined rows."""
    console.print()
    for line in judged.lines():
        console.print(line, highlight=False, markup=False)
    if len(read.quarantine):
        table = Table(title="Quarantine (first rows; values are not kept)", title_justify="left", show_edge=False)
        for column in read.quarantine.columns:
            table.add_column(str(column))
        for row in read.quarantine.head(10).itertuples(index=False):
            table.add_row(*map(str, row))
        console.print(table)


def models(console: Console, trained: TrainResult) -> None:
    """What became of each model."""
    table = Table(title="Models (grade: out of time, against a baseline)", title_justify="left", show_edge=False)
    for name in ("model", "kind", "grade", "evidence"):
        table.add_column(name)
    for model in trained.models:
        if isinstance(model, RefusedModel):
            table.add_row(model.name, "[yellow]refused[/]", "–", model.text)
        elif isinstance(model, TrainedModel):
            grade = f"[{GRADE_STYLE[model.grade]}]{model.grade}[/]"
            table.add_row(model.name, model.kind, grade, evidence(model.name, model.metrics))
    console.print(table)
    registered = [model for model in trained.models if isinstance(model, TrainedModel)]
    for model in registered:
        for note in model.notes:
            console.print(f"  [dim]{model.name}: {note}[/]", highlight=False)
    for model in registered:
        stays = ", the champion stays" if model.role == "challenger" else ""
        text = f"{model.name}: version {model.registered} is {model.role}{stays}; {model.why}"
        console.print(text, highlight=False, markup=False)


def static_model(console: Console, trained: TrainResult) -> None:
    """What a table without dates gave."""
    for model in trained.models:
        if isinstance(model, StaticModel):
            notes(console, model.notes)
            console.print_json(data=dict(model.metrics))


def scored(console: Console, scores: pd.DataFrame, run: StoredRun) -> None:
    """The first customers of the list, what limits it, and where it is."""
    plan = run.manifest["plan"]
    table = Table(title="Whom to contact first", title_justify="left", show_edge=False)
    for name in ("rank", "customer", "group", "action", "churn", "expected value", "expected profit"):
        table.add_column(name, justify="left" if name in ("customer", "group", "action") else "right")
    first = scores[scores["next_action"].notna()].sort_values("priority_rank").head(5)
    for row in first.itertuples():
        table.add_row(
            f"{row.priority_rank:.0f}",
            str(row.customer_id),
            str(row.rfm_group),
            str(row.next_action),
            _share(row.churn_probability),
            f"{row.predicted_clv:,.0f}",
            f"{row.expected_profit_of_action:,.2f}",
        )
    console.print(table if len(first) else f"Nobody is worth contacting: {_why_nobody(scores, plan)}.", highlight=False)
    console.print(
        f"{plan['contacts']:,} contacts for {plan['spent']:,.2f} should earn {plan['expected_profit']:,.2f} after "
        f"their cost; {plan['held_out']:,} more are held out and keep their rank",
        highlight=False,
    )
    for sentence in sentences(plan, run.manifest["currency"]):
        console.print(f"  {sentence}", style="dim", highlight=False, markup=False)
    console.print(f"[dim]Assumption: {_assumption(plan)}[/]", highlight=False)
    console.print(
        f"{len(scores):,} customers scored: {run.folder} (hash {run.manifest['scores_hash'][:12]})", highlight=False
    )


def _share(value: Any) -> str:
    return "–" if pd.isna(value) else f"{value:.0%}"


def _assumption(plan: Mapping[str, Any]) -> str:
    known = sorted({source.split(":")[0] for action in plan["actions"] for source in action["sources"]})
    end = "low end" if plan["rank_on"] == "lower" else "middle"
    return f"the {end} of each action's effect counts; effects are {' and '.join(known) or 'declared'} (priorities.csv)"


def _why_nobody(scores: pd.DataFrame, plan: Mapping[str, Any]) -> str:
    if scores["predicted_clv"].isna().all() or scores["churn_probability"].isna().all():
        missing = [name for name, column in PLANNED_WITH.items() if scores[column].isna().all()]
        reasons = [f"no {name} ({scores[f'{name}_reason'].dropna().mode().iloc[0]})" for name in missing if len(scores)]
        return "there is " + " and ".join(reasons or ["no customer"])
    if scores["expected_profit_of_action"].isna().all():
        return f"no action is open to anybody ({', '.join(plan['reasons'])})"
    if not (scores["expected_profit_of_action"] > 0).any():
        return "no contact is expected to earn its cost under the assumption below"
    return "the limits of the policy leave no room"


def outcomes(console: Console, judged: Mapping[str, Any], currency: str) -> None:
    """How good the scores were."""
    days = judged["horizon_days"]
    if judged["total_value"] > 0:
        _rankings(console, judged["value"]["rankings"], days)
    else:
        console.print(f"No value came in the {days:.0f} days after {judged['as_of']}: no ranking can be judged.")
    for sentence in (
        *_value_sentences(judged["value"], days, currency),
        *_churn_sentences(judged["churn"], days),
        *_icp_sentences(judged["icp"], days),
    ):
        console.print(sentence, highlight=False, markup=False)
    if "truth" in judged:
        distance(console, judged["truth"])
    console.print(f"[yellow]{judged['actions']}[/]", highlight=False)


def _rankings(console: Console, rankings: Sequence[Mapping[str, Any]], days: float) -> None:
    table = Table(
        title=f"Share of the next {days:.0f} days' value in each ranking's top decile",
        title_justify="left",
        show_edge=False,
    )
    for name in ("ranking", "share", "95 % interval"):
        table.add_column(name, justify="left" if name == "ranking" else "right")
    for row in rankings:
        share = row["top_decile_share"]
        table.add_row(row["name"], f"{share['estimate']:.1%}", f"{share['lower']:.1%} – {share['upper']:.1%}")
    console.print(table)


def _value_sentences(value: Mapping[str, Any], days: float, currency: str) -> Iterator[str]:
    if "predicted_total" not in value:
        yield f"Value: amounts not judged ({unjudged(value, days)})."
        return
    money = "" if currency == "XXX" else f" {currency}"
    came = value["actual_total"]
    gap = f" ({value['predicted_total'] / came - 1:+.0%})" if came else ""
    yield f"Value: predicted {value['predicted_total']:,.0f}, came {came:,.0f}{money}{gap} of {value['scored']:,}."


def _churn_sentences(churn: Mapping[str, Any], days: float) -> Iterator[str]:
    if "auc" not in churn:
        yield f"Churn: not judged ({unjudged(churn, days)})."
        return
    yield (
        f"Churn: AUC {_interval(churn['auc'])} against {churn['auc_recency']:.3f} (recency); "
        f"predicted {churn['mean_probability']:.0%}, came {churn['churn_rate']:.0%} of {churn['eligible']:,}."
    )
    if churn["gone"]["customers"]:
        yield f"  {those_gone(churn['gone'])}."


def _icp_sentences(icp: Mapping[str, Any], days: float) -> Iterator[str]:
    if "auc" not in icp:
        yield f"Lookalike: not judged ({unjudged(icp, days)})."
        return
    yield (
        f"Lookalike: AUC {_interval(icp['auc'])} against {icp['auc_first_order_value']:.3f} (first order value) "
        f"for {icp['customers']:,} customers new before the cut."
    )


def distance(console: Console, truth: Mapping[str, Any]) -> None:
    """How far the scores of a simulated shop are from what is true."""
    console.print("Against the known truth:", highlight=False)
    for sentence in _truth_sentences(truth):
        console.print(f"  {sentence}", highlight=False)


def _truth_sentences(truth: Mapping[str, Any]) -> Iterator[str]:
    if "value" in truth:
        value = truth["value"]
        gap = value["predicted_total"] / value["true_total"] - 1
        yield (
            f"value: rank correlation {value['rank_correlation']:.2f}; predicted {value['predicted_total']:,.0f} of a "
            f"true expectation of {value['true_total']:,.0f} ({gap:+.0%}); "
            f"top decile holds {value['top_decile_share']:.1%}, the best possible {value['best_top_decile_share']:.1%}"
        )
    if "churn" in truth:
        churn = truth["churn"]
        yield (
            f"churn: mean error {churn['mean_absolute_error']:.3f}, bias {churn['bias']:+.3f}, "
            f"rank correlation {churn['rank_correlation']:.2f}"
        )
    if "alive" in truth:
        alive = truth["alive"]
        yield (
            f"P(alive): {alive['mean_p_alive']:.2f} on average, {alive['share']:.2f} are alive; "
            f"{alive['mean_p_alive_of_alive']:.2f} for them, {alive['mean_p_alive_of_dropped_out']:.2f} for the others"
        )


def next_steps(console: Console, shop: Path, cut: date, span: Horizon, out: Path, mlruns: Path) -> None:
    """Where the results are, and three commands to try."""
    console.print(
        f"\nResults: [bold]{out / 'report.html'}[/] (open it), {out / 'priorities.csv'}, {out / 'scores'}/",
        highlight=False,
    )
    later = cut + span.delta
    console.print("Try next:", highlight=False)
    for command, meaning in (
        (f"uv run mlflow ui --backend-store-uri sqlite:///{mlruns / 'mlflow.db'}", "runs, plots, registered models"),
        (f"uv run cvo score --shop {shop} --as-of {later} --out {out} --mlruns {mlruns}", "the champions later"),
        ("uv run cvo demo --data orders.csv --columns customer_id=Client,ordered_at=Date,net=Total", "your own orders"),
    ):
        console.print(f"  [bold]{command}[/]  [dim]# {meaning}[/]", highlight=False, soft_wrap=True)


def _interval(values: Mapping[str, float]) -> str:
    return f"{values['estimate']:.3f} [{values['lower']:.3f}, {values['upper']:.3f}]"
