"""The ``cvo`` command: what it is made of, and the exit code of each kind of failure (``core.errors``)."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import traceback
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cvo_ml.cli.commands import analyses, comparing, init, models, plans, scores, shops, training

if TYPE_CHECKING:
    from cvo_ml.core.errors import CvoError
    from cvo_ml.core.stopping import StopSignals

app = typer.Typer(
    name="cvo",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Customer value optimization: from a table of orders to a ranked list of profitable actions.",
)
for command in (
    shops.demo, init.init, shops.check, training.train, scores.score, scores.explain, scores.segment,
    plans.plan, plans.evaluate, scores.outcomes, scores.monitor, training.backtest, comparing.compare,
    analyses.analyze,    scores.audience, scores.report,
    shops.simulate,
):  # fmt: skip
    app.command()(command)
app.command(hidden=True)(plans.prioritize)
app.add_typer(models.app, name="models")

#: options of every command, which may stand before its name or after it
LOG_JSON: Final = "--log-json"
VERBOSE: Final = "--verbose"
SHOW_IDS: Final = "--show-ids"
#: the loggers of this project; those of libraries stay as they are
LOGGERS: Final = ("cvo_ml", "training")


@app.callback()
def everywhere(
    log_json: Annotated[bool, typer.Option(LOG_JSON, help="Log lines of JSON to standard error.")] = False,
    verbose: Annotated[bool, typer.Option(VERBOSE, help="Log what is being done to standard error.")] = False,
    show_ids: Annotated[bool, typer.Option(SHOW_IDS, help="Name customers where no terminal is.")] = False,
) -> None:
    """Options of every command; ``main`` has read them already."""


def main() -> None:
    """Run the command line; a known failure is one sentence and an exit code, never a traceback."""
    from cvo_ml.cli.streams import streams
    from cvo_ml.core.errors import PartlyDone
    from cvo_ml.core.secrets import confidential, is_secret, remembered

    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing is sent anywhere unasked
    given = filter(is_secret, sys.argv)
    with remembered(*confidential(os.environ), *given) as hidden, streams(hidden) as output:
        code = _ran(sys.argv[1:])
        if output.failure is not None and not code:
            why = f"standard output takes no more ({output.failure.strerror}): the work is kept, print elsewhere"
            code = _complain(PartlyDone(why))
    sys.exit(code)


def _ran(arguments: list[str]) -> int:
    """The exit code of a command."""
    from cvo_ml.cli.terminal import console
    from cvo_ml.core.address_space import refuse_small_address_space
    from cvo_ml.core.errors import refusal
    from cvo_ml.core.stopping import Stopped, StopSignals

    first = [word for word in arguments if word in (LOG_JSON, VERBOSE, SHOW_IDS)]
    console.shows_ids = SHOW_IDS in first or sys.stdout.isatty()
    signals = StopSignals()
    signals.listen()
    try:
        if "--help" not in arguments:
            refuse_small_address_space()
        with _logging(LOG_JSON in first, VERBOSE in first):
            app(args=[*first, *(word for word in arguments if word not in first)], prog_name="cvo")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except Stopped:
        return _stopped(signals)
    except Exception as error:
        if signals.number is not None:  # a library's own word for it, such as DuckDB's of a query interrupted
            return _stopped(signals)
        if (refused := refusal(error)) is None:
            from cvo_ml.config.messages import refused_request

            refused = refused_request(error)
        if refused is not None:
            return _complain(refused)
        traceback.print_exc()  # here, where secrets are taken out
        return 1
    return 0


def _stopped(signals: StopSignals) -> int:
    signals.caught()
    print("\ncvo: stopped; what was finished is kept, nothing half-written stays", file=sys.stderr)
    return 128 + int(signals.number or 0)


@contextlib.contextmanager
def _logging(as_json: bool, verbose: bool) -> Iterator[None]:
    """Send the project's log to standard error while a command runs: warnings alone, unless more is asked for."""
    from cvo_ml.core.run_log import JsonLines, PlainLines, RunFilter

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if as_json else PlainLines())
    handler.addFilter(RunFilter())
    loggers = [logging.getLogger(name) for name in LOGGERS]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO if as_json or verbose else logging.WARNING)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)


def _complain(error: CvoError) -> int:
    """Say what is wrong, each line after the first set in, so that none looks like another complaint."""
    from cvo_ml.report.screen import Screen

    screen = Screen(stderr=True)
    first, *others = str(error).split("\n")
    screen.say(("cvo: ", "bold red"), first, soft_wrap=True)
    for line in others:
        screen.say(f"  {line}", soft_wrap=True)
    return error.exit_code
