"""The commands, their options, and the exit code of each kind of failure (``core.errors``)."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from cvo_ml.cli import models
from cvo_ml.cli.options import AsOf, Json, Mlruns, Shop

app = typer.Typer(
    name="cvo",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Customer value optimization: from a table of orders to a ranked list of profitable actions.",
)
app.add_typer(models.app, name="models")

# typer reads annotations at run time, and Optional keeps them readable for it on every Python
Data = Annotated[Optional[Path], typer.Option("--data", help="A CSV or Parquet file of orders.", show_default=False)]
Columns = Annotated[
    str,
    typer.Option(
        "--columns", help="With --data: meaning=header, ... such as customer_id=Client,ordered_at=Date,net=Total."
    ),
]
Rows = Annotated[
    Optional[str], typer.Option("--rows", help="With --data: 'orders' or 'lines' (one row an order line).")
]
DateFormat = Annotated[
    Optional[str], typer.Option("--date-format", help="With --data: such as %d/%m/%Y; else ISO 8601.")
]
Currency = Annotated[str, typer.Option("--currency", help="With --data: ISO code; XXX = not known.")]
Delimiter = Annotated[str, typer.Option("--delimiter", help="With --data: the field separator of a CSV.")]
Decimal = Annotated[str, typer.Option("--decimal", help="With --data: the decimal sign, '.' or ','.")]
Encoding = Annotated[str, typer.Option("--encoding", help="With --data: utf-8, utf-16, latin-1 or cp1252.")]
Guests = Annotated[bool, typer.Option("--guests", help="With --data: rows without a customer are guests, not faults.")]
MaxBadShare = Annotated[
    Optional[float],
    typer.Option(
        "--max-bad-share", min=0, max=1, show_default=False,
        help="One fault in more than this share of the rows refuses the file; default: the shop's, else 0.01.",
    ),
]  # fmt: skip
Out = Annotated[Path, typer.Option("--out", help="Folder of scores/, priorities.csv and report.html.")]
Overrides = Annotated[
    Optional[list[str]],
    typer.Option("--set", help="Override a job's setting, such as churn.horizon=60D.", show_default=False),
]
Simulated = Annotated[
    Optional[str], typer.Option("--simulated", help="A simulated 'shop' or 'saas' whose truth is known.")
]
SimulatedSize = Annotated[
    Optional[int], typer.Option("--size", min=1, help="With --simulated: customers (shop) or leads (saas).")
]
SimulatedSeed = Annotated[Optional[int], typer.Option("--seed", help="With --simulated: default, the preset's.")]
HorizonOption = Annotated[str, typer.Option("--horizon", help="Window that is predicted and then judged, such as 90D.")]


@app.command()
def demo(
    data: Data = None,
    shop: Shop = None,
    columns: Columns = "",
    rows: Rows = None,
    date_format: DateFormat = None,
    currency: Currency = "XXX",
    delimiter: Delimiter = ",",
    decimal: Decimal = ".",
    encoding: Encoding = "utf-8",
    guests: Guests = False,
    max_bad_share: MaxBadShare = None,
    as_of: AsOf = None,
    horizon: HorizonOption = "90D",
    out: Out = Path("demo"),
    mlruns: Mlruns = Path("mlruns"),
    overrides: Overrides = None,
    simulated: Simulated = None,
    size: SimulatedSize = None,
    seed: SimulatedSeed = None,
) -> None:
    """Train, score, segment, prioritize and judge: on sample data, on your own orders, or on a simulated shop."""
    from cvo_ml.cli import commands, shops
    from cvo_ml.core.errors import UsageError

    if simulated is not None:
        if data is not None or shop is not None:
            raise UsageError("--simulated makes a shop of its own: leave --data and --shop out")
        commands.demo_simulated(simulated, size, seed, as_of, horizon, out, mlruns, overrides or [])
        return
    chosen = shops.choose(
        data, shop, columns, rows=rows, date_format=date_format, currency=currency, delimiter=delimiter,
        decimal=decimal, encoding=encoding, guests=guests, max_bad_share=max_bad_share,
    )  # fmt: skip
    commands.demo(chosen, as_of, horizon, out, mlruns, overrides or [])


@app.command()
def check(
    data: Annotated[Optional[Path], typer.Argument(help="A CSV or Parquet file of orders.", show_default=False)] = None,
    shop: Shop = None,
    columns: Columns = "",
    rows: Rows = None,
    date_format: DateFormat = None,
    currency: Currency = "XXX",
    delimiter: Delimiter = ",",
    decimal: Decimal = ".",
    encoding: Encoding = "utf-8",
    guests: Guests = False,
    max_bad_share: MaxBadShare = None,
    as_of: AsOf = None,
    horizon: HorizonOption = "90D",
    as_json: Json = False,
) -> None:
    """Read a shop's orders strictly; say what they hold and which models they can carry. Nothing is written."""
    from cvo_ml.cli import commands, shops

    chosen = shops.choose(
        data, shop, columns, rows=rows, date_format=date_format, currency=currency, delimiter=delimiter,
        decimal=decimal, encoding=encoding, guests=guests, max_bad_share=max_bad_share,
    )  # fmt: skip
    commands.check(chosen, as_of, horizon, as_json)


