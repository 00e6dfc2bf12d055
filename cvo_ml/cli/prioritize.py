"""``cvo prioritize``: plan the current scores under a policy, or say whether the plan paid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from cvo_ml.cli.commands import write_report
from cvo_ml.cli.options import CONFIGS
from cvo_ml.cli.terminal import console, print_json, step
from cvo_ml.cli.views.scores import scored
from cvo_ml.config.loader import default_config, load_config
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.store import current_run, read_scores
from cvo_ml.core.units import Horizon
from cvo_ml.ingest import read_shop
from cvo_ml.priorities import read_effects
from cvo_ml.priorities.runs import EVALUATION, MEASURED, evaluated, replanned
from cvo_ml.workflows import check_shop


def prioritize(
    shop: ShopConfig, policy: Path | None, overrides: Sequence[str], effects: Sequence[Path], out: Path, as_json: bool
) -> None:
    """Plan the current run anew."""
    rules = load_config(policy or default_config("policies/priorities.yaml", CONFIGS), PriorityPolicy, overrides)
    measured = [read_effects(path) for path in effects]
    run = current_run(out / "scores")
    check_shop(run, shop.name)
    with step(f"Reading {shop.source.path}", as_json):
        read = read_shop(shop)
    with step("Prioritizing", as_json):
        run = replanned(run, read.tables, rules, measured, out)
    if as_json:
        print_json({"run": str(run.folder), **run.manifest["plan"]})
    else:
        scored(console, read_scores(run), run)
    write_report(out, quiet=as_json)


def evaluate(shop: ShopConfig, horizon: str, out: Path, as_json: bool) -> None:
    """Compare the current plan's treated with its held out."""
    run = current_run(out / "scores")
    check_shop(run, shop.name)
    with step(f"Reading {shop.source.path}", as_json):
        read = read_shop(shop)
    found = evaluated(run, read.tables, Horizon(horizon), out)
    if as_json:
        print_json(found)
        return
    table = Table(title=f"What the contacts of {found['as_of']} did", title_justify="left", show_edge=False)
    for name in ("action", "treated", "held out", "extra value each", "profit each, 95 % interval", "verdict"):
        table.add_column(name, justify="left" if name in ("action", "verdict") else "right")
    for name, result in {"all together": found["all"], **found["actions"]}.items():
        table.add_row(name, f"{result['treated']:,}", f"{result['held_out']:,}", *_numbers(result))
    console.print(table)
    for sentence in sentences(found):
        console.print(sentence, highlight=False, markup=False)
    console.print(f"Written: {out / EVALUATION}, {out / MEASURED}", highlight=False)


def sentences(found: Mapping[str, Any]) -> Iterator[str]:
    """What the comparison says beyond its table."""
    whole = found["all"]
    if whole["suspicious"]:
        yield (
            f"Sample ratio mismatch (p = {whole['sample_ratio_p']:.1e}): treated and held out were not parted as "
            "planned, so nothing below may be trusted"
        )
    if found["recorded"] is None:
        yield "No contact is recorded in the treatments table: this holds if the list was worked off as planned."
    else:
        yield (
            f"{found['recorded']['sent']:,} of {found['recorded']['planned']:,} planned contacts are recorded; "
            f"{found['recorded']['held_out_reached']:,} held-out customers were contacted all the same."
        )
    if "profit" in whole:
        profit = whole["profit"]
        yield (
            f"In all the contacts earned {profit['estimate']:,.0f} [{profit['lower']:,.0f}, {profit['upper']:,.0f}] "
            f"after their cost; what was known before left {whole['variance_kept']:.0%} of the variance (CUPED)."
        )
    for name, value in found["policies"].items():
        if "reason" in value:
            yield f"{name}: not estimated ({value['reason']})"
        else:
            one = value["snips"]
            yield (
                f"{name}: {one['estimate']:,.2f} [{one['lower']:,.2f}, {one['upper']:,.2f}] per planned customer "
                f"(worth {value['effective_sample_size']:,.0f} customers)"
            )


def _numbers(result: Mapping[str, Any]) -> tuple[str, str, str]:
    if "profit_per_contact" not in result:
        return "–", "–", str(result["reason"])
    profit = result["profit_per_contact"]
    return (
        f"{result['extra_value']['estimate']:,.2f}",
        f"{profit['estimate']:,.2f} [{profit['lower']:,.2f}, {profit['upper']:,.2f}]",
        str(result.get("verdict", "")),
    )
