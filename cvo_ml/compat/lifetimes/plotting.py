"""lifetimes' plots, on the axes that are given or new ones; matplotlib is needed."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from cvo_ml.compat.lifetimes.utils import calculate_alive_path, expected_cumulative_transactions
from cvo_ml.core.errors import UsageError


def plot_period_transactions(
    model: Any, max_frequency: int = 7, title: str = "Frequency of Repeat Transactions",
    xlabel: str = "Number of Calibration Period Transactions", ylabel: str = "Customers", ax: Any = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """Customers by number of repeat purchases: those there are, and as many drawn from the fitted law."""
    labels = kwargs.pop("label", ["Actual", "Model"])
    drawn = model.generate_new_data(size=len(model.data))
    index = range(max_frequency)
    counts = [table["frequency"].value_counts().reindex(index, fill_value=0) for table in (model.data, drawn)]
    axes = pd.DataFrame(dict(zip(labels, counts, strict=True))).plot(kind="bar", ax=ax or _axes(), **kwargs)
    return _labelled(axes, title, xlabel, ylabel)


def plot_calibration_purchases_vs_holdout_purchases(
    model: Any, calibration_holdout_matrix: pd.DataFrame, kind: str = "frequency_cal", n: int = 7, ax: Any = None,
    **kwargs: Any,
) -> Any:  # fmt: skip
    """Mean purchases in the holdout, and those predicted, by what was seen in the calibration.

    Parameters
    ----------
    kind:
        ``frequency_cal``, ``recency_cal``, ``T_cal`` or ``time_since_last_purchase``.
    """
    labels = {
        "frequency_cal": "Purchases in calibration period",
        "recency_cal": "Age of customer at last purchase",
        "T_cal": "Age of customer at the end of calibration period",
        "time_since_last_purchase": "Time since user made last purchase",
    }
    if kind not in labels:
        raise UsageError(f"kind is {kind!r}: use one of {', '.join(labels)}")
    table = calibration_holdout_matrix.copy()
    table["time_since_last_purchase"] = table["T_cal"] - table["recency_cal"]
    table["model_predictions"] = model.conditional_expected_number_of_purchases_up_to_time(
        table["duration_holdout"].iloc[0], table["frequency_cal"], table["recency_cal"], table["T_cal"]
    )
    means = table.groupby(kind)[["frequency_holdout", "model_predictions"]].mean().iloc[:n]
    axes = means.plot(ax=ax or _axes(), **kwargs)
    title = "Actual Purchases in Holdout Period vs Predicted Purchases"
    return _labelled(axes, title, labels[kind], "Average of Purchases in Holdout Period")


def plot_frequency_recency_matrix(
    model: Any, T: float = 1, max_frequency: int | None = None, max_recency: int | None = None,
    title: str | None = None,
    xlabel: str = "Customer's Historical Frequency", ylabel: str = "Customer's Recency", ax: Any = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """Expected purchases in the next ``T`` units of time of every history of one age, as a heat map."""
    x, recency, age = model._grid(max_frequency, max_recency)
    expected = model.conditional_expected_number_of_purchases_up_to_time(T, x, recency, age)
    plural = "" if T == 1 else "s"
    asked = f"Expected Number of Future Purchases for {T} Unit{plural} of Time,"
    title = title or f"{asked}\nby Frequency and Recency of a Customer"
    return _heat(np.asarray(expected).reshape(x.shape), title, xlabel, ylabel, ax, kwargs)


def plot_probability_alive_matrix(
    model: Any, max_frequency: int | None = None, max_recency: int | None = None,
    title: str = "Probability Customer is Alive,\nby Frequency and Recency of a Customer",
    xlabel: str = "Customer's Historical Frequency", ylabel: str = "Customer's Recency", ax: Any = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """P(alive) of every history of one age, as a heat map."""
    alive = model.conditional_probability_alive_matrix(max_frequency, max_recency)
    return _heat(alive, title, xlabel, ylabel, ax, kwargs)


def plot_expected_repeat_purchases(
    model: Any, title: str = "Expected Number of Repeat Purchases per Customer",
    xlabel: str = "Time Since First Purchase", ax: Any = None, label: str | None = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """Expected repeat purchases of a new customer, dashed beyond the oldest customer's age."""
    axes, oldest = ax or _axes(), float(model.data["T"].max())
    inside, beyond = np.linspace(0, oldest, 100), np.linspace(oldest, 1.5 * oldest, 100)
    (line,) = axes.plot(inside, model.expected_number_of_purchases_up_to_time(inside), label=label, **kwargs)
    later = {**kwargs, "color": line.get_color(), "ls": "--"}
    later.pop("c", None)
    axes.plot(beyond, model.expected_number_of_purchases_up_to_time(beyond), **later)
    return _labelled(axes, title, xlabel, "Repeat purchases", legend=label is not None)