@app.command()
def train(
    names: Annotated[list[str], typer.Argument(help="clv, churn, icp; several or one.")],
    shop: Shop = None,
    as_of: AsOf = None,
    max_bad_share: MaxBadShare = None,
    mlruns: Mlruns = Path("mlruns"),
    overrides: Overrides = None,
    promote: Annotated[
        bool, typer.Option("--promote", help="Make a challenger champion at once if its gates are open.")
    ] = False,
    tune: Annotated[
        Optional[str], typer.Option("--tune", help="Search better churn trees first: trials, or minutes as in 10min.")
    ] = None,
    static: Annotated[
        Optional[Path],
        typer.Option(
            "--static", help="churn on a CSV or Parquet table without dates; see --label.", show_default=False
        ),
    ] = None,
    label: Annotated[Optional[str], typer.Option("--label", help="With --static: the column of who churned.")] = None,
    positive: Annotated[Optional[str], typer.Option("--positive", help="With --static: its value for yes.")] = None,
    as_json: Json = False,
) -> None:
    """Fit models on what was known before the cut; track, grade and register them.

    A shop's first model becomes champion, a later one challenger: see cvo models promote.
    """
    from cvo_ml.cli import commands, shops

    if static is not None:
        commands.train_static(names, static, label, positive, mlruns, overrides or [], as_json, tune)
        return
    chosen = shops.choose(None, shop, "", max_bad_share=max_bad_share)
    commands.train(names, chosen, as_of, mlruns, overrides or [], as_json, promote=promote, tune=tune)


