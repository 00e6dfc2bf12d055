"""Google Ads' report of campaigns by day (CSV): what was spent, day by day.

support.google.com/google-ads/answer/2404176 (download a report): a title and the time range stand above the header,
and rows of totals below; segment it by day, and export ``Currency code``.

* A row is what a campaign cost in a day; of a report by week or month, from its first day on.
* The channel is ``google_ads``; ``constants: {channel: …}`` calls it as the orders do.
* Rows that begin with ``Total:`` are sums of others, left out by rule.
* Another currency than the shop's is refused, or converted where rates are declared.
"""

from __future__ import annotations

from typing import Any, Final

from cvo_ml.ingest.adapters.adapter import Adapter

_SIDES: Final[dict[str, dict[str, Any]]] = {
    "acquisition_spend": {
        "source": {"total_rows": ["Total:"]},
        "columns": {"date": "Day", "spend": "Cost", "campaign": "Campaign", "currency": "Currency code"},
        "constants": {"channel": "google_ads", "cost_kind": "ads"},
    }
}

ADAPTER: Final = Adapter(
    sides=_SIDES,
    optional=frozenset({"Campaign", "Currency code"}),
    spellings={"Day": ("Date", "Week", "Month"), "Campaign": ("Campaign name",), "Currency code": ("Currency",)},
    nothing="--",
)
