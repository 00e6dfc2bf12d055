"""Whether the contacts of a plan paid, in sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def sentences(found: Mapping[str, Any]) -> Iterator[str]:
    """What the comparison says beyond its table."""
    whole = found["all"]
    if whole["suspicious"]:
        yield (
            f"Sample ratio mismatch (p = {whole['sample_ratio_p']:.1e}): treated and held out were not parted as "
            "planned, so nothing below may be trusted"
        )
    if found["recorded"] is None:
        yield "No contact is recorded in the treatments table: this holds if the list was worked off as planned."
    else:
        yield (
            f"{found['recorded']['sent']:,} of {found['recorded']['planned']:,} planned contacts are recorded; "
            f"{found['recorded']['held_out_reached']:,} held-out customers were contacted all the same."
        )
    if "profit" in whole:
        profit = whole["profit"]
        yield (
            f"In all the contacts earned {profit['estimate']:,.0f} [{profit['lower']:,.0f}, {profit['upper']:,.0f}] "
            f"after their cost; what was known before left {whole['variance_kept']:.0%} of the variance (CUPED)."
        )
    for name, value in found["policies"].items():
        if "reason" in value:
            yield f"{name}: not estimated ({value['reason']})"
        else:
            one = value["snips"]
            yield (
                f"{name}: {one['estimate']:,.2f} [{one['lower']:,.2f}, {one['upper']:,.2f}] per planned customer "
                f"(worth {value['effective_sample_size']:,.0f} customers)"
            )