@app.command()
def score(
    as_of: Annotated[str, typer.Option("--as-of", help="The cut, YYYY-MM-DD: nothing later is known.")],
    shop: Shop = None,
    max_bad_share: MaxBadShare = None,
    out: Out = Path("out"),
    mlruns: Mlruns = Path("mlruns"),
    prospects: Annotated[
        Optional[Path],
        typer.Option("--prospects", help="Score this file of leads, who are not customers yet, into prospects.csv."),
    ] = None,
    models_folder: Annotated[
        Optional[Path],
        typer.Option("--models", help="Exported models instead, without MLflow: such as models.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Score, segment and prioritize every customer with the champions; with --prospects, leads instead."""
    from cvo_ml.cli import commands, shops

    chosen = shops.choose(None, shop, "", max_bad_share=max_bad_share)
    if prospects is not None:
        commands.score_prospects(chosen, prospects, as_of, out, mlruns, as_json, models_folder)
        return
    commands.score(chosen, as_of, out, mlruns, as_json, models_folder)


@app.command()
def prioritize(
    shop: Shop = None,
    policy: Annotated[
        Optional[Path],
        typer.Option("--policy", help="A policy; default: configs/policies/priorities.yaml.", show_default=False),
    ] = None,
    budget: Annotated[
        Optional[float], typer.Option("--budget", min=0, help="The most that this run may spend.", show_default=False)
    ] = None,
    effects: Annotated[
        Optional[list[Path]],
        typer.Option("--effects", help="CSV of measured or estimated effects; may be repeated.", show_default=False),
    ] = None,
    overrides: Annotated[
        Optional[list[str]],
        typer.Option("--set", help="Override the policy, such as holdout.share=0.2.", show_default=False),
    ] = None,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Instead, compare the current plan's treated with its held out.")
    ] = False,
    horizon: Annotated[str, typer.Option("--horizon", help="With --evaluate: days after the plan that count.")] = "90D",
    out: Out = Path("out"),
    as_json: Json = False,
) -> None:
    """Choose actions for the current scores within budget and limits; or, later, say whether they paid."""
    from cvo_ml.cli import prioritize as planning
    from cvo_ml.cli import shops

    chosen = shops.of_run(shop, out)
    if evaluate:
        planning.evaluate(chosen, horizon, out, as_json)
        return
    settings = [*(overrides or []), *([] if budget is None else [f"budget={budget!r}"])]
    planning.prioritize(chosen, policy, settings, effects or [], out, as_json)


@app.command()
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
    out: Out = Path("out"),
    as_json: Json = False,
) -> None:
    """Write the best customers, hashed, as a seed list for lookalike audiences of an ad platform."""
    from cvo_ml.cli import audience as command
    from cvo_ml.cli import shops

    scored = out / shops.FILE
    command.audience(
        shops.choose(None, shop or (scored if scored.is_file() else None), ""), platform, out, value=value,
        top_share=top, file=file, consent_elsewhere=consent_elsewhere, as_json=as_json,
    )  # fmt: skip


@app.command()
def outcomes(
    shop: Shop = None,
    horizon: Annotated[
        Optional[str],
        typer.Option("--horizon", help="Window to judge; default: the longest predicted one that is over."),
    ] = None,
    out: Out = Path("out"),
    by: Annotated[
        str, typer.Option("--by", help="Break the ledger down by version, as_of, rfm_group, value_tier or cohort.")
    ] = "version",
    as_json: Json = False,
) -> None:
    """Judge the scores by what happened after them; without --shop, by the shop that was scored."""
    from cvo_ml.cli import commands, shops

    commands.outcomes(shops.of_run(shop, out), horizon, out, by, as_json)


@app.command()
def report(out: Out = Path("out")) -> None:
    """Write report.html from the current scores."""
    from cvo_ml.cli import commands

    commands.report(out)


@app.command()
def backtest(
    shop: Shop = None,
    horizon: Annotated[str, typer.Option("--horizon", help="Window that is predicted and then judged.")] = "60D",
    every: Annotated[str, typer.Option("--every", help="Time between two cuts.")] = "30D",
    start: Annotated[Optional[str], typer.Option("--from", help="No cut before it.", show_default=False)] = None,
    end: Annotated[
        Optional[str], typer.Option("--until", help="The last cut; default: the last whose window is over.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="Folder; a walk that was interrupted goes on there.")] = Path(
        "backtest"
    ),
    overrides: Overrides = None,
    simulated: Simulated = None,
    size: SimulatedSize = None,
    seed: SimulatedSeed = None,
    as_json: Json = False,
) -> None:
    """Walk the calendar: at each cut train, score, and compare with what came; what would the lists have earned?"""
    from cvo_ml.cli import backtest as command
    from cvo_ml.cli import shops
    from cvo_ml.cli.options import CONFIGS
    from cvo_ml.core.errors import UsageError
    from cvo_ml.core.models import MODEL_NAMES
    from cvo_ml.workflows.train import check_overrides

    check_overrides(MODEL_NAMES, overrides or [], CONFIGS)
    truth = None
    if simulated is not None:
        from cvo_ml.cli import simulation

        if shop is not None:
            raise UsageError("--simulated makes a shop of its own: leave --shop out")
        chosen, truth = simulation.world(simulated, out / "simulated", size, seed)
    else:
        chosen = shops.choose(None, shop, "")
    options = {"every": every, "start": start, "end": end}
    command.backtest(chosen, out, horizon, options, overrides or [], as_json, truth)


@app.command()
def monitor(
    out: Out = Path("out"),
    policy: Annotated[
        Optional[Path],
        typer.Option("--policy", help="Thresholds; default: configs/policies/monitoring.yaml.", show_default=False),
    ] = None,
    webhook: Annotated[
        Optional[str], typer.Option("--webhook", help="POST the alarms there as JSON.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what looks wrong with the current scores: drift, stale or cut input, silent failures, broken promises."""
    from cvo_ml.cli import monitoring

    monitoring.monitor(out, policy, webhook, as_json)


@app.command()
def segment(
    as_of: Annotated[str, typer.Option("--as-of", help="The cut, YYYY-MM-DD: nothing later is known.")],
    shop: Shop = None,
    out: Out = Path("out"),
    mlruns: Mlruns = Path("mlruns"),
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
    from cvo_ml.cli import segment as command
    from cvo_ml.cli import shops

    command.segment(
        shops.choose(None, shop, ""), as_of, out, mlruns, months=months, recut=recut, dry_run=dry_run, method=model,
        horizon=horizon, overrides=overrides or [], machine=as_json,
    )  # fmt: skip


@app.command()
def simulate(
    kind: Annotated[str, typer.Argument(help="shop or saas.")],
    folder: Annotated[Path, typer.Argument(help="A new folder: tables/, truth/ and manifest.json.")],
    preset: Annotated[
        Optional[str], typer.Option("--preset", help="See configs/simulate; default: shop or saas.", show_default=False)
    ] = None,
    size: Annotated[
        Optional[int], typer.Option("--size", min=1, help="Customers (shop) or leads (saas).", show_default=False)
    ] = None,
    seed: Annotated[Optional[int], typer.Option("--seed", help="Default: the preset's.", show_default=False)] = None,
    dirty: Annotated[
        bool, typer.Option("--dirty", help="Add late rows, duplicates, test orders, mixed zones.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a folder that an earlier run wrote.")] = False,
    overrides: Annotated[
        Optional[list[str]],
        typer.Option("--set", help="Override the preset, such as margin.mean=0.4.", show_default=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a shop or a software vendor whose truth is known: true dropout, effects, labels."""
    from cvo_ml.cli import simulation

    simulation.simulate(kind, folder, preset, size, seed, dirty, overwrite, overrides or [], as_json)


class Stopped(BaseException):
    """The user or the system asked this process to stop; not a KeyboardInterrupt, which typer would swallow."""


def main() -> None:
    """Run the command line; a known failure is one sentence and an exit code, never a traceback."""
    from cvo_ml.cli.stdout import stdout_for_results
    from cvo_ml.core.errors import CvoError, storage_failure, unusable

    _let_signals_raise()
    try:
        with stdout_for_results():
            app()
    except CvoError as error:
        _complain(error)
        sys.exit(error.exit_code)
    except OSError as error:
        _complain(refused := unusable(error))
        sys.exit(refused.exit_code)
    except Exception as error:
        failed = storage_failure(error)
        if failed is None:
            raise
        _complain(failed)
        sys.exit(failed.exit_code)
    except Stopped as stopped:
        print("\ncvo: stopped; what was finished is kept, nothing half-written stays", file=sys.stderr)
        sys.exit(128 + int(stopped.args[0]))


def _let_signals_raise() -> None:
    def stop(number: int, frame: object) -> None:
        raise Stopped(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def _complain(error: Exception) -> None:
    from rich.console import Console
    from rich.text import Text

    Console(stderr=True).print(Text.assemble(("cvo: ", "bold red"), str(error)), soft_wrap=True)
