"""A shop: where its tables are, which column means what, and which rows are left out by rule."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, field_validator, model_validator

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.questions import answered
from cvo_ml.config.variables import VARIABLE
from cvo_ml.core.contract import Kind, either
from cvo_ml.core.contracts import CONTRACTS, CUSTOMERS, ORDER_LINES, ORDERS, SUBSCRIPTIONS
from cvo_ml.core.errors import nearest_name
from cvo_ml.core.secrets import is_secret
from cvo_ml.core.terminal_text import escaped

NO_CURRENCY: Final = "XXX"  # ISO 4217's code for "no currency"
WITHHELD: Final = "address://withheld"  # stands for a server's address, which may carry a password: reading refuses it
_WITH_WATERMARK: Final = (".duckdb", ".ddb", ".db")
SAMPLE: Final = "sample://"  # what the path of a file that comes with the package begins with
#: Formats of times that are counted since 1970, and how many make a second.
EPOCHS: Final = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000}
StatusClass = Literal["sale", "pending", "not_a_sale", "refunded"]
AdapterName = Literal[
    "online_retail", "shopify", "woocommerce", "woocommerce_analytics", "woocommerce_api", "paypal", "segment",
    "ga4", "stripe", "stripe_payments", "stripe_charges", "gorgias", "gorgias_api", "zendesk", "zendesk_api",
    "typeform", "delighted", "delighted_api", "google_ads", "meta_ads", "hubspot_deals", "hubspot_deals_api",
    "hubspot_contacts", "hubspot_contacts_api", "hubspot_companies", "hubspot_companies_api",
    "hubspot_email_events", "klaviyo_profiles", "klaviyo_profiles_api", "klaviyo_events",
]  # fmt: skip

# A name that stands in several contracts (net, known_at) has the same kind in each.
COLUMN_KINDS: Final[dict[str, Kind]] = {
    column.name: column.kind for contract in (CUSTOMERS, ORDER_LINES, ORDERS) for column in contract.columns
}
_SUBSCRIPTION_KINDS: Final[dict[str, Kind]] = {column.name: column.kind for column in SUBSCRIPTIONS.columns}
_JOINERS: Final = "\u200c\u200d"  # between letters of Persian and Indian scripts
_ADDRESS: Final = re.compile(r"(?i)^(?:postgres(?:ql)?|mysql|https?|s3|gs)://|\bpassword\s*=")


def _strptime_format(date_format: str) -> str:
    if date_format in EPOCHS:
        return date_format
    try:
        datetime.strptime("", date_format)
    except ValueError as error:
        if "directive" in str(error) or "stray" in str(error):
            raise ValueError(f"date_format {date_format!r} is no strptime format: write one like '%d/%m/%Y'") from None
    if ("%I" in date_format) != ("%p" in date_format):  # half of all times would be twelve hours off
        raise ValueError(f"date_format {date_format!r}: %I (hour of twelve) and %p (AM or PM) need each other")
    return date_format


def _currency_code(currency: str) -> str:
    if not re.fullmatch("[A-Z]{3}", currency):
        raise ValueError(f"{currency!r} is no three-letter ISO code such as EUR (XXX where the currency is not known)")
    return currency


def _one_sign(delimiter: str) -> str:
    if delimiter == r"\t":  # two signs, as a shell and a plain YAML text pass it on
        return "\t"
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise ValueError(f"{delimiter!r} is not one sign: write one such as ',' or ';', or '\\t' for a tabulator")
    return delimiter


def _shown_name(name: str) -> str:
    if escaped(name, keep=_JOINERS) != name or name != name.strip():
        raise ValueError(
            "the name of a shop is shown to people: leave out signs that nobody sees, and spaces around it"
        )
    return name


ShopName = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_shown_name)]
DateFormat = Annotated[str, AfterValidator(_strptime_format)]
CurrencyCode = Annotated[str, AfterValidator(_currency_code)]
Delimiter = Annotated[str, AfterValidator(_one_sign)]


class AmountFormat(FrozenConfig):
    """How amounts are written beside their digits and their decimal sign.

    Parameters
    ----------
    thousands:
        The sign between groups of three digits; ``""`` where there is none; a space stands for all kinds of spaces.
        None = not declared: digits that have two readings, such as ``1.250`` throughout, are refused.
    currency:
        Signs or codes that may stand before or after the number, such as ``("€", "EUR")``.
    parentheses:
        ``(12.50)`` is -12.50.
    trailing_minus:
        ``12.50-`` is -12.50.
    minor_units:
        Whole numbers of the currency's smallest unit, such as cents; some currencies have none, or three decimals.
    """

    thousands: Literal["", ",", ".", " ", "'"] | None = None
    currency: tuple[str, ...] = ()
    parentheses: bool = False
    trailing_minus: bool = False
    minor_units: bool = False


class SourceConfig(FrozenConfig):
    """One table's place and dialect; nothing about it is guessed.

    Parameters
    ----------
    path:
        A file ending in ``.csv``, ``.txt``, ``.tsv``, ``.jsonl``, ``.ndjson``, ``.json`` (each also ``.gz``),
        ``.xlsx``, ``.xlsm``, ``.xls``, ``.ods``, ``.parquet``, ``.duckdb`` or ``.sqlite``; a ``.zip`` with one text or
        spreadsheet in it; a folder or a pattern with ``*`` of such files, read in the order of their names;
        ``${NAME}`` or ``env://NAME``, where the environment variable NAME holds the address of a PostgreSQL server, or
        ``postgresql://user:${PASSWORD}@host/database``; ``sample://NAME``, a file that comes with the package.
    table:
        Table or view of a database, such as ``orders`` or ``shop.orders``.
    date_format, date_formats:
        A strptime format of all dates, or by canonical column; ``epoch_s``, ``epoch_ms`` or ``epoch_us`` for seconds,
        thousandths or millionths since 1970; without one, times are ISO 8601.
    sheet:
        Of a spreadsheet with several.
    header_row:
        The line, or row of a sheet, in which the header stands; what is above it are titles.
    total_rows:
        Texts with which rows begin that are sums of others, such as ``Total``: they are left out by rule.
    amounts:
        How amounts are written.
    watermark:
        A column of a table of PostgreSQL or DuckDB that grows with each change of a row, such as ``updated_at``: what
        was read before is kept in ``kept_in``, and only rows that are at least as late are asked for again.
    overlap:
        How far before the last watermark rows are asked for again, as they may have come late: days of times, or as
        many whole numbers.
    key:
        The columns whose rows are replaced together: where one of them changed, all are read again. None = the table's
        primary key; empty = rows are only added.
    kept_in:
        A folder of its own for each table.
    """

    path: str = Field(min_length=1)
    table: str | None = None
    watermark: str | None = Field(default=None, min_length=1)
    overlap: int = Field(default=1, ge=0)
    key: tuple[str, ...] | None = None
    kept_in: str | None = Field(default=None, min_length=1)
    delimiter: Delimiter = ","
    encoding: Literal["utf-8", "utf-16", "latin-1", "cp1252"] = "utf-8"
    decimal: Literal[".", ","] = "."
    amounts: AmountFormat = AmountFormat()
    sheet: str | None = None
    header_row: int = Field(default=1, ge=1, le=1000)
    total_rows: tuple[str, ...] = ()
    date_format: DateFormat | None = None
    date_formats: dict[str, DateFormat] = Field(default_factory=dict)

    def format_of(self, column: str) -> str | None:
        """The strptime format of a canonical column, or None for ISO 8601."""
        return self.date_formats.get(column, self.date_format)

    @model_validator(mode="after")
    def _two_signs(self) -> Self:
        if self.amounts.thousands == self.decimal:
            raise ValueError(
                f"decimal and amounts.thousands are both {self.decimal!r}: declare decimal: "
                f"'{',' if self.decimal == '.' else '.'}' (--decimal) if {self.decimal!r} groups thousands"
            )
        return self

    @model_validator(mode="after")
    def _kept_between_readings(self) -> Self:
        if self.watermark is None:
            if given := [name for name in ("kept_in", "key") if getattr(self, name) is not None]:
                raise ValueError(f"{given[0]}: is of a table with a watermark: declare that too, or leave it out")
            return self
        if not (VARIABLE.search(self.path) or self.path.startswith("env://") or self.path.endswith(_WITH_WATERMARK)):
            raise ValueError(
                "watermark: is of tables of PostgreSQL and DuckDB: leave it out; a folder is read whole each time"
            )
        if self.kept_in is None:
            raise ValueError("watermark: say where rows are kept between readings: kept_in: kept/orders")
        return self

    @field_validator("path")
    @classmethod
    def _inside_the_package(cls, path: str) -> str:
        name = path.removeprefix(SAMPLE)
        if path.startswith(SAMPLE) and (name in ("", ".", "..") or re.search(r"[/\\\0]", name)):
            raise ValueError(f"{path!r} leads out of the package: name a file of it, {SAMPLE}online_retail.parquet")
        return path

    @field_validator("path")
    @classmethod
    def _no_address(cls, path: str) -> str:
        if "\0" in path:
            raise ValueError("no file's name holds NUL: write the path again")
        return WITHHELD if is_secret(path) or (_ADDRESS.search(path) and not VARIABLE.search(path)) else path

    def resolved(self) -> SourceConfig:
        """The source with an absolute path, so that another working folder finds it."""
        kept = {} if self.kept_in is None else {"kept_in": str(Path(self.kept_in).absolute())}
        if "://" in self.path or VARIABLE.search(self.path):
            return self.model_copy(update=kept)
        return self.model_copy(update={"path": str(Path(self.path).absolute()), **kept})


class Exclusion(FrozenConfig):
    """Rows left out by a declared rule: those whose ``column`` equals a value or matches the whole pattern.

    ``column`` is the canonical name of a mapped column; ``pattern`` is an RE2 expression for text
    columns, ``equals`` holds texts for text columns and numbers for the others.
    """

    rule: str = Field(min_length=1)
    column: str
    equals: tuple[str | float, ...] = ()
    pattern: str | None = None

    @model_validator(mode="after")
    def _says_what(self) -> Self:
        if not self.equals and self.pattern is None:
            raise ValueError(f"rule {self.rule!r} excludes nothing: give 'equals' or 'pattern'")
        return self


#: Tables whose rows may come from several systems: no other table names them by an id of their own.
SEVERAL: Final = frozenset(
    {"acquisition_spend", "costs_to_serve", "deliveries", "events", "returns", "reviews", "surveys", "tickets",
     "touchpoints", "treatments"}
)  # fmt: skip


class TableConfig(FrozenConfig):
    """A further table of the shop, with a source of its own.

    Parameters
    ----------
    table:
        Of which table its rows are, where that is not the key under which it stands: rows of a second system, such as
        ``meta_ads: {table: acquisition_spend, …}``.
    columns:
        Canonical column of the table's contract to header name.
    profile:
        Further columns to keep as text: field name to header name.
    values:
        Canonical text column to the source's texts and what they mean: ``status: {"True": canceled}``.
    constants:
        Canonical column to the one value that all rows have: ``kind: csat``.
    where_filled:
        A canonical column: rows in which it is empty are no rows of this table, such as orders without a refund.
    """

    source: SourceConfig
    table: str | None = None
    adapter: AdapterName | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    profile: dict[str, str] = Field(default_factory=dict)
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    constants: dict[str, str | float] = Field(default_factory=dict)
    where_filled: str | None = None
    exclude: tuple[Exclusion, ...] = ()

    def check(self, table: str) -> None:
        """Refuse columns without a meaning in the table's contract, and a mapping that lacks a required one.

        Raises
        ------
        ValueError
            Naming the column and the nearest name.
        """
        contract = CONTRACTS[table]
        given = {*self.columns, *self.constants}
        for name in (*given, *self.values):
            if name not in contract.names:
                raise ValueError(f"tables: {table}: {name!r} has no meaning{nearest_name(name, list(contract.names))}")
        for name in self.profile:
            if name in contract.names:
                raise ValueError(f"tables: {table}: {name!r} is a canonical column: map it under 'columns'")
        if self.adapter is None and (missing := sorted(set(contract.required) - given)):
            raise ValueError(f"tables: {table}: {', '.join(missing)} not mapped: name the header of each")
        for group in contract.one_of if self.adapter is None else ():
            if not set(group) & given:
                raise ValueError(f"tables: {table}: map {either(group)}: each row names one of them")
        if self.where_filled is not None and self.where_filled not in self.columns:
            hint = nearest_name(self.where_filled, list(self.columns))
            raise ValueError(f"tables: {table}: where_filled: {self.where_filled!r} is not a mapped column{hint}")
        _check_exclusions(self.exclude, self.columns, f"tables: {table}: ")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _check_exclusions(exclude: tuple[Exclusion, ...], columns: dict[str, str], where: str = "") -> None:
    for exclusion in exclude:
        if exclusion.column not in columns:
            hint = nearest_name(exclusion.column, list(columns))
            raise ValueError(f"{where}exclude: {exclusion.column!r} is not a mapped column{hint}")


class IdRules(FrozenConfig):
    """How ids are compared: ``fold_case`` makes ids that differ in upper and lower case only one."""

    fold_case: bool = False


class ShopConfig(FrozenConfig):
    """A shop's tables, declared: orders (or order lines, or subscriptions) first, further tables under ``tables``.

    Parameters
    ----------
    currency:
        The one currency of all money (ISO 4217; ``XXX`` where it is not known).
    timezone:
        The shop's zone: days, ``as_of`` and windows are those of its clock. Times with a zone are converted to it,
        those without one are in it, and bare dates are days.
    extracted_at:
        When the source was written: rows after it cannot be true and are quarantined. Unmarked = in the shop's zone.
    max_bad_share:
        The same fault in more than this share of a column's rows is a fault of the file.
    adapter:
        A known export format that brings its own mapping; ``columns`` may then rename single headers.
    rows:
        ``orders``: one row an order. ``lines``: one row an order line, net = sum of the lines.
        ``subscriptions``: one row a subscription; the shop then has no orders, and its orders table is empty.
    columns:
        Canonical column to header name.
    profile:
        Further fields of the customers table: field name to header name.
    order_id:
        ``generated`` where the source has none: one order per customer and day.
    guests:
        What a row without customer is: a ``fault``, or left out by rule (``exclude``).
    refunds:
        ``negative_rows``: each row below zero is a refund. ``negative_orders``: negative lines are
        discounts inside their order, and only an order below zero is a refund.
    values:
        Canonical text column to the source's texts and what they mean.
    constants:
        Canonical column to the one value that all rows have: ``channel: web``.
    statuses:
        What a text of the mapped ``status`` means, where the vocabulary does not know it or means something else:
        ``{dispatched: sale, on-hold: pending}``. Only sales count.
    guest_ids:
        Ids that stand for nobody, such as ``0`` or ``Walk-in customer``.
    customers:
        Ids that look as if they stood for nobody, and are customers.
    ids:
        How ids are compared.
    ignore:
        Headers that name a meaning and are left unread on purpose.
    net_less:
        Columns whose amounts the column of ``net`` still holds and which are taken off it: ``[discount]`` of a subtotal
        before discounts, ``[shipping, tax]`` of a total.
    counts_only:
        The source has no amounts: orders are counted, and their value is 0.
    tables:
        Further tables, each with a source of its own: refunds, customers, order_lines, tickets, ….
    questions:
        What has two readings (:class:`~cvo_ml.config.questions.Question`): an answer's settings become the shop's;
        one without an answer is refused.
    """

    name: ShopName
    currency: CurrencyCode
    source: SourceConfig
    timezone: str = "UTC"
    extracted_at: datetime | None = None
    max_bad_share: float = Field(default=0.01, ge=0, le=1)
    adapter: AdapterName | None = None
    rows: Literal["orders", "lines", "subscriptions"] = "orders"
    columns: dict[str, str] = Field(default_factory=dict)
    profile: dict[str, str] = Field(default_factory=dict)
    order_id: Literal["column", "generated"] = "column"
    guests: Literal["fault", "exclude"] = "fault"
    refunds: Literal["negative_rows", "negative_orders"] = "negative_rows"
    refund_reason: str = "negative row"
    exclude: tuple[Exclusion, ...] = ()
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    constants: dict[str, str | float] = Field(default_factory=dict)
    statuses: dict[str, StatusClass] = Field(default_factory=dict)
    guest_ids: tuple[str, ...] = ()
    customers: tuple[str, ...] = ()
    ids: IdRules = IdRules()
    ignore: tuple[str, ...] = ()
    net_less: tuple[Literal["discount", "shipping", "tax"], ...] = ()
    counts_only: bool = False
    tables: dict[str, TableConfig] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _answers(cls, content: Any) -> Any:
        return answered(content)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f"time zone {zone!r} is unknown: use a name such as Europe/London") from None
        return zone

    @property
    def kinds(self) -> dict[str, Kind]:
        """The canonical columns of the first source, and what each holds."""
        return _SUBSCRIPTION_KINDS if self.rows == "subscriptions" else COLUMN_KINDS

    def resolved(self) -> ShopConfig:
        """The shop with absolute paths in all its sources, so that another working folder finds them."""
        tables = {
            name: table.model_copy(update={"source": table.source.resolved()}) for name, table in self.tables.items()
        }
        return self.model_copy(update={"source": self.source.resolved(), **({"tables": tables} if tables else {})})

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for name in (*self.columns, *self.values, *self.constants):
            if name not in self.kinds:
                raise ValueError(f"columns: {name!r} has no meaning{nearest_name(name, list(self.kinds))}")
        for name in self.profile:
            if name in self.kinds:
                raise ValueError(f"profile: {name!r} is a canonical column: map it under 'columns'")
        if twice := sorted(set(self.columns) & set(self.constants)):
            raise ValueError(f"constants: {twice[0]!r} is mapped too: keep one of the two")
        if self.adapter is None and (unmapped := [name for name in (*self.net_less,) if name not in self.columns]):
            raise ValueError(f"net_less: {', '.join(unmapped)} not mapped: name the header of each under 'columns'")
        if self.counts_only and "net" in {*self.columns, *self.constants}:
            raise ValueError("counts_only: net is mapped: orders have a value, leave counts_only out")
        if self.adapter is None:
            self._check_complete()
        self._check_tables()
        return self

    def _check_complete(self) -> None:
        given = {*self.columns, *self.constants}
        if self.rows == "subscriptions":
            missing = sorted(set(SUBSCRIPTIONS.required) - given)
        else:
            needed = {"customer_id", "ordered_at"} | ({"order_id"} if self.order_id == "column" else set())
            has_price = self.rows == "lines" and {"quantity", "unit_price"} <= given
            valued = has_price or "net" in given or self.counts_only
            missing = sorted(needed - given) + ([] if valued else ["net"])
        if missing:
            raise ValueError(f"columns: {', '.join(missing)} not mapped: name the header of each")
        if self.order_id == "generated" and "order_id" in self.columns:
            raise ValueError("order_id is both 'generated' and mapped: keep one of the two")
        _check_exclusions(self.exclude, self.columns)

    def _check_tables(self) -> None:
        own = {"orders": ["orders"], "lines": ["orders", "order_lines"], "subscriptions": ["orders", "subscriptions"]}
        for key, table in self.tables.items():
            name = table.table or key
            if name not in CONTRACTS:
                raise ValueError(f"tables: {name!r} is no table{nearest_name(name, list(CONTRACTS))}")
            if table.table is not None and key in CONTRACTS and key != name:
                raise ValueError(f"tables: {key}: is itself a table: call the rows of {name} otherwise")
            if key != name and name not in SEVERAL:
                raise ValueError(f"tables: {key}: {name} come from one source: rows of several are {_listed(SEVERAL)}")
            if name in own[self.rows]:
                raise ValueError(f"tables: {name!r} comes from the first source: declare it there, or there only")
            table.check(name)
        if "fx" in self.tables and self.currency == NO_CURRENCY:
            raise ValueError("tables: fx: say which currency its rates lead to: currency: EUR")
        for name in {"refunds"} & set(self.tables) if "fx" in self.tables else ():
            if "currency" not in {*self.tables[name].columns, *self.tables[name].constants}:
                raise ValueError(f"tables: {name}: map currency: where rates are declared, amounts may be in any")
