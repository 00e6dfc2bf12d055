"""FAULT-S8: secrets are a type, files keep ``${NAME}``, and the words of others are said without them."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.loader import load_config
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import ConfigError
from cvo_ml.core.result import to_json
from cvo_ml.core.secrets import Secret, confidential, redacted, remembered
from cvo_ml.ingest import read_shop
from cvo_ml.workflows.shops import save_shop
from tests.frozen.scenario import CLV, WITHOUT_HYBRID, prepared
from tests.ingest import postgres
from tests.security.command_lines import run, step

CANARY = "canary-Secret-7f3a"
ADDRESS = f"postgresql://reader:{CANARY}@127.0.0.1:1/shop"
SHOP = """
name: s
currency: EUR
source: {path: "%s"%s}
columns: {customer_id: client, order_id: id, ordered_at: date, net: total}
"""
ORDERS = "client,id,date,total\na,1,2024-01-01,5\n"


class Receiver(FrozenConfig):
    address: Secret


def shop_file(folder: Path, path: str, more: str = "") -> Path:
    file = folder / "shop.yaml"
    file.write_text(SHOP % (path, more), encoding="utf-8")
    return file


class TestTheType:
    """FAULT-S8: nothing that is done with a secret by accident shows it (there was no such type)."""

    def test_it_is_printed_as_stars(self) -> None:
        secret = Secret(CANARY)
        shown = f"{secret} {secret!r} {secret:>9} %s %r {[secret]} { {'a': secret} }" % (secret, secret)
        assert CANARY not in shown
        assert "***" in shown
        assert secret.reveal() == CANARY

    def test_it_is_written_as_stars(self) -> None:
        config = Receiver(address=Secret(CANARY))
        assert to_json({"a": Secret(CANARY)}) == {"a": "***"}
        assert json.loads(config.model_dump_json()) == config.model_dump() == {"address": "***"}
        assert CANARY not in repr(config) + str(config)
        with pytest.raises(TypeError):
            json.dumps(Secret(CANARY))

    def test_it_is_read_from_a_text(self) -> None:
        assert Receiver.model_validate({"address": CANARY}).address == Secret(CANARY)
        assert Receiver.model_validate({"address": CANARY}) != Receiver.model_validate({"address": "other"})

    def test_it_does_not_travel(self) -> None:
        for travels in (Secret(CANARY), Receiver(address=Secret(CANARY))):
            with pytest.raises(TypeError, match="not pickled"):
                pickle.dumps(travels)
        assert copy.deepcopy(Secret(CANARY)) == copy.copy(Secret(CANARY)) == Secret(CANARY)

    def test_it_does_not_change(self) -> None:
        with pytest.raises(AttributeError):
            Secret(CANARY)._value = "other"  # type: ignore[misc]


class TestTheWordsOfOthers:
    """FAULT-S8: the second line of defence, for texts that quote what they were given."""

    @pytest.mark.parametrize(
        "said",
        [
            ADDRESS,
            f"connection to {CANARY} refused",
            json.dumps({"dsn": ADDRESS}),
            "reader:p%40ss%C3%B6@",
            "password p@ssö",
            json.dumps("password p@ssö"),
            "wrong p%2540ss%25C3%25B6",
        ],
    )
    def test_a_secret_that_was_revealed_is_hidden_however_it_is_written(self, said: str) -> None:
        with remembered() as hidden:
            assert hidden(said) == said  # nothing is known before
            for address in (ADDRESS, "postgresql://reader:p%40ss%C3%B6@h/db"):
                Secret(address).reveal()
            assert CANARY not in hidden(said)
            assert "***" in hidden(said)
            assert "p@ss" not in hidden(said)

    def test_those_of_the_environment_are_known(self) -> None:
        environment = {"A_TOKEN": CANARY, "MLFLOW_TRACKING_URI": f"https://u:{CANARY}2@h/", "PATH": "/usr/bin"}
        with remembered(*confidential(environment)) as hidden:
            assert hidden(f"{CANARY} {CANARY}2 /usr/bin") == "*** *** /usr/bin"

    @pytest.mark.parametrize(
        ("address", "shown"),
        [
            (ADDRESS, "postgresql://127.0.0.1:1/shop"),
            (f"https://{CANARY}@h/x?key={CANARY}&y=1#z", "https://h/x?key=***&y=***#z"),
            (f"host=h password={CANARY} user=u", "host=h password=*** user=u"),
            ("sqlite:///mlruns/mlflow.db", "sqlite:///mlruns/mlflow.db"),
        ],
    )
    def test_an_address_is_shown_without_them(self, address: str, shown: str) -> None:
        assert redacted(address) == shown


class TestFiles:
    """FAULT-S8: ``${NAME}`` in a shop file came out in plain in ``out/shop.yaml``."""

    @pytest.mark.parametrize("path", ["${SHOP_DATABASE}", "postgresql://reader:${SHOP_WORD}@127.0.0.1:1/shop"])
    def test_an_address_is_in_no_field_and_no_file(
        self, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SHOP_DATABASE", ADDRESS)
        monkeypatch.setenv("SHOP_WORD", CANARY)
        shop = load_config(shop_file(tmp_path, path, ", table: orders"), ShopConfig)
        saved = save_shop(shop, tmp_path / "out" / "shop.yaml")
        assert CANARY not in repr(shop) + shop.model_dump_json() + saved.read_text()
        assert path in saved.read_text()
        assert load_config(saved, ShopConfig) == shop

    def test_it_is_resolved_where_it_is_used(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SHOP_DATABASE", ADDRESS)
        shop = load_config(shop_file(tmp_path, "${SHOP_DATABASE}", ", table: orders"), ShopConfig)
        pytest.importorskip("psycopg", reason="psycopg is not installed: install the extra postgres")
        with pytest.raises(Exception, match="cannot be reached") as refused:
            read_shop(shop)
        assert CANARY not in str(refused.value)

    @pytest.mark.parametrize("folder", ["tables", "absolute"])
    def test_a_plain_variable_is_read_and_kept(
        self, folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("PLACE", folder if folder == "tables" else str(tmp_path / "tables"))
        (tmp_path / "tables").mkdir()
        (tmp_path / "tables" / "orders.csv").write_text(ORDERS)
        shop = load_config(shop_file(tmp_path, "${PLACE}/orders.csv"), ShopConfig)
        saved = save_shop(shop, tmp_path / "out" / "shop.yaml")
        assert "${PLACE}/orders.csv" in saved.read_text()
        monkeypatch.chdir("/")  # the place that was meant is found from everywhere
        assert read_shop(load_config(saved, ShopConfig)).ledger.used == 1

    @pytest.mark.parametrize(
        "path",
        [ADDRESS, ADDRESS.replace("postgresql", "POSTGRES"), f"host=x password={CANARY}", f"https://{CANARY}@h/o.csv",
         f"https://h/o.csv?access_key={CANARY}"],
    )  # fmt: skip
    def test_a_secret_in_a_file_is_refused_with_the_remedy(self, path: str, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"'source.path' holds a secret: .*write \$\{NAME\}") as refused:
            load_config(shop_file(tmp_path, path), ShopConfig)
        assert CANARY not in str(refused.value)

    def test_a_file_that_is_not_yaml_is_not_quoted(self, tmp_path: Path) -> None:
        """The reader's message showed the line that it could not read."""
        file = tmp_path / "shop.yaml"
        file.write_text(f'name: s\nsource: {{path: "{ADDRESS}": x}}\n', encoding="utf-8")
        with pytest.raises(ConfigError, match=r"not valid YAML: .*line 2") as refused:
            load_config(file, ShopConfig)
        assert CANARY not in str(refused.value)


