"""Make what is frozen anew: ``python tests/frozen/make.py WHAT --python PYTHON``.

``inputs``: the small shop and the vendor, from the simulator and a seed. ``snapshots``: the JSON of every command.
``format_1``: a stored run, exported models and a registry of the old edition. ``demo FOLDER``: every tenth customer of
a finished demo. PYTHON is the interpreter whose ``cvo_ml`` speaks: that of the checkout to freeze.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tests.frozen import scenario
from tests.frozen.comparing import normalised

HERE: Final = scenario.HERE
FORMAT_1: Final = scenario.FORMAT_1
#: Where the old registry says that it lies: a place that no machine has, so that its addresses must be read anew.
NOWHERE: Final = "/srv/shop"
TABLES: Final[dict[str, list[str] | None]] = {
    "orders": ["order_id", "customer_id", "ordered_at", "net", "cost"],
    "order_lines": ["order_id", "line_id", "product_id", "quantity", "unit_price", "net", "category"],
    "refunds": None,
    "customers": None,
    "treatments": None,
    "tickets": None,
}
REGULAR: Final = (
    "populations=[{name: regular, share: 1.0, purchase: {r: 0.9, alpha: 9.0}, "
    "dropout: {per_order: {a: 0.9, b: 3.4}, after_first_order: true}, spend: {p: 6.0, q: 4.0, v: 28.0}}]"
)
SPEND: Final = "depends.spend={observed: {age: 0.6, channel: 0.6, price_sensitivity: -0.5}}"


def inputs(python: str) -> None:
    """A shop of 700 customers that its models can learn, a vendor's leads, and a table without dates."""
    with tempfile.TemporaryDirectory() as folder:
        world = Path(folder) / "world"
        sets = ["--set", REGULAR, "--set", "season.rate_shift.share=0", "--set", SPEND]
        command = [python, "-m", "cvo_ml", "simulate", "shop", str(world), "--size", "700", "--seed", "11", *sets]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        target = scenario.INPUTS / "tables"
        target.mkdir(parents=True, exist_ok=True)
        for name, columns in TABLES.items():
            frame = pd.read_parquet(world / "tables" / f"{name}.parquet")
            frame = frame if columns is None else frame[columns]
            if name == "customers":
                frame = frame.assign(email=frame["customer_id"] + "@example.org")
            frame.to_parquet(target / f"{name}.parquet", compression="zstd", compression_level=19, index=False)
    _vendor(scenario.INPUTS)
    _static(scenario.INPUTS)


def _vendor(target: Path) -> None:
    random = np.random.default_rng(5)
    count = 900
    came = pd.Timestamp("2022-01-01") + pd.to_timedelta(np.sort(random.integers(0, 480, count)), unit="D")
    source = random.choice(["web", "fair", "partner"], count)
    leads = pd.DataFrame(
        {
            "lead": [f"l{number:04d}" for number in range(count)],
            "came": came.strftime("%Y-%m-%d"),
            "source": source,
            "employees": random.integers(1, 200, count),
            "industry": random.choice(["retail", "health", "software"], count),
        }
    )
    chance = 1 / (1 + np.exp(1.2 - leads["employees"] / 45 - (source == "partner") + (leads["industry"] == "health")))
    asked, won = random.random(count) < 0.8, random.random(count) < chance
    closed = came + pd.to_timedelta(random.integers(3, 50, count), unit="D")
    deals = pd.DataFrame(
        {
            "deal": leads["lead"].str.replace("l", "d"),
            "lead": leads["lead"],
            "client": leads["lead"].str.replace("l", "k").where(won),
            "won": np.where(won, "yes", "no"),
            "opened": (came + pd.Timedelta(days=1)).strftime("%Y-%m-%d"),
            "closed": closed.strftime("%Y-%m-%d"),
        }
    )[asked]
    buys = deals[deals["won"] == "yes"]
    orders = pd.DataFrame(
        {
            "order": buys["deal"].str.replace("d", "o"),
            "client": buys["client"],
            "date": (pd.to_datetime(buys["closed"]) + pd.Timedelta(days=2)).dt.strftime("%Y-%m-%d"),
            "total": random.integers(20, 400, len(buys)),
        }
    )
    for name, frame in {"leads": leads, "deals": deals, "vendor_orders": orders}.items():
        frame.to_csv(target / f"{name}.csv", index=False, lineterminator="\n")
    prospects = leads.iloc[-40:].assign(came="2023-06-20", lead=[f"p{number:02d}" for number in range(40)])
    prospects = prospects.assign(industry=["mining", *prospects["industry"][1:]])
    prospects.to_csv(target / "prospects.csv", index=False, lineterminator="\n")


