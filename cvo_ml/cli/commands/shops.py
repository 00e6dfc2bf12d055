"""``cvo demo``, ``check`` and ``simulate``: from a shop's rows, or from none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from cvo_ml.cli.options import (
    MLRUNS,
    AsOf,
    JobOverrides,
    Json,
    Mlruns,
    OrdersFile,
    Out,
    Shop,
    Simulated,
    SimulatedSeed,
    SimulatedSize,
    Window,
    answer,
    reads_orders,
    workspace,
)


@reads_orders
def demo(
    file: OrdersFile,
    data: Annotated[
        Optional[Path], typer.Option("--data", help="A CSV or Parquet file of orders.", show_default=False)
    ] = None,
    shop: Shop = None,
    as_of: AsOf = None,
    horizon: Window = "90D",
    out: Out = Path("demo"),
    mlruns: Mlruns = MLRUNS,
    overrides: JobOverrides = None,
    simulated: Simulated = None,
    size: SimulatedSize = None,
    seed: SimulatedSeed = None,
) -> None:
    """Train, score, segment, plan and judge: on sample data, on your own orders, or on a simulated shop."""
    from cvo_ml.cli.terminal import console
    from cvo_ml.cli.views.demo import next_steps, part
    from cvo_ml.core.errors import UsageError
    from cvo_ml.core.units import Horizon, parse_as_of
    from cvo_ml.workflows.checkout import trainer
    from cvo_ml.workflows.demo import DemoRequest, demo
    from cvo_ml.workflows.simulate import simulated_shop

    place, truth = workspace(out, mlruns), None
    if simulated is not None:
        if data is not None or shop is not None:
            raise UsageError("--simulated makes a shop of its own: leave --data and --shop out")
        chosen, truth = simulated_shop(simulated, place, size, seed)
    else:
        chosen = file.shop(place, data, shop)
    request = DemoRequest(
        shop=chosen, as_of=parse_as_of(as_of) if as_of else None, horizon=Horizon(horizon),
        overrides=tuple(overrides or ()),
    )  # fmt: skip
    result = demo(request, place, trainer(), truth=truth, seen=lambda found: part(console, found))
    next_steps(console, result, place)


@reads_orders
def check(
    file: OrdersFile,
    data: Annotated[Optional[Path], typer.Argument(help="A CSV or Parquet file of orders.", show_default=False)] = None,
    shop: Shop = None,
    as_of: AsOf = None,
    horizon: Window = "90D",
    quarantine: Annotated[
        Optional[Path], typer.Option("--quarantine", help="A CSV file for all rows that are set aside.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read a shop's orders strictly; say what they hold and which models they can carry."""
    from cvo_ml.cli.views.check import check as show
    from cvo_ml.core.units import Horizon, parse_as_of
    from cvo_ml.workflows.check import CheckRequest, check

    place = workspace(quiet=True)
    request = CheckRequest(
        shop=file.shop(place, data, shop), as_of=parse_as_of(as_of) if as_of else None, horizon=Horizon(horizon),
        quarantine=quarantine,
    )  # fmt: skip
    answer(check(request, place), as_json, show)


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
    from cvo_ml.cli.views.simulation import simulated as show
    from cvo_ml.workflows.simulate import SimulateRequest, simulate

    request = SimulateRequest(
        kind=kind, folder=folder, preset=preset, size=size, seed=seed, dirty=dirty, overwrite=overwrite,
        overrides=tuple(overrides or ()),
    )  # fmt: skip
    answer(simulate(request, workspace(quiet=as_json)), as_json, show)