#: Places where MLflow was told to look; each was quoted by somebody, or ended in a traceback that quoted it.
TRACKING = (
    f"postgresql://me:{CANARY}@127.0.0.1:1/db", f"postgresql://me:{CANARY}@127.0.0.1:x/db",
    f"postgresql://me:{CANARY}@[::1/db", f"mysql://me:{CANARY}@127.0.0.1:1/db", f"mssql+x://me:{CANARY}@h/db",
    f"http://me:{CANARY}@127.0.0.1:1", f"https://127.0.0.1:1/?token={CANARY}", f"http://{CANARY}@[::1",
    f"weird://me:{CANARY}@h",
)  # fmt: skip
DATABASE = (
    ADDRESS, f"postgresql://me:{CANARY}@[::1/db", f"postgresql://me:{CANARY}@h:x/db",
    f"host=127.0.0.1 port=1 password={CANARY}", f"mysql://me:{CANARY}@127.0.0.1/db",
)  # fmt: skip
WEBHOOKS = (
    f"https://hooks.example.com/services/{CANARY}", f"https://me:{CANARY}@hooks.example.com/", f"ftp://h/{CANARY}",
    f"http://127.0.0.1:9/{CANARY}", f"https://127.0.0.1:9/?key={CANARY}", f"https://h/{CANARY} x", CANARY,
)  # fmt: skip
#: MLflow asks a server that does not answer for minutes.
AT_ONCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "2"}
NIGHT = "--as-of 2023-02-01 --models models --out fresh"