def _static(target: Path) -> None:
    random = np.random.default_rng(6)
    count = 240
    months, calls = random.integers(1, 60, count), random.integers(0, 9, count)
    plan = random.choice(["basic", "plus", "max"], count)
    chance = 1 / (1 + np.exp(0.3 + months / 20 - calls / 2.5 - (plan == "basic")))
    churned = np.where(random.random(count) < chance, "yes", "no")
    frame = pd.DataFrame({"months": months, "calls": calls, "plan": plan, "churned": churned})
    frame.to_csv(target / "static.csv", index=False, lineterminator="\n")


def snapshots(python: str) -> None:
    """Run the scenarios and keep what they print; complain of a failure that is not as ``exit_codes.json`` says."""
    for name in scenario.SCENARIOS:
        with tempfile.TemporaryDirectory() as place:
            folder = scenario.prepared(Path(place).resolve() / "work", name)
            steps = scenario.steps_of(name)
            ran = scenario.run([step.command for step, _ in steps], folder, python)
            for (step, known), result in zip(steps, ran, strict=True):
                print(f"{result['seconds']:6.1f} s  {step.command}")
                if known is not None:
                    if result["code"] != known["code"] or known["says"] not in " ".join(result["stderr"].split()):
                        print(step.name, step.command, result["code"], result["stderr"], sep="\n  ")
                    continue
                if result["code"] != step.code:
                    print("!!", step.command, result["code"], result["stderr"], result["stdout"][-500:], sep="\n  ")
                if step.name and result["stdout"].strip():
                    kept = {
                        "command": f"cvo {step.command}",
                        "code": result["code"],
                        "output": normalised(json.loads(result["stdout"]), folder),
                    }
                    _write(scenario.SNAPSHOTS / f"{step.name}.json", kept)


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n", encoding="utf-8")


#: Customers of the stored run, which is kept small; the models learn from the whole shop.
FEW: Final = 300


def format_1(python: str) -> None:
    """A run, exported models and a registry as the edition behind ``python`` writes them."""
    with tempfile.TemporaryDirectory() as place:
        folder = scenario.prepared(Path(place).resolve() / "work")
        _must(_trainings(), folder, python)
        few = folder.parent / "few"
        _few(folder, few)
        _must([f"{command} --mlruns {folder / 'mlruns'}" for command in _exports()], few, python)
        _must(scenario.STORED, few, python)
        (few / "out" / "report.html").unlink()
        shutil.rmtree(FORMAT_1, ignore_errors=True)
        shutil.copytree(few, FORMAT_1)
        stored = FORMAT_1 / "out" / "shop.yaml"
        stored.write_text(stored.read_text().replace(f"{few}/", ""))
        _first_bundle(FORMAT_1 / "models" / "churn" / "export", FORMAT_1 / "first_bundle")
        _registry(folder / "mlruns", folder)


def _trainings() -> list[str]:
    """Two versions of churn, one forced and taken back; icp of a second shop in the same registry."""
    shop, later = f"{scenario.SHOP} --as-of {scenario.FIRST}", f"{scenario.SHOP} --as-of {scenario.LATER}"
    return [
        f"train clv churn icp {shop} {scenario.CLV} {scenario.WITHOUT_HYBRID} {scenario.CHURN} {scenario.ICP}",
        f"train churn {later} {scenario.CHURN}",
        "models promote churn --force --reason 'a later window'",
        "models rollback churn --reason 'the earlier one stays'",
        f"train icp --shop vendor.yaml --as-of 2023-07-01 {scenario.LEADS}",
    ]


def _exports() -> list[str]:
    # the vendor took the place of icp: a plain name has one champion, whatever the shop
    return [f"models export {name} --version 1 --to models" for name in ("clv", "churn", "icp")]


