"""A shop declared in one line: a file, and what its headers mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import ValidationError

from cvo_ml.config.messages import place_of, remedy
from cvo_ml.config.shops import COLUMN_KINDS, NO_CURRENCY, ShopConfig, SourceConfig, StatusClass
from cvo_ml.core.errors import UsageError, nearest_name
from cvo_ml.ingest.header_names import headers_for
from cvo_ml.ingest.known_exports import export_of
from cvo_ml.ingest.sources import headers_of

#: What a name of a customer's own field begins with.
PROFILE: Final = "profile."
_SHOWN: Final = 20


def shop_from_columns(
    path: str | Path,
    columns: Mapping[str, str],
    *,
    headers: Sequence[str] = (),
    rows: Literal["orders", "lines"] | None = None,
    date_format: str | None = None,
    currency: str = NO_CURRENCY,
    delimiter: str = ",",
    encoding: str = "utf-8",
    decimal: str = ".",
    timezone: str = "UTC",
    guests: Literal["fault", "exclude"] = "fault",
    guest_ids: Sequence[str] = (),
    customers: Sequence[str] = (),
    statuses: Mapping[str, StatusClass] | None = None,
    ignore: Sequence[str] = (),
) -> ShopConfig:
    """A shop from a file and a mapping of meaning to header.

    Parameters
    ----------
    columns:
        At least customer_id, ordered_at and net (or quantity and unit_price). Without order_id, there is one order per
        customer and day. ``profile.NAME`` is a field of the customers.
    headers:
        Those of the file: one that is called as a meaning need not be mapped.
    rows:
        Default: ``lines`` where product_id, quantity or line_id is mapped, else ``orders``.

    Raises
    ------
    UsageError
        If a name is no meaning, the mapping is not complete, or a value is not allowed; names all that is missing.

    Examples
    --------
    >>> shop = shop_from_columns("cdnow.csv", {"customer_id": "customer_id", "ordered_at": "date", "net": "amount"})
    >>> shop.rows, shop.order_id, shop.currency
    ('orders', 'generated', 'XXX')
    >>> shop_from_columns("x.csv", {"customer_id": "Client"}, headers=["ordered_at", "net", "Client"]).columns["net"]
    'net'
    """
    fields = {name.removeprefix(PROFILE): header for name, header in columns.items() if name.startswith(PROFILE)}
    given = {name: header for name, header in columns.items() if not name.startswith(PROFILE)}
    _refuse_unknown(path, given)
    mapped = given | _named_as_meant(headers, given, fields)
    _refuse_incomplete(path, mapped, headers)
    source = {"path": str(path), "delimiter": delimiter, "encoding": encoding, "decimal": decimal}
    declared: dict[str, Any] = {
        "name": Path(path).name.split(".")[0] or "shop",
        "currency": currency,
        "source": {**source, "date_format": date_format},
        "timezone": timezone,
        "guests": guests,
        "rows": rows or ("lines" if {"product_id", "quantity", "line_id"} & set(mapped) else "orders"),
        "columns": mapped,
        "profile": fields,
        "order_id": "column" if "order_id" in mapped else "generated",
        "guest_ids": tuple(guest_ids),
        "customers": tuple(customers),
        "statuses": dict(statuses or {}),
        "ignore": tuple(ignore),
    }
    try:
        return ShopConfig.model_validate({name: value for name, value in declared.items() if value not in ((), {})})
    except ValidationError as error:
        raise _refused(path, error) from None


def headers_at(path: str | Path, delimiter: str = ",", encoding: str = "utf-8") -> tuple[str, ...]:
    """The headers of a file that is described by options.

    Raises
    ------
    UsageError
        If an option is not allowed, or there is no such file.
    DataError
        If the file's header cannot be read.
    """
    try:
        source = SourceConfig.model_validate({"path": str(path), "delimiter": delimiter, "encoding": encoding})
    except ValidationError as error:
        raise _refused(path, error) from None
    return headers_of(source)


def _refused(path: str | Path, error: ValidationError) -> UsageError:
    return UsageError(f"{path}: {'; '.join(dict.fromkeys(map(_sentence, error.errors())))}")


def _named_as_meant(headers: Sequence[str], given: Mapping[str, str], fields: Mapping[str, str]) -> dict[str, str]:
    """The headers that are called as what they mean, where neither the meaning nor the header is mapped."""
    used = {*given.values(), *fields.values()}
    return {name: name for name in COLUMN_KINDS if name in headers and name not in given and name not in used}


def _refuse_unknown(path: str | Path, names: Iterable[str]) -> None:
    unknown = [name for name in names if name not in COLUMN_KINDS]
    if unknown:
        hints = ", ".join(f"{name!r}{nearest_name(name, list(COLUMN_KINDS))}" for name in unknown)
        raise UsageError(
            f"{path}: no meaning is called {hints}: correct it, or make it a field of the customers, "
            f"{PROFILE}{unknown[0]}=HEADER"
        )


def _refuse_incomplete(path: str | Path, mapped: Mapping[str, str], headers: Sequence[str]) -> None:
    missing = [name for name in ("customer_id", "ordered_at") if name not in mapped]
    if "net" not in mapped and not {"quantity", "unit_price"} <= set(mapped):
        missing.append("net")
    if missing:
        held = f"; its headers are {', '.join(map(repr, headers[:_SHOWN]))}" if headers else ""
        told = ",".join(f"{name}={_likely(name, headers)}" for name in missing)
        if (export := export_of(headers)) is not None:
            raise UsageError(
                f"{path}: its headers are those of an export that is known: 'cvo init {path}' writes the shop's file "
                f"that reads it (adapter: {export})"
            )
        raise UsageError(
            f"{path}: say which header means what, such as --columns {told}, or let 'cvo init {path}' find out{held}"
        )


def _likely(name: str, headers: Sequence[str]) -> str:
    """The header that is meant as far as its name tells; an example where none does."""
    roles = (name, "subtotal", "total", "line_total") if name == "net" else (name,)
    found = next((header for role in roles for header in headers_for(role, headers)), _EXAMPLES[name])
    return f'"{found}"' if "," in found else found


_EXAMPLES: Final[Mapping[str, str]] = {"customer_id": "Client", "ordered_at": "Date", "net": "Total"}


def _sentence(item: Any) -> str:
    place = place_of(item).removeprefix("source.")
    return f"{place}: {remedy(item)}" if place else remedy(item)
