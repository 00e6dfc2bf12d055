"""Who was asked, how much the fields tell of it, and what that leaves to know about the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cvo_ml.config.boosted import Trees
from cvo_ml.config.readiness import ICP_LOSSES
from cvo_ml.core.arrays import Flags, Floats
from cvo_ml.models.boosting import BoostedClassifier
from cvo_ml.stats.calibration import logistic_recalibration
from cvo_ml.stats.intervals import Interval, bootstrap, mean_interval, wilson
from cvo_ml.stats.positive_unlabelled import auc_interval, precision_at
from cvo_ml.stats.ranking import auc, lift
from training.icp.dataset import LeadRows
from training.icp.metrics import spread

#: From this AUC on, fields tell who is asked so well that the asked no longer stand for all.
SELECTIVE: Final = 0.55
#: Nobody decided stands for more than twenty.
LEAST_CHANCE: Final = 0.05
#: From this share of leads on, who is unlike any asked is named.
WORTH_SAYING: Final = 0.005
#: What the scores rest on where nobody can tell the lost from the never asked.
ONLY_WINS: Final = (
    f"fewer than {ICP_LOSSES} losses are on record, so the lost look like the never asked: the level of the scores "
    "rests on Elkan & Noto's label frequency, and their order on known winners being a random sample of all winners; "
    "record lost deals to know"
)


@dataclass(frozen=True)
class Asked:
    """The record of who was decided in time, won or lost.

    Parameters
    ----------
    frequency:
        The label frequency c: the share of winners that are known.
    weight:
        (n,): how many leads each of the rows stands for if it was decided.
    chance:
        P(decided | fields); None where the fields do not tell, so that the decided stand for all.
    """

    frequency: Interval
    weight: Floats
    chance: Callable[[pd.DataFrame], Floats] | None = None

    def weight_of(self, X: pd.DataFrame) -> Floats:
        """How many leads each of other rows stands for if it was decided, (n,)."""
        return np.ones(len(X)) if self.chance is None else _stands_for(self.chance(X))


def asked_record(rows: LeadRows, frame: pd.DataFrame, trees: Trees) -> Asked | None:
    """What the record says of these leads; None where only wins are on record, so that nobody can tell.

    Where the fields tell who is decided, the decided are unlike the others, and each stands for 1 / P(decided | fields)
    leads (Horvitz & Thompson 1952), with probabilities of the half that was not fitted, recalibrated: small trees say
    too little, and a chance that is too high makes a weight that is too low. Given the fields, who was decided must not
    depend on who would win: what sales saw beyond them cannot be undone.
    """
    share = known_share(frame)
    if share is None:
        return None
    decided, half = frame["decided"].to_numpy(dtype=bool), np.arange(len(frame)) % 2 == 0
    if decided.all():
        return Asked(share, np.ones(len(frame)))
    chance = np.empty(len(frame))
    for part in (half, ~half):
        chance[~part] = _who_is_decided(rows, frame[part], trees).predict_positive(frame[~part])
    if auc(decided, chance) < SELECTIVE:
        return Asked(share, np.ones(len(frame)))
    line, whole = logistic_recalibration(decided, chance, ridge=1.0), _who_is_decided(rows, frame, trees)
    weight = _stands_for(line.apply(chance))
    winners = weight[frame["is_top"].to_numpy(dtype=bool)]
    frequency = bootstrap(lambda drawn: float(1 / winners[drawn].mean()), len(winners), replicates=300)
    return Asked(frequency, weight, lambda X: line.apply(whole.predict_positive(X)))


def known_share(frame: pd.DataFrame) -> Interval | None:
    """Share of leads whose outcome is known; None where only wins are on record, so that nobody can tell."""
    lost = int((frame["decided"] & ~frame["won"]).sum())
    return wilson(int(frame["decided"].sum()), len(frame)) if lost >= ICP_LOSSES else None


def over_all_leads(test: pd.DataFrame, score: Floats, asked: Asked) -> dict[str, float]:
    """What the decided say of all later leads: the rate of winners, and the score's AUC.

    The rate is doubly robust (Robins, Rotnitzky & Zhao 1994): the mean score of all, and what the weighted decided add
    to it. It meets the truth if either the scores or the chances of being decided do.

    Parameters
    ----------
    test, score:
        All later leads (n,), decided or not, and their scores.
    """
    y, decided = test["is_top"].to_numpy(dtype=np.float64), test["decided"].to_numpy(dtype=bool)
    share = float(decided.mean()) if asked.chance is None else 1.0
    weight = np.where(decided, asked.weight_of(test) / share, 0.0)
    rate = mean_interval(score + weight * (y - score))
    order = bootstrap(lambda rows: auc(y[rows], score[rows], weight[rows]), len(y), replicates=300)
    return {
        "all_leads_winner_rate": rate.estimate,
        **spread("all_leads_winner_rate", rate),
        "all_leads_mean_score": float(score.mean()),
        "all_leads_auc": order.estimate,
        **spread("all_leads_auc", order),
    }


def hidden_winners(
    known: Flags, score: Floats, asked: Asked | None, elkan_noto: Interval, capacity: float
) -> dict[str, float]:
    """What the known winners among all later leads say, and where they are a random sample, of the hidden ones too."""
    frequency = elkan_noto if asked is None else asked.frequency
    over_all = bootstrap(lambda rows: lift(known[rows], score[rows]), len(known), replicates=300)
    found = {
        "label_frequency": frequency.estimate,
        **spread("label_frequency", frequency),
        "label_frequency_elkan_noto": elkan_noto.estimate,
        "known_winners_auc": auc(known, score),
        "known_winners_lift_top_decile": over_all.estimate,
        **spread("known_winners_lift_top_decile", over_all),
    }
    if asked is not None and asked.chance is not None:  # the correction is for known winners at random
        return found
    corrected = auc_interval(known, score, frequency)
    return found | {
        "corrected_auc": corrected.estimate,
        **spread("corrected_auc", corrected),
        "corrected_precision_at_capacity": precision_at(known, score, capacity, frequency.estimate),
    }


def selection(
    rows: LeadRows, train: pd.DataFrame, test: pd.DataFrame, trees: Trees, asked: Asked | None
) -> tuple[dict[str, float], tuple[str, ...]]:
    """How well the fields tell who was asked at all, and notes on what the scores then rest on."""
    silent = () if asked is not None else (ONLY_WINS,)
    was_asked, later = train["asked"].to_numpy(dtype=bool), test["asked"].to_numpy(dtype=bool)
    if was_asked.all() or not was_asked.any() or later.all() or not later.any():
        return {}, silent
    score = _classifier(rows, trees).fit(train, was_asked).predict_positive(test)
    found = bootstrap(lambda drawn: auc(later[drawn], score[drawn]), len(later), replicates=300)
    measured = {"asked_auc": found.estimate, **spread("asked_auc", found)}
    if asked is not None and asked.chance is not None:
        measured["unlike_any_asked"] = float((asked.chance(test) < LEAST_CHANCE).mean())
    if not found.lower > SELECTIVE:
        return measured, silent
    return measured, (
        *silent,
        f"who was asked was no accident: the fields tell it with AUC {found}, {_undone(measured)}",
    )


def _undone(measured: Mapping[str, float]) -> str:
    if "unlike_any_asked" not in measured:
        return "and nothing undoes it: scores of people unlike those asked are too low"
    said = (
        "and the decided are weighted for it, which holds if sales saw nothing of a winner that the fields do not show"
    )
    if measured["unlike_any_asked"] < WORTH_SAYING:
        return said
    return (
        f"{said}; leads like {measured['unlike_any_asked']:.1%} of the later ones were hardly ever asked (in less than "
        f"{LEAST_CHANCE:.0%} of cases), so ask some of them by chance"
    )


def _classifier(rows: LeadRows, trees: Trees) -> BoostedClassifier:
    return BoostedClassifier(rows.numbers, rows.texts, trees.rounds, trees.parameters)


def _who_is_decided(rows: LeadRows, frame: pd.DataFrame, trees: Trees) -> BoostedClassifier:
    return _classifier(rows, trees).fit(frame, frame["decided"].to_numpy(dtype=bool))


def _stands_for(chance: Floats) -> Floats:
    return np.asarray(1 / chance.clip(LEAST_CHANCE, 1.0))
