"""Rules that hold for the repository as a whole."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import lock  # noqa: E402 (a script, not a package)


def tracked() -> list[Path]:
    """Files that git keeps or would keep."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [path for name in listed.stdout.splitlines() if (path := ROOT / name).is_file()]


def test_the_import_contracts_hold() -> None:
    ran = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout


def test_the_lock_file_and_the_constraints_carry_the_same_pins() -> None:
    constraints = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["constraint-dependencies"]
    assert constraints == [pin.replace('"', "'") for pin in lock.pins((ROOT / "requirements.lock").read_text())]
    assert len(constraints) > 100
    assert "lightgbm" in {re.split("[=<>; ]", pin)[0] for pin in constraints}


def test_every_pin_has_a_hash() -> None:
    blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / "requirements.lock").read_text(), flags=re.I)
    assert all("--hash=sha256:" in block for block in blocks)


def test_models_and_configs_hold_no_code() -> None:
    assert not [path for folder in ("models", "configs") for path in (ROOT / folder).rglob("*.py")]


def test_no_file_names_a_registry_host_or_a_path_of_a_machine() -> None:
    # put together from parts, so that this file does not find itself
    hosts = ["pythonhosted" + ".org", "pypi" + ".org", "registry.npmjs" + ".org", "deb.debian" + ".org"]
    paths = ["/" + "root/", "/" + "work/", "/" + "home/", "/" + "Users/"]
    pattern = re.compile("|".join(map(re.escape, [*hosts, *paths])))
    found = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match.group()}" for match in pattern.finditer(text)]
    assert found == []


def test_nothing_that_loads_a_pickle_is_imported_by_the_package() -> None:
    loads = re.compile(r"^\s*(?:import|from)\s+(pickle|dill|joblib|cloudpickle|shelve|marshal)\b", re.M)
    assert not [path for path in (ROOT / "cvo_ml").rglob("*.py") if loads.search(path.read_text())]


HELP = "import atexit; atexit.register(lambda: print(*sys.modules)); sys.argv = ['cvo', '--help']; cvo_ml.cli.main()"


@pytest.mark.parametrize(("module", "then"), [("cvo_ml", "print(*sys.modules)"), ("cvo_ml.cli", HELP)])
def test_help_needs_no_heavy_import(module: str, then: str) -> None:
    heavy = {"pandas", "numpy", "mlflow", "lightgbm", "sklearn", "ibis", "duckdb", "plotly", "pyarrow", "scipy"}
    program = f"import sys, {module}; {then}"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert not heavy & set(ran.stdout.split())


def test_nothing_asks_the_clock_what_day_it_is() -> None:
    clock = re.compile(r"\b(?:date\.today|datetime\.(?:now|utcnow|today)|Timestamp\.(?:now|today|utcnow)|time\.time)\(")
    found = [
        path
        for folder in ("cvo_ml", "training")
        for path in (ROOT / folder).rglob("*.py")
        if clock.search(path.read_text())
    ]
    assert found == []


def test_every_method_that_is_cited_stands_on_the_page_of_methods() -> None:
    """A docstring cites ``methods B9``: a reader of the repository finds B9 in docs/methods.md."""
    page = set(re.findall(r"^\| ([A-N]\d+) \|", (ROOT / "docs" / "methods.md").read_text(), flags=re.M))
    cited: dict[str, set[str]] = {}
    for folder in ("cvo_ml", "training", "tests", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            for ids in re.findall(r"\bmethods ([A-N]\d+(?:, [A-N]\d+)*)", path.read_text()):
                cited.setdefault(str(path.relative_to(ROOT)), set()).update(ids.split(", "))
    assert len(set().union(*cited.values())) > 12
    assert {name: ids - page for name, ids in cited.items() if ids - page} == {}
