"""Leads of a simulated vendor, most of them never asked, against what all of them would have done if asked.

    python benchmarks/icp/asked.py [--seeds 2] [NAME ...]

Names: chance; buyers (sales prefer who would buy), names (big companies), unready (the least mature), each moderately,
and with ``_strongly``. The truth of a later lead is its outcome in the same world with everybody asked. Beside the
model: plain classification (never asked = lost), positive-unlabelled bagging without the record of losses, rate by
source. Slope and mean score want 1 and the true rate; differences are paired, with 95 % bootstrap intervals.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from datetime import date

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cvo_ml.config.jobs import IcpJob, LeadsJob
from cvo_ml.config.readiness import IcpMinima
from cvo_ml.core.units import Horizon
from cvo_ml.models.boosting import BoostedClassifier
from cvo_ml.simulate import saas_preset, simulate_saas
from cvo_ml.stats.calibration import log_loss, logistic_recalibration
from cvo_ml.stats.intervals import Interval, bootstrap
from cvo_ml.stats.ranking import auc, lift
from training.icp.dataset import LeadRows, lead_rows, split_leads
from training.icp.fit_leads import fit, source_rate
from training.icp.sections import sections_of
from training.icp.selection_bias import asked_record, over_all_leads, selection

JOB = IcpJob(setting="leads", age=Horizon("180D"), leads=LeadsJob(profit_above=300.0))
SECTIONS = sections_of(JOB)
TABLES = ("leads", "deals", "customers", "costs_to_serve", "acquisition_spend")
DAY, LEADS = date(2022, 12, 31), 30_000
CHOOSE_BY = {"buyers": "{}", "names": "{company_size: 0.8}", "unready": "{maturity: -0.5, engagement: -0.2}"}
WORLDS: Mapping[str, tuple[str, ...]] = {
    "chance": (),
    **{
        f"{name}{ending}": (f"contact.selection={strength}", f"contact.observed={traits}")
        for name, traits in CHOOSE_BY.items()
        for ending, strength in (("", 0.7), ("_strongly", 1.5))
    },
}


def world(name: str, seed: int) -> tuple[LeadRows, pd.Series]:
    """Leads with what is known of them, and the outcome of each if asked (null if it was decided too late)."""
    seen = simulate_saas(saas_preset("saas", WORLDS[name]), LEADS, seed, tables=TABLES)
    everybody = simulate_saas(saas_preset("saas", ("contact.share=1.0",)), LEADS, seed, tables=TABLES)
    true = lead_rows(everybody.tables, DAY, SECTIONS.leads).frame
    return lead_rows(seen.tables, DAY, SECTIONS.leads), true["is_top"].where(true["decided"])


def judge(name: str, seed: int) -> None:
    """Print how the scores of one world meet its truth."""
    rows, true = world(name, seed)
    train, test = split_leads(rows.frame, SECTIONS.leads)
    asked = asked_record(rows, train, SECTIONS.learning.trees)
    if asked is None:
        raise SystemExit("this world has no losses on record")
    known = train["is_top"].to_numpy(dtype=bool)
    model = fit(rows, train, SECTIONS.learning, IcpMinima(), asked)
    plain = BoostedClassifier(rows.numbers, rows.texts, JOB.trees.rounds, JOB.trees.parameters).fit(train, known)
    scores = {
        "model": model.predict_proba(test)[:, 1],
        "plain": plain.predict_positive(test),
        "unlabelled": fit(rows, train, SECTIONS.learning, IcpMinima(), None).predict_proba(test)[:, 1],
        "source": source_rate(rows, train, SECTIONS.leads.source).predict_proba(test)[:, 1],
    }
    judged = true.loc[test.index].notna().to_numpy()
    winner = true.loc[test.index[judged]].to_numpy(dtype=bool)
    rate = over_all_leads(test, scores["model"], asked)
    chosen, _ = selection(rows, train, test, SECTIONS.learning.trees, asked)
    print(f"{name}, seed {seed}: {known.sum()} known winners of {len(train):,}; true rate {winner.mean():.3f}, "
          f"estimated {rate['all_leads_winner_rate']:.3f} [{rate['all_leads_winner_rate_lower']:.3f}, "
          f"{rate['all_leads_winner_rate_upper']:.3f}]; asked AUC {chosen['asked_auc']:.2f}, unlike any asked "
          f"{chosen.get('unlike_any_asked', 0.0):.1%}", flush=True)  # fmt: skip
    for rival, score in scores.items():
        tell(rival, winner, score[judged], scores["model"][judged])


def tell(rival: str, winner: NDArray[np.bool_], score: NDArray[np.float64], ours: NDArray[np.float64]) -> None:
    """One line of a score against the truth."""
    slope = logistic_recalibration(winner, score).slope_interval()
    line = f"  {rival}: AUC {auc(winner, score):.3f}, lift {lift(winner, score):.2f}, log loss "
    line += f"{log_loss(winner, score).mean():.3f}, mean score {score.mean():.3f}, slope {slope}"
    if rival not in ("model", "source"):
        for measure in (auc, lift):
            line += f"; model - {rival} in {measure.__name__} {gain(measure, winner, ours, score)}"
    print(line, flush=True)


def gain(
    measure: Callable[[NDArray[np.bool_], NDArray[np.float64]], float],
    winner: NDArray[np.bool_],
    ours: NDArray[np.float64],
    theirs: NDArray[np.float64],
) -> Interval:
    """How much more a measure finds in our score, by paired bootstrap."""
    return bootstrap(
        lambda rows: measure(winner[rows], ours[rows]) - measure(winner[rows], theirs[rows]),
        len(winner),
        replicates=300,
    )


def main() -> None:
    """Judge the named worlds, all by default."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(WORLDS))
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_args()
    for name in given.names or WORLDS:
        for seed in range(1, given.seeds + 1):
            judge(name, seed)


if __name__ == "__main__":
    main()
