"""Answers of people asked about prices, with known part-worths and known willingness to pay.

Choice experiment (conjoint): in each task alternatives are shown with levels and prices drawn by lot; the one
with the greatest utility is chosen, utility = sum of part-worths + price slope x price + Gumbel noise. So
P(chosen) = exp(V) / sum of exp(V) (McFadden 1974, eq. 12): a conditional logit recovers the part-worths.

Price sensitivity: willingness W = median exp(sigma z); the four answers are W x ratios x exp(noise e), put in
order (van Westendorp 1976).
"""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa

from cvo_ml.config.simulation import Conjoint, PriceSensitivity, SimulatedSaasConfig
from cvo_ml.core.arrays import Numbers
from cvo_ml.simulate.columns import Columns, cents, constant, ids, texts
from cvo_ml.simulate.random_streams import Block

ASKED_DAYS_BEFORE_END = 30


def choice_columns(config: SimulatedSaasConfig, block: Block) -> Columns:
    """The table ``choices``: a row per alternative; its attributes are further columns."""
    conjoint = config.conjoint
    assert conjoint is not None
    shape = (conjoint.respondents, conjoint.tasks, conjoint.alternatives)
    who, task, alternative = (index.reshape(-1) for index in np.indices(shape))
    draws = block.keyed("choices", who, task * 100 + alternative)
    levels = {name: draws.integers(len(worths)) for name, worths in conjoint.part_worths.items()}
    price = np.array(conjoint.prices)[draws.integers(len(conjoint.prices))]
    utility = conjoint.price * price - np.log(draws.exponential())  # Gumbel: -log of an exponential
    for name, worths in conjoint.part_worths.items():
        utility += np.array(list(worths.values()))[levels[name]]
    best = utility.reshape(shape).argmax(axis=2)
    return {
        "respondent_id": ids("r######", who),
        "task_id": ids("##", task + 1),
        "alternative_id": ids("#", alternative + 1),
        "chosen": (np.arange(conjoint.alternatives) == best[..., None]).reshape(-1),
        "answered_at": _asked(config, len(who)),
        "price": price,
        **{name: texts(list(conjoint.part_worths[name]), level) for name, level in levels.items()},
    }


def true_part_worths(conjoint: Conjoint) -> Columns:
    """Truth: the utility of each level, and of one unit of money (attribute ``price``, level null)."""
    rows = [(name, level, worth) for name, worths in conjoint.part_worths.items() for level, worth in worths.items()]
    attribute, level, worth = zip(*rows, ("price", None, conjoint.price), strict=True)
    return {
        "attribute": pa.array(attribute, pa.large_string()),
        "level": pa.array(level, pa.large_string()),
        "part_worth": np.array(worth),
    }


def price_answer_columns(config: SimulatedSaasConfig, block: Block) -> Columns:
    """The table ``price_answers``: four prices per respondent, ascending."""
    sensitivity = config.price_sensitivity
    assert sensitivity is not None
    draws = block.keyed("price answers", np.arange(sensitivity.respondents))
    noise = np.column_stack([draws.normal() for _ in sensitivity.ratios])
    answers = willingness(sensitivity, block)[:, None] * np.array(sensitivity.ratios)
    answers = cents(np.sort(answers * np.exp(sensitivity.noise * noise), axis=1))
    names = ("too_cheap", "cheap", "expensive", "too_expensive")
    return {
        "respondent_id": ids("w######", np.arange(sensitivity.respondents)),
        "answered_at": _asked(config, sensitivity.respondents),
        "product_id": constant(config.plans[0].name, sensitivity.respondents),
        **{name: answers[:, place] for place, name in enumerate(names)},
    }


def true_willingness(sensitivity: PriceSensitivity, block: Block) -> Columns:
    """Truth: what each respondent is willing to pay, in the vendor's currency."""
    return {
        "respondent_id": ids("w######", np.arange(sensitivity.respondents)),
        "willingness": willingness(sensitivity, block),
    }


def willingness(sensitivity: PriceSensitivity, block: Block) -> Numbers:
    """Willingness to pay of each respondent, shape (respondents,)."""
    index = block.keyed("willingness", np.arange(sensitivity.respondents)).normal()
    return sensitivity.median * np.exp(sensitivity.sigma * index)


def _asked(config: SimulatedSaasConfig, rows: int) -> Numbers:
    return np.full(rows, np.datetime64(config.end - timedelta(days=ASKED_DAYS_BEFORE_END), "us"))
