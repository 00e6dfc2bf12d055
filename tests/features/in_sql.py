"""Ten features and more in SQL written by hand, for one date: another oracle than Ibis' expressions."""

from __future__ import annotations

import duckdb
import pandas as pd

from cvo_ml.core.tables import Tables

QUERY = """
WITH seen AS (
  SELECT o.*, coalesce(r.back, 0) AS back, greatest(o.net - coalesce(r.back, 0), 0) AS remaining
  FROM orders o
  LEFT JOIN (SELECT order_id, sum(amount) AS back FROM refunds WHERE refunded_at < $cut GROUP BY 1) r USING (order_id)
  WHERE o.ordered_at < $cut
), kept AS (SELECT * FROM seen WHERE back <= 0 OR remaining > 0.005),
base AS (
  SELECT customer_id,
    count(*) AS number_of_orders,
    count(*) FILTER (ordered_at >= $cut - INTERVAL 7 DAY) AS orders_7d,
    coalesce(sum(remaining) FILTER (ordered_at >= $cut - INTERVAL 365 DAY), 0) AS net_365d,
    coalesce(sum(remaining - cost) FILTER (ordered_at >= $cut - INTERVAL 90 DAY), 0) AS margin_90d,
    sum(discount) AS discount_lifetime,
    sum(discount) / nullif(sum(discount) + sum(net), 0) AS discount_share_lifetime,
    max(remaining) AS largest_order_value,
    2 * count(*) FILTER (ordered_at >= $cut - INTERVAL 90 DAY)
      - count(*) FILTER (ordered_at >= $cut - INTERVAL 180 DAY) AS trend_orders_half_year
  FROM kept GROUP BY 1
), gaps AS (
  SELECT customer_id, max(gap) AS longest_gap_days, stddev_samp(gap) AS gap_deviation_days, last(gap ORDER BY day)
    AS last_gap_days
  FROM (SELECT customer_id, day, day - lag(day) OVER (PARTITION BY customer_id ORDER BY day) AS gap
        FROM (SELECT DISTINCT customer_id, ordered_at::DATE AS day FROM kept)) GROUP BY 1
), variety AS (
  SELECT customer_id,
    count(DISTINCT category) FILTER (ordered_at >= $cut - INTERVAL 180 DAY) AS categories_180d,
    count(DISTINCT brand) AS brands_lifetime, sum(quantity) AS quantity_lifetime
  FROM kept JOIN order_lines USING (order_id) GROUP BY 1
), first_basket AS (
  SELECT f.customer_id, count(*) AS first_basket_lines, count(DISTINCT category) AS first_basket_categories,
    avg(unit_price) AS first_basket_mean_price
  FROM (SELECT customer_id, arg_min(order_id, (ordered_at, order_id)) AS order_id FROM seen GROUP BY 1) f
  JOIN order_lines USING (order_id) GROUP BY 1
), service AS (
  SELECT customer_id, count(*) FILTER (opened_at >= $cut - INTERVAL 90 DAY) AS tickets_90d,
    count(*) FILTER (closed_at IS NULL OR closed_at >= $cut) AS open_tickets,
    coalesce(sum(minutes) FILTER (closed_at < $cut), 0) AS ticket_minutes
  FROM tickets WHERE opened_at < $cut GROUP BY 1
), answers AS (
  SELECT customer_id, avg(score) FILTER (kind LIKE 'nps%') AS nps_mean FROM surveys WHERE answered_at < $cut GROUP BY 1
), usage AS (
  SELECT customer_id, count(*) FILTER ("at" >= $cut - INTERVAL 30 DAY) AS events_30d,
    count(DISTINCT "at"::DATE) FILTER ("at" >= $cut - INTERVAL 90 DAY) AS usage_days_90d
  FROM events WHERE "at" < $cut GROUP BY 1
)
SELECT base.*, gaps.* EXCLUDE customer_id, variety.* EXCLUDE customer_id, first_basket.* EXCLUDE customer_id,
  coalesce(tickets_90d, 0) AS tickets_90d, coalesce(open_tickets, 0) AS open_tickets,
  coalesce(ticket_minutes, 0) AS ticket_minutes, nps_mean, coalesce(events_30d, 0) AS events_30d,
  coalesce(usage_days_90d, 0) AS usage_days_90d
FROM base LEFT JOIN gaps USING (customer_id) LEFT JOIN variety USING (customer_id)
LEFT JOIN first_basket USING (customer_id) LEFT JOIN service USING (customer_id) LEFT JOIN answers USING (customer_id)
LEFT JOIN usage USING (customer_id) ORDER BY customer_id
"""


def features_in_sql(tables: Tables, as_of: str) -> pd.DataFrame:
    """The query's rows as floats, indexed by ``customer_id``; for tables without ``known_at``."""
    connection = duckdb.connect()
    for name, frame in tables.frames.items():
        connection.register(name, frame)
    found = connection.execute(QUERY, {"cut": pd.Timestamp(as_of).to_pydatetime()}).df()
    return found.set_index("customer_id").astype("float64")
