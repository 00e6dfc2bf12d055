"""Models of purchases side by side, in sentences and tables of 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cvo_ml.core.blocks import Block, Sentence, TextTable
from cvo_ml.models.clv.comparison import ComparedModel, Comparison
from cvo_ml.stats.accuracy import Accuracy

NONE = "–"


def comparison_blocks(found: Comparison, currency: str) -> Iterator[Block]:
    """Fits, parameters, and order and total in the holdout."""
    fitted = [model for model in found.models if model.log_likelihood is not None]
    if fitted:
        columns = ("model", ">parameters", ">log likelihood", ">AIC", ">BIC", ">seconds")
        yield TextTable("Fits", columns, [_fit(model) for model in fitted])
        estimates = ("model", "parameter", ">estimate", ">from", ">to")
        yield TextTable("Parameters, with 95 % intervals", estimates, _parameters(fitted))
    for model in found.models:
        if model.status.startswith("refused"):
            yield Sentence(f"{model.name} was {model.status}", "yellow")
        elif model.status not in ("converged", "baseline"):
            yield Sentence(f"{model.name}: {model.status}", "dim")
    if reasons := {one.value_status for one in fitted if one.value_status.startswith("refused")}:
        yield Sentence(f"Value is not compared, {min(reasons)}", "yellow")
    if found.horizon is None:
        return
    yield from _judged("Purchase days", found, [(one, one.expected_purchases, one.purchases) for one in found.models])
    value = [(one, one.expected_value, one.value) for one in found.models]
    if any(measured is not None for *_, measured in value):
        yield from _judged(f"Value ({currency})", found, value)
    yield Sentence(
        "Order: Gini, rank correlation, and the share of what came that the best tenth by prediction holds; total: "
        "predicted against came.",
        "dim",
    )


def _fit(model: ComparedModel) -> tuple[str, ...]:
    likelihood, aic, bic = (
        NONE if number is None else f"{number:,.1f}" for number in (model.log_likelihood, model.aic, model.bic)
    )
    seconds = NONE if model.seconds is None else f"{model.seconds:.2f}"
    return model.name, str(model.n_parameters), likelihood, aic, bic, seconds


def _parameters(models: Sequence[ComparedModel]) -> list[tuple[str, ...]]:
    rows, seen = [], set()
    for model in models:
        for place, one in enumerate(model.parameters):
            value = (one.name, one.estimate)
            if place >= (model.n_parameters or 0):  # of value: the same for every model of purchases
                if value in seen:
                    continue
                seen.add(value)
            name = "Gamma-Gamma" if place >= (model.n_parameters or 0) else model.name
            ends = [NONE if end is None else f"{end:.4g}" for end in (one.lower, one.upper)]
            rows.append((name, one.name, f"{one.estimate:.4g}", *ends))
    return sorted(rows, key=lambda row: row[0] == "Gamma-Gamma")


def _judged(
    what: str, found: Comparison, rows: Sequence[tuple[ComparedModel, float | None, Accuracy | None]]
) -> Iterator[Block]:
    came = found.actual_purchases if what.startswith("Purchase") else found.actual_value
    cells = [(one.name, *_accuracy(total, measured)) for one, total, measured in rows if measured is not None]
    title = f"{what} in the {found.horizon} after the cut: {came or 0.0:,.0f} came"
    yield TextTable(title, ("model", ">predicted", ">total", ">Gini", ">rank corr.", ">top tenth"), cells)


def _accuracy(total: float | None, measured: Accuracy) -> tuple[str, ...]:
    def shown(number: float | None, form: str) -> str:
        return NONE if number is None else format(number, form)

    return (
        shown(total, ",.0f"),
        shown(measured.total_bias, "+.1%"),
        shown(measured.gini, ".3f"),
        shown(measured.spearman, ".3f"),
        shown(measured.top_decile_share, ".1%"),
    )
