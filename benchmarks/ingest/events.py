"""``cvo check`` of a stream of events, beside DuckDB's copy of what orders need of it to Parquet, which checks nothing.

    python -m benchmarks.ingest.events [--events 5000000] [--folder FOLDER]

Rows of Google Analytics' BigQuery export and calls of Segment, 1 % of them orders, 6 to 9 % arrivals, the rest views of
pages. Each command runs in a process of its own, as in ``checking.py``. The files (3.3 and 3.0 GB) are written into
FOLDER, a temporary one unless it is given, and are generated only where they are not there.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from benchmarks.ingest.checking import CHECK, measured

START: Final = datetime(2024, 1, 1, tzinfo=UTC)
COPY: Final = """
import duckdb, json, sys
connection = duckdb.connect()
connection.execute("SET threads=2")
columns = json.loads(sys.argv[3])
connection.execute(f"COPY (FROM read_ndjson('{sys.argv[1]}', columns={columns})) TO '{sys.argv[2]}'")
"""
#: What of each row DuckDB copies: as little as orders need, none of it taken apart.
COPIED: Final = {
    "ga4": {"event_name": "VARCHAR", "event_timestamp": "VARCHAR", "user_pseudo_id": "VARCHAR", "ecommerce": "JSON",
            "event_params": "JSON", "items": "JSON"},
    "segment": {"event": "VARCHAR", "timestamp": "VARCHAR", "userId": "VARCHAR", "properties": "JSON"},
}  # fmt: skip


def ga4(events: int, seed: int = 1) -> Iterator[str]:
    """Rows of the BigQuery export, in the order of their time."""
    rng, start, users = random.Random(seed), int(START.timestamp()), events // 12 + 1
    device = (
        '"device":{"category":"mobile","operating_system":"Android","language":"en-us","web_info":{"browser":"Chrome",'
        '"hostname":"shop.example.org"}},"geo":{"city":"Musterstadt","country":"Germany"},"stream_id":"123456789",'
        '"platform":"WEB","traffic_source":{"name":"(organic)","medium":"organic","source":"google"}'
    )
    order = "T0"
    for number in range(events):
        user, draw = rng.randrange(users), rng.random()
        name = ("purchase" if draw < 0.01 else "refund" if draw < 0.011 else "session_start" if draw < 0.07
                else "first_visit" if draw < 0.09 else "user_engagement" if draw < 0.3 else "page_view")  # fmt: skip
        more = ""
        if name == "purchase":
            order = f"T{number}"
            more = (
                f',"ecommerce":{{"transaction_id":"{order}","purchase_revenue":20.5,"tax_value":3.9}},"items":['
                '{"item_id":"MUG","price":15.5,"quantity":"1"},{"item_id":"TEA","price":5.0,"quantity":"1"}]'
            )
        elif name == "refund":
            more = f',"ecommerce":{{"transaction_id":"{order}"}}'
        elif name in ("session_start", "first_visit"):
            more = ',"collected_traffic_source":{"manual_source":"news","manual_medium":"email"}'
        yield (
            f'{{"event_date":"20240101","event_timestamp":"{(start + number) * 1_000_000}","event_name":"{name}",'
            f'"event_params":[{{"key":"ga_session_id","value":{{"int_value":"{start + number}"}}}},{{"key":'
            f'"page_location","value":{{"string_value":"https://shop.example.org/p/{number % 997}"}}}},{{"key":'
            f'"currency","value":{{"string_value":"EUR"}}}}],"user_pseudo_id":"{1_000_000_000 + user}.1700000000",'
            f"{device}{more}}}"
        )


def segment(events: int, seed: int = 2) -> Iterator[str]:
    """Calls of Segment, in the order of their time."""
    rng, users = random.Random(seed), events // 12 + 1
    library = (
        '"library":{"name":"analytics.js","version":"2.1"},"locale":"en-US","ip":"192.0.2.1","userAgent":"Mozilla/5.0 '
        '(X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36","page":{"path":"/products","referrer":'
        '"https://www.example.org/","title":"Tea and mugs","url":"https://shop.example.org/products"}'
    )
    order = "T0"
    for number in range(events):
        user, draw = rng.randrange(users), rng.random()
        time = (START + timedelta(seconds=number)).isoformat().replace("+00:00", "Z")
        tag = ""
        kind, event, properties = "page", "", '"path":"/products"'
        if draw < 0.01:
            order, kind, event = f"T{number}", "track", "Order Completed"
            properties = (
                f'"order_id":"{order}","currency":"EUR","subtotal":20.5,"total":25.4,'
                '"products":[{"product_id":"MUG","price":20.5,"quantity":1}]'
            )
        elif draw < 0.011:
            kind, event = "track", "Order Refunded"
            properties = f'"order_id":"{order}","currency":"EUR","total":12.7'
        elif draw < 0.03:
            kind = "identify"
        elif draw < 0.07:
            tag = '"campaign":{"source":"news","medium":"email","name":"spring"},'
        elif draw < 0.3:
            kind, event = "track", "Product Viewed"
        named = f'"event":"{event}",' if event else ""
        yield (
            f'{{"type":"{kind}",{named}"messageId":"ajs-{number:032x}","anonymousId":"a{user:032x}","userId":"u{user}",'
            f'"timestamp":"{time}","sentAt":"{time}","receivedAt":"{time}","context":{{{tag}{library}}},'
            f'"properties":{{{properties}}}}}'
        )


FORMATS: Final[dict[str, Callable[[int], Iterator[str]]]] = {"ga4": ga4, "segment": segment}


def write(path: Path, lines: Iterator[str]) -> None:
    """Write a file that is there only when it is whole."""
    part = path.with_suffix(".part")
    with part.open("w") as file:
        file.writelines(f"{line}\n" for line in lines)
    part.rename(path)


def main() -> None:
    """Generate, copy, check, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--folder", type=Path, default=None)
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as temporary:
        for name, generate in FORMATS.items():
            path = (options.folder or Path(temporary)) / f"{name}_{options.events}.jsonl"
            if not path.exists():
                write(path, generate(options.events))
            shop = Path(temporary) / f"{name}.yaml"
            shop.write_text(f"name: {name}\ncurrency: EUR\nadapter: {name}\nsource: {{path: {path}}}\n")
            copied = measured(COPY, str(path), str(Path(temporary) / "copy.parquet"), json.dumps(COPIED[name]))
            checked = measured(CHECK, "check", "--shop", str(shop))
            found[name] = {
                "megabytes": round(path.stat().st_size / 1e6), "copy": copied, "check": checked,
                "cpu_ratio": round(checked["cpu_seconds"] / copied["cpu_seconds"], 2),
            }  # fmt: skip
            print(json.dumps({name: found[name]}), flush=True)


if __name__ == "__main__":
    main()
