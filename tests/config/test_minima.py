"""One place says what data must hold: the readiness report and training read the same policy."""

from pathlib import Path

import pytest

from cvo_ml.config.loader import config_dir, default_config, load_config
from cvo_ml.config.readiness import ReadinessPolicy
from training import __main__ as jobs


def test_the_shipped_policy_says_what_its_defaults_are() -> None:
    assert load_config(config_dir() / "policies/readiness.yaml", ReadinessPolicy) == ReadinessPolicy()


def test_training_hands_the_policy_of_the_working_folder_to_its_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the file says reaches each job; nothing is fitted."""
    (tmp_path / "configs/policies").mkdir(parents=True)
    (tmp_path / "configs/policies/readiness.yaml").write_text(
        "clv: {repeat_customers: 7}\nchurn: {of_each_outcome: 8}\nicp: {positives: 9}\n"
    )
    (tmp_path / "shop.yaml").write_text(
        "{name: s, currency: EUR, source: {path: o.csv}, "
        "columns: {order_id: o, customer_id: c, ordered_at: d, net: n}}\n"
    )
    (tmp_path / "o.csv").write_text("o,c,d,n\nA1,C1,2024-01-01,5\n")
    monkeypatch.chdir(tmp_path)
    handed = {}

    def note(name, job, minima, *context):
        handed[name] = getattr(minima, name)
        raise jobs.ModelRefused("not fitted here")

    monkeypatch.setattr(jobs, "_fit", note)
    arguments = [part for name in ("clv", "churn", "icp") for part in ("--job", name)]
    assert jobs.main([*arguments, "--shop", "shop.yaml", "--as-of", "2024-06-01", "--mlruns", "mlruns"]) == 0
    assert (handed["clv"].repeat_customers, handed["churn"].of_each_outcome, handed["icp"].positives) == (7, 8, 9)
    policy = load_config(default_config("policies/readiness.yaml", tmp_path / "configs"), ReadinessPolicy)
    assert (policy.clv, policy.churn, policy.icp) == (handed["clv"], handed["churn"], handed["icp"])
