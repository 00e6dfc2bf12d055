"""One definition of money: what an order and a customer are worth at a date, after refunds and costs.

Everything here sees only rows that happened before ``as_of`` and were known by then, and sums exactly, in whole
millionths (``cvo_ml.features.integer_sums``).
"""

from cvo_ml.features.economics.credit_notes import matched_refunds
from cvo_ml.features.economics.customers import (
    CostCoverage,
    cost_coverage,
    customer_money,
    customer_profit,
    order_profit,
)
from cvo_ml.features.economics.margin_rates import MarginRates, margin_rates
from cvo_ml.features.economics.orders import order_money, unmatched_refunds
from cvo_ml.features.economics.serving_costs import UnallocatedCost, serving_costs, unallocated_costs

__all__ = [
    "CostCoverage",
    "MarginRates",
    "UnallocatedCost",
    "cost_coverage",
    "customer_money",
    "customer_profit",
    "margin_rates",
    "matched_refunds",
    "order_money",
    "order_profit",
    "serving_costs",
    "unallocated_costs",
    "unmatched_refunds",
]