def _few(source: Path, target: Path) -> None:
    """The shop with its first customers only."""
    (target / "tables").mkdir(parents=True)
    shutil.copy(source / "shop.yaml", target)
    orders = pd.read_parquet(source / "tables" / "orders.parquet")
    chosen = set(sorted(orders["customer_id"].unique())[:FEW])
    known = {"customer_id": chosen, "order_id": set(orders.loc[orders["customer_id"].isin(chosen), "order_id"])}
    for name in TABLES:
        frame = pd.read_parquet(source / "tables" / f"{name}.parquet")
        key = "customer_id" if "customer_id" in frame else "order_id"
        frame = frame[frame[key].isin(known[key])]
        path = target / "tables" / f"{name}.parquet"
        frame.to_parquet(path, compression="zstd", compression_level=19, index=False)


def _must(commands: Sequence[str], folder: Path, python: str) -> None:
    for command, result in zip(commands, scenario.run(commands, folder, python), strict=True):
        assert result["code"] == 0, (command, result["stderr"])


def _first_bundle(source: Path, target: Path) -> None:
    """A bundle as the first format was: no digest of the manifest, no golden scores."""
    shutil.copytree(source, target)
    (target / "golden.json").unlink()
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    del manifest["digest"], manifest["files"]["golden.json"]
    manifest["format_version"] = 1
    _write(target / "manifest.json", manifest)


def _registry(mlruns: Path, folder: Path) -> None:
    """The registry in one archive, without names of the machine and of the person."""
    (mlruns / "mlflow.db-journal").unlink(missing_ok=True)
    _anonymous(mlruns / "mlflow.db", folder)
    with zipfile.ZipFile(FORMAT_1 / "mlruns.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(mlruns.rglob("*")):
            if path.is_file() and path.suffix != ".png" and not path.name.endswith(".lock"):
                content = path.read_bytes()
                if path.suffix != ".db":
                    content = content.replace(str(folder).encode(), NOWHERE.encode())
                archive.writestr(zipfile.ZipInfo(str(path.relative_to(mlruns)), (2026, 11, 1, 0, 0, 0)), content,
                                 zipfile.ZIP_DEFLATED)  # fmt: skip


def _anonymous(path: Path, folder: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("PRAGMA foreign_keys = OFF")
    told = {
        "mlflow.user": "somebody",
        "mlflow.source.name": "training",
        "mlflow.source.git.repoURL": f"{NOWHERE}/code",
        "cvo.process": "another-machine 1 unknown",
    }
    for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        columns = {name: kind.upper() for _, name, kind, *_ in database.execute(f"PRAGMA table_info({table})")}
        for column, kind in columns.items():
            if "CHAR" in kind or "TEXT" in kind:
                change = f"UPDATE {table} SET {column} = replace({column}, ?, ?) WHERE {column} LIKE ?"
                database.execute(change, (str(folder), NOWHERE, f"%{folder}%"))
        key = next((name for name in ("key", "tag_key") if name in columns), None)
        value = next((name for name in ("value", "tag_value") if name in columns), None)
        for tag, text in told.items() if key and value else ():
            database.execute(f"UPDATE {table} SET {value} = ? WHERE {key} = ?", (text, tag))
    database.execute("UPDATE runs SET user_id = 'somebody', source_name = ''")
    database.commit()
    database.execute("VACUUM")
    database.close()


def demo(folder: Path) -> None:
    """Every tenth customer of a finished demo."""
    scores = folder / "scores" / (folder / "scores" / "current").read_text().strip()
    frame = pd.read_parquet(scores / "part-0.parquet").sort_values("customer_id", ignore_index=True)
    frame.iloc[::10].to_parquet(HERE / "demo_scores.parquet", compression="zstd", compression_level=19, index=False)
    manifest = json.loads((scores / "manifest.json").read_text(encoding="utf-8"))
    print(len(frame), manifest["scores_hash"])


def main() -> None:
    """Make one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["inputs", "snapshots", "format_1", "demo"])
    parser.add_argument("folder", nargs="?", type=Path, help="with demo: the demo's folder")
    parser.add_argument("--python", default=sys.executable)
    options = parser.parse_args()
    if options.what == "demo":
        demo(options.folder)
    else:
        {"inputs": inputs, "snapshots": snapshots, "format_1": format_1}[options.what](options.python)


if __name__ == "__main__":
    main()
