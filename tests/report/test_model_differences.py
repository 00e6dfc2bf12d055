"""Two versions side by side: readable where a terminal has 80 columns."""

from __future__ import annotations

from io import StringIO

from cvo_ml.core.blocks import Sentence, TextTable
from cvo_ml.report.screen import Screen
from cvo_ml.report.text.model_differences import Pair, model_differences

DIFFERENCES: dict[str, Pair] = {
    "kind": ("churn.lightgbm", "churn.recency_logistic"),
    "hash": ("a8b80bbfcfbe", "c106f99c24c6"),
    "btyd.hash": ("e11f0e01" * 8, "56fb4855" * 8),
    "btyd.parameters.model.transactions.covariance": ([[0.1, 0.2], [0.2, 0.3]], [[0.2, 0.2], [0.2, 0.3]]),
    "trained_as_of": ("2023-11-01", "2023-12-01"),
    "git_commit": ("f39b50f6" * 5, f"{'f39b50f6' * 5} with changes"),
    "job.trees.rounds": (60, 80),
    "job.condition": (None, "number_of_orders > 1"),
    "job.more_features": (["a", "b", "c"], ["c", *(f"tickets_{days}d" for days in range(9))]),
    "metrics.model_calibration_intercept": (-0.01635, 0.1903),
    "metrics.model_purchases_top_decile_share": (0.3602, 0.3367),
    "metrics.last_period_repeated_purchases_top_decile_share": (0.305, 0.3033),
    "metrics.churn_rate": (0.46, None),
    "metrics.leak_shuffled_calibration_intercept": (0.4, 0.5),
}


def tables() -> dict[str, TextTable]:
    return {block.title: block for block in model_differences((1, 2), DIFFERENCES) if isinstance(block, TextTable)}


def test_every_difference_stands_in_the_section_that_it_is_about() -> None:
    found = tables()
    assert sum(len(table.rows) for table in found.values()) == len(DIFFERENCES)
    assert {title: [row[0] for row in table.rows] for title, table in found.items()} == {
        "Model": ["kind", "hash"],
        "Data and code": ["trained as of", "git commit"],
        "The model of purchases inside": ["hash", "transactions covariance"],
        "Job": ["trees rounds", "condition", "more features"],
        "Metrics": [
            "model calibration intercept", "model purchases top decile share", "churn rate",
            "leak shuffled calibration intercept",
        ],
        "Metrics of what it was compared with": ["last period repeated purchases top decile share"],
    }  # fmt: skip


def test_numbers_have_their_change_and_lists_what_the_other_does_not_hold() -> None:
    job = {row[0]: row[1:] for row in tables()["Job"].rows}
    assert job["trees rounds"] == ("60", "80", "+20")
    assert job["condition"] == ("", "number_of_orders > 1", "")
    assert job["more features"] == ("+ a, b", "+ tickets_0d, tickets_1d, tickets_2d, tickets_3d, 5 more", "")
    assert tables()["The model of purchases inside"].rows[1][1:] == ("2 × 2 numbers", "2 × 2 numbers")
    assert tables()["Data and code"].rows[1][1:] == ("f39b50f6f39b", "f39b50f6f39b with changes")


def test_eighty_columns_hold_every_word() -> None:
    screen = Screen(file=StringIO(), width=80)
    screen.blocks(model_differences((1, 2), DIFFERENCES))
    shown = screen.file.getvalue()
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown
    for word in ["recency_logistic", "purchases", "decile", "intercept", "tickets_3d", "number_of_orders"]:
        assert word in shown


def test_the_same_model_is_said() -> None:
    [said] = list(model_differences((3, 4), {}))
    assert said == Sentence("Versions 3 and 4 are the same model.")
