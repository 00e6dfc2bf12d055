"""Write docs/truth.md from what the simulator knows, so that the page cannot say anything else.

Run by ``make docs``; a test compares the page with what this would write.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from cvo_ml.core.markdown import markdown_table
from cvo_ml.simulate.known import PLANTED, SAAS_TRUTH, SHOP_TRUTH, TruthTable

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "truth.md"
HEAD: Final = """# Truth: what is known of a simulated business

Written by `make docs` from `cvo_ml/simulate/known.py`; do not edit it here.

`shop.truth` and `saas.truth` are frozen objects (`ShopTruth`, `SaasTruth`): `truth.table(name)` gives one of the
tables below, and functions answer for any date. On disk the tables are `truth/*.parquet`. A column is there where its
effect is simulated; money is in the preset's `currency`, a `day` counts from its `start`, with a fraction. How each is
drawn: [the simulator's equations](simulator.md).

| question | function | unit |
|---|---|---|
| who is alive | `alive(as_of)` | flag |
| orders in a window | `expected_orders(as_of, horizon)` | count |
| value in a window, by basis | `expected_value(as_of, horizon, basis)` | money |
| silence in a window (shop), leaving (vendor) | `churn_probability(as_of, horizon)` | probability |
| value of a newcomer's first months (shop) | `expected_value_of_newcomers(horizon, basis)` | money |
| what an action sent now does, net (shop) | `effects(as_of, horizon)` | orders, money |
| monthly revenue at the window's end: retention and expansion (vendor) | `expected_mrr(as_of, horizon)` | money |
| next renewal of each account (vendor) | `renewals(as_of)` | time, probability |
| whom a label can show (vendor) | `label_propensity` | probability |

`effects` is the effect of sending: fresh effect × what is left after fatigue × probability of receipt, less what is
borrowed from later in the horizon and less the discount on orders that would have come anyway.

An effect is switched off by name, its tables stay:
`cvo simulate shop FOLDER --preset shop_full --set without=[pages,season]`. What an analysis then still finds is a false
discovery. Names: `NEUTRAL` in `config/simulation/effects.py`.
"""


def page() -> str:
    """The page as Markdown."""
    parts = [HEAD, "## The shop's truth\n", *(_section(one) for one in SHOP_TRUTH)]
    kinds = [(f"`{p.kind}`", p.member, p.size, p.unit, f"{p.neutral:g}") for p in PLANTED]
    kinds_table = markdown_table(("kind", "member", "size", "unit", "nothing is"), kinds)
    parts.append(f"### Kinds of `anomalies`\n\n{kinds_table}\n")
    parts += ["## The vendor's truth\n", *(_section(one) for one in SAAS_TRUTH if one not in SHOP_TRUTH)]
    return "\n".join(parts)


def _section(one: TruthTable) -> str:
    rows = [(f"`{column.name}`", column.unit, column.meaning) for column in one.columns]
    return f"### `{one.name}`\n\nA row is {one.row}.\n\n{markdown_table(('column', 'unit', 'meaning'), rows)}\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