def traces(world: Path, given: set[Path]) -> list[str]:
    """Files that hold the canary, besides those that the test itself wrote."""
    files = (path for path in world.rglob("*") if path.is_file() and path not in given)
    return [str(path.relative_to(world)) for path in files if CANARY.encode() in path.read_bytes()]


class TestCommands:
    """FAULT-S8: a canary in every address that a command may be given; nothing that it prints or writes holds it."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> Path:
        world = prepared(tmp_path / "world", "stored")
        source = "source: {path: tables/orders.parquet}"
        for name, path in (("variable", "${CVO_TEST_DATABASE}"), ("env", "env://CVO_TEST_DATABASE")):
            text = (world / "shop.yaml").read_text().replace(source, f'source: {{path: "{path}", table: orders}}')
            (world / f"{name}.yaml").write_text(text)
        (world / "hosts.yaml").write_text('webhooks: {hosts: [h], internal: ["127.0.0.1:9"]}\nstale_days: 1\n')
        return world

    def test_that_fail(self, world: Path) -> None:
        literal = world / "literal.yaml"
        literal.write_text((world / "env.yaml").read_text().replace("env://CVO_TEST_DATABASE", ADDRESS))
        steps = [
            step(f"--log-json {line}", variables={**AT_ONCE, "MLFLOW_TRACKING_URI": uri})
            for uri in TRACKING
            for line in ("models list", f"score --shop shop.yaml {NIGHT.replace('--models models', '')}")[
                : 1 + (uri == TRACKING[0])
            ]
        ]
        steps += [
            step(f"--log-json check --shop {name}.yaml", variables={"CVO_TEST_DATABASE": address})
            for address in DATABASE
            for name in ("variable", "env")
        ]
        for webhook in WEBHOOKS:
            where = {"variables": {"CVO_TEST_HOOK": webhook}}
            steps.append(
                {"arguments": ["monitor", "--out", "out", "--policy", "hosts.yaml", "--webhook", webhook], **where}
            )
            steps.append(step("monitor --out out --policy hosts.yaml --webhook '${CVO_TEST_HOOK}' --json", **where))
        steps.append(step("check --shop literal.yaml"))
        for asked, found in zip(steps, run(world, steps), strict=True):
            assert found["code"] in (0, 2, 3, 5), (asked, found)
            assert CANARY not in found["out"] + found["err"], (asked, found)
            assert "Traceback" not in found["err"], (asked, found)
        assert traces(world, {literal}) == []

    @pytest.fixture(scope="class")
    def server(self) -> Iterator[str]:
        pytest.importorskip("psycopg", reason="psycopg is not installed: install the extra postgres")
        if postgres.programs() is None:
            pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(postgres, "PASSWORD", CANARY)
            with postgres.server() as address:
                yield address

    @pytest.mark.slow
    def test_that_succeed(self, world: Path, server: str) -> None:
        fill(server, world / "tables" / "orders.parquet")
        lines = ("check --shop env.yaml --json", f"score --shop variable.yaml {NIGHT}", "monitor --out fresh")
        silent(world, lines, {"CVO_TEST_DATABASE": server})
        assert "${CVO_TEST_DATABASE}" in (world / "fresh" / "shop.yaml").read_text()

    @pytest.mark.slow
    def test_that_keep_models_on_a_server(self, world: Path, server: str) -> None:
        """MLflow makes its tables there, which takes a minute."""
        train = f"train clv --shop shop.yaml --as-of 2023-02-01 {CLV} {WITHOUT_HYBRID}"
        silent(world, (train, "models list", "models show clv"), {"MLFLOW_TRACKING_URI": server})


def silent(world: Path, lines: Sequence[str], variables: dict[str, str]) -> None:
    """The commands succeed, and the canary in their variables is nowhere."""
    assert any(CANARY in value for value in variables.values())
    for line, found in zip(
        lines, run(world, [step(f"--log-json {line}", variables=variables) for line in lines]), strict=True
    ):
        assert found["code"] == 0, (line, found)
        assert CANARY not in found["out"] + found["err"], line
    assert traces(world, set()) == []


def fill(address: str, file: Path) -> None:
    """The table ``orders`` of a shop, on a server."""
    import psycopg

    rows = pq.read_table(file)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE orders (order_id text, customer_id text, ordered_at timestamp, net float8, cost float8)"
        )
        with connection.cursor().copy("COPY orders FROM STDIN") as copy:
            for row in rows.to_pylist():
                copy.write_row([row[name] for name in ("order_id", "customer_id", "ordered_at", "net", "cost")])
