"""What commands share: options, the workspace and the shop that they come to, and how a result is printed."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Optional, TypeVar, get_type_hints

import typer

if TYPE_CHECKING:
    from cvo_ml.config.shops import ShopConfig
    from cvo_ml.core.result import Result
    from cvo_ml.core.workspace import Workspace
    from cvo_ml.report.screen import Screen

Answer = TypeVar("Answer", bound="Result")

# typer reads annotations at run time, and Optional keeps them readable for it on every Python
Shop = Annotated[
    Optional[Path],
    typer.Option("--shop", help="A shop's YAML file, such as configs/shops/cdnow.yaml.", show_default=False),
]
CUT: Final = "The cut, YYYY-MM-DD: nothing later is known."
AsOf = Annotated[Optional[str], typer.Option("--as-of", help=CUT, show_default=False)]
RequiredAsOf = Annotated[str, typer.Option("--as-of", help=CUT)]
Mlruns = Annotated[Path, typer.Option("--mlruns", help="Folder of MLflow's database and artifacts.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of scores/, priorities.csv and report.html.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for machines.")]
JobOverrides = Annotated[
    Optional[list[str]],
    typer.Option("--set", help="Override a job's setting, such as churn.horizon=60D.", show_default=False),
]
TrustCode = Annotated[
    bool,
    typer.Option("--trust-code", help="Run own features (Python) though they are not on the list of trusted code."),
]
Simulated = Annotated[
    Optional[str], typer.Option("--simulated", help="A simulated 'shop' or 'saas' whose truth is known.")
]
SimulatedSize = Annotated[
    Optional[int], typer.Option("--size", min=1, help="With --simulated: customers (shop) or leads (saas).")
]
SimulatedSeed = Annotated[Optional[int], typer.Option("--seed", help="With --simulated: default, the preset's.")]
MaxBadShare = Annotated[
    Optional[float],
    typer.Option(
        "--max-bad-share", min=0, max=1, show_default=False,
        help="One fault in more than this share of the rows refuses the file; default: the shop's, else 0.01.",
    ),
]  # fmt: skip
Window = Annotated[str, typer.Option("--horizon", help="Window that is predicted and then judged, such as 90D.")]

#: own configuration and thresholds of the folder that a command was started in; only the command line looks there
CONFIGS: Final = Path("configs")
DOSSIERS: Final = Path("models")
OUT: Final = Path("out")
MLRUNS: Final = Path("mlruns")
#: names what the registered names of models begin with, such as the schema of a catalog
PREFIX: Final = "CVO_REGISTRY_PREFIX"


@dataclasses.dataclass(frozen=True)
class OrdersFile:
    """How a file of orders reads: the options that ``check`` and ``demo`` share."""

    columns: Annotated[
        str,
        typer.Option(
            "--columns", help="With --data: meaning=header, ... such as customer_id=Client,ordered_at=Date,net=Total."
        ),
    ] = ""
    rows: Annotated[
        Optional[str], typer.Option("--rows", help="With --data: 'orders' or 'lines' (one row an order line).")
    ] = None
    date_format: Annotated[
        Optional[str], typer.Option("--date-format", help="With --data: such as %d/%m/%Y; else ISO 8601.")
    ] = None
    currency: Annotated[str, typer.Option("--currency", help="With --data: ISO code; XXX = not known.")] = "XXX"
    delimiter: Annotated[str, typer.Option("--delimiter", help="With --data: the field separator of a CSV.")] = ","
    decimal: Annotated[str, typer.Option("--decimal", help="With --data: the decimal sign, '.' or ','.")] = "."
    encoding: Annotated[str, typer.Option("--encoding", help="With --data: utf-8, utf-16, latin-1 or cp1252.")] = (
        "utf-8"
    )
    guests: Annotated[
        bool, typer.Option("--guests", help="With --data: rows without a customer are guests, not faults.")
    ] = False
    max_bad_share: MaxBadShare = None

    def shop(self, workspace: Workspace, data: Path | None, shop: Path | None) -> ShopConfig:
        """The shop that is named, the file that is described, or the sample."""
        from cvo_ml.workflows.shops import choose_shop

        return choose_shop(workspace, shop=shop, data=data, **vars(self))


def reads_orders(command: Callable[..., None]) -> Callable[..., None]:
    """The command, its parameter ``file: OrdersFile`` spelled as one option a field."""
    hints = get_type_hints(OrdersFile, include_extras=True)
    fields = [
        inspect.Parameter(
            field.name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=hints[field.name]
        )
        for field in dataclasses.fields(OrdersFile)
    ]
    spelled: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
        spelled += fields if name == "file" else [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)]

    @functools.wraps(command)
    def with_file(**options: Any) -> None:
        file = OrdersFile(**{field.name: options.pop(field.name) for field in fields})
        command(file=file, **options)

    vars(with_file)["__signature__"] = inspect.Signature(spelled)
    return with_file


def workspace(out: Path = OUT, mlruns: Path = MLRUNS, *, quiet: bool = False) -> Workspace:
    """Where a command's things lie, with the own configuration of the folder that it was started in.

    Parameters
    ----------
    quiet:
        Nobody is told of the work: what is printed is for machines.
    """
    from cvo_ml.cli.terminal import console
    from cvo_ml.core.workspace import Silent, Workspace
    from cvo_ml.report.screen import ScreenProgress

    prefix = os.environ.get(PREFIX, "")
    return Workspace(out, mlruns, CONFIGS, DOSSIERS, Silent() if quiet else ScreenProgress(console), prefix)


def chosen_shop(workspace: Workspace, shop: Path | None, max_bad_share: float | None = None) -> ShopConfig:
    """The shop that is named, else the sample."""
    from cvo_ml.workflows.shops import choose_shop

    return choose_shop(workspace, shop=shop, max_bad_share=max_bad_share)


def answer(result: Answer, as_json: bool, show: Callable[[Screen, Answer], None]) -> None:
    """Print a result: for machines as JSON, for people as they read it."""
    from cvo_ml.cli.terminal import console, print_json

    if as_json:
        print_json(result.to_json())
    else:
        show(console, result)