def plot_history_alive(
    model: Any, t: int, transactions: pd.DataFrame, datetime_col: str, freq: str = "D", start_date: Any = None,
    ax: Any = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """P(alive) of one customer over time, with a line at each purchase."""
    axes = ax or _axes()
    when = pd.to_datetime(transactions[datetime_col])
    path = calculate_alive_path(model, transactions, datetime_col, t, freq)
    start = when.min().to_period(freq).to_timestamp()
    dates = pd.period_range(start, periods=len(path), freq=freq).to_timestamp()
    axes.plot(dates, path.to_numpy(), "-", label="P_alive", **kwargs)
    bought = when.dt.to_period(freq).dt.to_timestamp().unique()
    axes.vlines(bought, ymin=0, ymax=1, colors="r", linestyles="dashed", label="purchases")
    axes.set_ylim(0, 1.0)
    axes.set_yticks(np.arange(0, 1.1, 0.1))
    axes.set_xlim(pd.to_datetime(start_date) if start_date is not None else start, dates[-1])
    return _labelled(axes, "History of P_alive", "", "P_alive")


def plot_cumulative_transactions(
    model: Any, transactions: pd.DataFrame, datetime_col: str, customer_id_col: str, t: int, t_cal: float,
    datetime_format: str | None = None, freq: str = "D", set_index_date: bool = False,
    title: str = "Tracking Cumulative Transactions", xlabel: str = "day", ylabel: str = "Cumulative Transactions",
    ax: Any = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """Repeat purchases up to each period, those that came and those expected, with a line at the end of calibration."""
    table = expected_cumulative_transactions(
        model, transactions, datetime_col, customer_id_col, t, datetime_format, freq, set_index_date=set_index_date
    )
    return _tracking(table, t_cal, set_index_date, title, xlabel, ylabel, ax, kwargs)


def plot_incremental_transactions(
    model: Any, transactions: pd.DataFrame, datetime_col: str, customer_id_col: str, t: int, t_cal: float,
    datetime_format: str | None = None, freq: str = "D", set_index_date: bool = False,
    title: str = "Tracking Daily Transactions", xlabel: str = "day", ylabel: str = "Transactions", ax: Any = None,
    **kwargs: Any,
) -> Any:  # fmt: skip
    """Repeat purchases in each period, those that came and those expected, with a line at the end of calibration."""
    table = expected_cumulative_transactions(
        model, transactions, datetime_col, customer_id_col, t, datetime_format, freq, set_index_date=set_index_date
    )
    return _tracking(table.diff(), t_cal, set_index_date, title, xlabel, ylabel, ax, kwargs)


def plot_transaction_rate_heterogeneity(
    model: Any, suptitle: str = "Heterogeneity in Transaction Rate", xlabel: str = "Transaction Rate",
    ylabel: str = "Density", suptitle_fontsize: int = 14, ax: Any = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """The fitted gamma law of the rate at which customers buy."""
    r, alpha = model._unload_params("r", "alpha")
    law = stats.gamma(r, scale=1 / alpha)
    return _density(law, suptitle, xlabel, ylabel, suptitle_fontsize, ax, kwargs)


def plot_dropout_rate_heterogeneity(
    model: Any, suptitle: str = "Heterogeneity in Dropout Probability", xlabel: str = "Dropout Probability p",
    ylabel: str = "Density", suptitle_fontsize: int = 14, ax: Any = None, **kwargs: Any,
) -> Any:  # fmt: skip
    """The fitted beta law of the probability to leave after a purchase."""
    return _density(
        stats.beta(*model._unload_params("a", "b")), suptitle, xlabel, ylabel, suptitle_fontsize, ax, kwargs
    )


def _pyplot() -> Any:
    try:
        return importlib.import_module("matplotlib.pyplot")
    except ImportError:
        raise UsageError("plots need matplotlib: install matplotlib (pip install matplotlib)") from None


def _axes() -> Any:
    return _pyplot().subplot(111)


def _labelled(axes: Any, title: str, xlabel: str, ylabel: str, *, legend: bool = True) -> Any:
    axes.set_title(title)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    if legend:
        axes.legend()
    return axes


def _heat(values: Any, title: str, xlabel: str, ylabel: str, ax: Any, options: dict[str, Any]) -> Any:
    axes = ax or _axes()
    image = axes.imshow(values, **{"interpolation": "none", "aspect": "auto", **options})
    axes.figure.colorbar(image, ax=axes)
    return _labelled(axes, title, xlabel, ylabel, legend=False)


def _tracking(
    table: pd.DataFrame, t_cal: float, by_date: bool, title: str, xlabel: str, ylabel: str, ax: Any,
    options: dict[str, Any],
) -> Any:  # fmt: skip
    axes = table.plot(ax=ax or _axes(), title=title, **options)
    axes.axvline(x=table.index[int(t_cal)] if by_date else t_cal, color="r", linestyle="--")
    return _labelled(axes, title, "date" if by_date else xlabel, ylabel)


def _density(law: Any, title: str, xlabel: str, ylabel: str, size: int, ax: Any, options: dict[str, Any]) -> Any:
    axes = ax or _pyplot().subplots(1)[1]
    axes.figure.suptitle(title, fontsize=size, fontweight="bold")
    x = np.linspace(0, law.ppf(0.99), 100)
    axes.plot(x, law.pdf(x), **options)
    return _labelled(axes, f"mean: {law.mean():.3f}, var: {law.var():.3f}", xlabel, ylabel, legend=False)
