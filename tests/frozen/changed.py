"""Deliberate changes of what is frozen; ``CHANGED.md`` tells them to people, and a test holds the two together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Change:
    """One deliberate change.

    Parameters
    ----------
    snapshot:
        Name of the snapshot without ``.json``; for an exit code its stage and command line (``*``: anything).
    path:
        Where it differs, such as ``models[*].metrics.model_auc`` (``*``: anything).
    decision:
        The page in ``docs/decisions`` that says so.
    """

    snapshot: str
    path: str
    decision: str


TABLES: Final = "0047-tables-of-the-business-methods.md"
TRUTH: Final = "0048-truth-of-the-business-methods.md"
DOORS: Final = "0022-one-application-under-every-door.md"
SHOPS: Final = "0023-one-registry-many-shops.md"
TRAINING: Final = "0024-training-as-plain-functions.md"
SCORES: Final = "0020-scores-format-2.md"
VISIBILITY: Final = "0021-one-rule-of-visibility.md"
STORE: Final = "0026-children-digests-read-only.md"
PYFUNC: Final = "0032-pyfunc-on-raw-orders.md"
OUTPUT: Final = "0028-secrets-addresses-and-output.md"
MACHINERY: Final = "0034-machinery.md"
OWN: Final = "0031-own-features.md"
MEANINGS: Final = "0040-what-a-row-means.md"
VERDICT: Final = "0041-one-verdict-one-consent.md"

CHANGED: Final[tuple[Change, ...]] = (
    Change("score", "format_version", SCORES),
    Change("score_later", "format_version", SCORES),
    Change("check", "models.churn.expected_width", VISIBILITY),
    Change("check", "models.churn.helps[*]", VISIBILITY),
    Change("check", "models.churn.numbers.*", VISIBILITY),
    Change("check", "models.churn.reasons[*]", VISIBILITY),
    Change("check", "models.icp.numbers.*", VISIBILITY),
    Change("check", "models.icp.reasons[*]", VISIBILITY),
    Change("score", "readiness[*]", VISIBILITY),
    Change("score_later", "readiness[*]", VISIBILITY),
    Change("empty: train clv --shop shop.yaml --as-of 2023-02-01 --mlruns taken", "says", DOORS),
    Change("trained: score --shop tiny.yaml --as-of 2023-12-01 --out early", "says", SHOPS),
    Change("trained: models promote churn --version 9", "says", SHOPS),
    Change("trained: models show churn --version 9", "says", SHOPS),
    Change("trained: models export churn --version 9", "says", SHOPS),
    Change("leads: score --prospects prospects.csv --shop shop.yaml --as-of 2023-07-01 --out leads", "says", SHOPS),
    Change("backtest", "cuts[*].judged.icp.*", TRAINING),
    Change("models_promote", "shop", SHOPS),
    Change("models_rollback", "shop", SHOPS),
    Change("models_show", "audit[*].shop", SHOPS),
    Change("models_show_champion", "audit[*].shop", SHOPS),
    Change("empty: models list --mlruns damaged", "says", STORE),
    Change("stale: monitor --out stale --webhook http://127.0.0.1:9/", "code", OUTPUT),
    Change("stale: monitor --out stale --webhook http://127.0.0.1:9/", "says", OUTPUT),
    Change("models_show", "facts.timezone", PYFUNC),
    Change("models_show_champion", "facts.timezone", PYFUNC),
    Change("score", "models.*.timezone", PYFUNC),
    Change("score_later", "models.*.timezone", PYFUNC),
    Change("score_prospects", "model.timezone", PYFUNC),
    Change("train", "models[*].metrics.p_alive_calibration_*", MACHINERY),
    Change("score", "models.churn.metrics.p_alive_calibration_*", MACHINERY),
    Change("score_later", "models.churn.metrics.p_alive_calibration_*", MACHINERY),
    Change("train_challenger", "models[*].metrics.p_alive_calibration_*", MACHINERY),
    Change("models_show", "facts.metrics.p_alive_calibration_*", MACHINERY),
    Change("models_diff", "differences.metrics.p_alive_calibration_*", MACHINERY),
    Change("backtest", "plan.jobs.churn.features", OWN),
    Change("backtest", "plan.jobs.icp.more_features", OWN),
    Change("models_show", "facts.job.features", OWN),
    Change("score", "models.churn.job.features", OWN),
    Change("score", "models.icp.job.more_features", OWN),
    Change("score_later", "models.churn.job.features", OWN),
    Change("score_later", "models.icp.job.more_features", OWN),
    Change("score_prospects", "model.job.more_features", OWN),
    Change("empty: check orders.csv", "says", MEANINGS),
    Change("empty: check orders.csv --columns customer_id=client,ordered_at=date", "says", MEANINGS),
    Change("backtest", "plan.policies.priorities.unsaid_consent", VERDICT),
    Change("score", "priorities.unsaid_consent", VERDICT),
    Change("score_later", "priorities.unsaid_consent", VERDICT),
    Change("simulate_shop", "shop", VERDICT),
    Change("check", "models.*.code", VERDICT),
    Change("check", "quarantine", VERDICT),
    Change("check_data", "models.*.code", VERDICT),
    Change("check_data", "quarantine", VERDICT),
    Change("check_data", "models.clv.status", VERDICT),
    Change("check_data", "models.clv.reasons[*]", VERDICT),
    Change("simulate_shop", "preset.*", TRUTH),
    Change("empty: simulate shop other --preset nosuch", "says", TRUTH),
    Change("check", "reads", TABLES),
    Change("check_data", "reads", TABLES),
    Change("score", "readiness", TABLES),
    Change("score_later", "readiness", TABLES),
)


def allowed(snapshot: str) -> list[str]:
    """The paths that may differ in a snapshot."""
    return [change.path for change in CHANGED if change.snapshot in (snapshot, "*")]
