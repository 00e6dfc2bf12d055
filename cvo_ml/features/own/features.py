"""The own features of a model: which columns, from where, and what they were on any date."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import Final, Literal

import pandas as pd

from cvo_ml.core.errors import ConfigError, ModelRefused, nearest_name
from cvo_ml.core.tables import Tables
from cvo_ml.core.units import midnight
from cvo_ml.features.engine import Source, engine
from cvo_ml.features.leads import as_numbers
from cvo_ml.features.order_relations import KEYS
from cvo_ml.features.own.answers import ask, verify
from cvo_ml.features.own.file import NOBODY, PREFIX, FeatureFile, OwnFunction, Trust, functions_of
from cvo_ml.features.own.rows import CUSTOMERS, KnownRows, dated_rows, is_dated
from cvo_ml.features.profile_columns import NOT_A_PROFILE

#: What a column of ``customers`` begins with among the features.
PROFILE: Final = "profile."
NUMBER: Final = "number"
CATEGORY: Final = "category"
Kind = Literal["number", "category"]
#: Signs that trees cannot have in a name.
_NAME: Final = re.compile(r'[^\s",:{}\[\]]+')
#: Categories that are as good as names: more levels than this, and than this share of the customers.
MOST_LEVELS: Final = 30
NAMING_SHARE: Final = 0.2
#: A level of fewer customers than this is missing: a bundle must not tell of one person.
FEWEST_OF_A_LEVEL: Final = 5
#: Words in a column or its values that tell what became of a customer, or of a whole life.
_END: Final = r"churn|cancel|closed|ended|inactive|deactivat|terminat|unsubscrib|dormant|lapsed|defunct"
_WHOLE_LIFE: Final = r"lifetime|(?:^|_)total|(?:^|_)last_|(?:^|_)status$"
_TELLING_NAME: Final = re.compile(f"{_END}|{_WHOLE_LIFE}", re.IGNORECASE)
_TELLING_VALUE: Final = re.compile(rf"^(?:{_END})", re.IGNORECASE)


@dataclass(frozen=True, eq=False)
class OwnFeatures:
    """What a model reads of a shop beyond the catalogue.

    Parameters
    ----------
    profile:
        Columns of ``customers``, such as ``profile.loyalty_level``.
    file:
        The file of functions; None where there is none.
    trust:
        Whose code may run.
    declared:
        Columns of ``customers`` that were filled in early, as the data's owner says.
    kinds:
        Number or category, by column, as training found them; a column that is not here is looked at.
    whose:
        Who brings them, for sentences: a job, or a model's version.
    acknowledged:
        Columns whose name or values sound as if they told what became of a customer, and do not.
    """

    profile: tuple[str, ...] = ()
    file: FeatureFile | None = None
    trust: Trust = NOBODY
    declared: tuple[str, ...] = ()
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    whose: str = "the job"
    acknowledged: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.profile) or self.file is not None

    @cached_property
    def functions(self) -> tuple[OwnFunction, ...]:
        """The functions of the file, which is run here, once, if it is trusted.

        Raises
        ------
        ModelRefused
            If it is not.
        ConfigError
            If it is no Python, fails or declares nothing.
        """
        return () if self.file is None else functions_of(self.file, self.trust, self.whose)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """All columns, those of customers first; those that training kept where it has been."""
        return tuple(self.kinds) or (*self.profile, *(function.column for function in self.functions))

    def at(self, source: Source, dates: Sequence[date]) -> pd.DataFrame:
        """The columns at each date, indexed by ``as_of, customer_id``: numbers as float64, categories as str.

        Raises
        ------
        ModelRefused
            If the file is not trusted.
        UsageError
            If a function does not answer as it should.
        """
        with engine(source) as opened:
            rows = self._known_rows(opened.tables)
            days = [self._on(rows, day).assign(as_of=midnight(day)) for day in dates]
        frame = pd.concat(days).rename_axis("customer_id").reset_index().set_index(list(KEYS))
        return pd.DataFrame({name: self._as_kind(frame, name) for name in self.columns}, index=frame.index)

    def prepare(self, tables: Tables, day: date) -> None:
        """Refuse, before anything is learnt, what cannot be a feature of this shop.

        Parameters
        ----------
        day:
            At which the functions are tried.

        Raises
        ------
        ConfigError
            If a column or table is not there, describes nobody, or names people.
        ModelRefused
            If a column tells what became of a customer.
        UsageError
            If a function fails, or answers otherwise when asked again.
        """
        check_profile(tables, self.profile, self.whose, self.acknowledged)
        rows = self._known_rows(tables)
        for function in self.functions:
            absent = [name for name in function.declaration.reads if name not in tables]
            if absent:
                raise function.wrong(
                    f"reads {absent[0]!r}, a table that this shop does not have: its tables are "
                    f"{', '.join(sorted(tables.frames))}"
                )
            verify(function, rows, day)

    def found(self, frame: pd.DataFrame) -> OwnFeatures:
        """The same with the kind of each column as ``frame`` holds them.

        Raises
        ------
        ConfigError
            If a category has so many levels that it names people.
        """
        kinds: dict[str, Kind] = {}
        for name in self.columns:
            kinds[name] = NUMBER if frame[name].dtype.kind == "f" else CATEGORY
            if kinds[name] == CATEGORY:
                self._refuse_names(name, frame[name])
        return replace(self, kinds=kinds)

    def provenance(self, tables: Tables) -> dict[str, str]:
        """Where each column comes from, for the leak gate; a column of customers without times is not here."""
        customers = tables.get(CUSTOMERS)
        dated = {
            name: "customers, known_at of each row" if dated_rows(customers) else "known_at of each value"
            for name in self.profile
            if is_dated(customers, name.removeprefix(PROFILE))
        }
        return dated | {
            function.column: f"{function.file.name}: {', '.join(function.declaration.reads)}"
            for function in self.functions
        }

    def meaning(self, name: str) -> tuple[str, ...]:
        """What makes a column, for the hash of the features."""
        source = self.file.sha256 if self.file is not None and name.startswith(PREFIX) else CUSTOMERS
        return (source, self.kinds.get(name, ""))

    def reads(self, columns: Sequence[str]) -> OwnFeatures:
        """What of these a model with ``columns`` reads; the file comes along only if one of its functions is read."""
        read = [name for name in self.columns if name in columns]
        file = self.file if any(name.startswith(PREFIX) for name in read) else None
        profile = tuple(name for name in read if name.startswith(PROFILE))
        return replace(self, profile=profile, file=file, kinds={name: self.kinds[name] for name in read})

    def _known_rows(self, tables: Tables) -> KnownRows:
        # a column that the job names is read, and whether it may be is the leak gate's question
        return KnownRows(tables, (*self.declared, *(name.removeprefix(PROFILE) for name in self.profile)))

    def _on(self, rows: KnownRows, day: date) -> pd.DataFrame:
        customers = rows.customers(day)
        known = customers.set_index(customers["customer_id"].astype("str")) if len(customers) else pd.DataFrame()
        parts = {
            name: known[column]
            for name in self.profile
            if name in self.columns and (column := name.removeprefix(PROFILE)) in known
        }
        parts |= {each.column: ask(each, rows, day) for each in self.functions if each.column in self.columns}
        return pd.DataFrame(parts).reindex(columns=list(self.columns)).rename_axis("customer_id")

    def _as_kind(self, frame: pd.DataFrame, name: str) -> pd.Series:
        values = frame[name]
        kind = self.kinds.get(name) or (NUMBER if _holds_numbers(frame, name) else CATEGORY)
        if kind == CATEGORY:
            return values.astype("str")
        if pd.api.types.is_string_dtype(values.dtype) or values.dtype == object:
            values = pd.to_numeric(values, errors="coerce")
        return values.astype("float64")

    def _refuse_names(self, name: str, values: pd.Series) -> None:
        levels = int(values.nunique())
        customers = values.index.get_level_values("customer_id").nunique()
        if levels > max(MOST_LEVELS, NAMING_SHARE * customers):
            raise ConfigError(
                f"{name}: has {levels:,} different texts for {customers:,} customers, so it names people and no kinds "
                "of them: leave it out, or map it to fewer values"
            )


def joined(tables: Source, dates: Sequence[date], index: pd.Index, own: Sequence[OwnFeatures]) -> pd.DataFrame:
    """The own columns of several models, for the rows of ``index`` (``as_of, customer_id``).

    Raises
    ------
    ModelRefused
        If two models call different features by one name.
    """
    parts: dict[str, pd.Series] = {}
    makers: dict[str, OwnFeatures] = {}
    for each in own:
        fresh = [name for name in each.columns if name not in makers]
        for name in each.columns:
            first = makers.setdefault(name, each)
            if first.meaning(name) != each.meaning(name):
                raise ModelRefused(
                    f"{first.whose} and {each.whose} carry different features called {name!r}: train both with one "
                    "file, or rename one",
                    reason_code="own_features_differ",
                )
        if fresh:
            found = each.at(tables, dates).reindex(index)
            parts |= {name: found[name] for name in fresh}
    return pd.DataFrame(parts, index=index)


def check_profile(tables: Tables, names: Sequence[str], job: str, acknowledged: Sequence[str] = ()) -> None:
    """Refuse what is no column of ``customers`` that describes them, or tells what became of them.

    Parameters
    ----------
    names:
        Such as ``profile.loyalty_level``.
    job:
        Whose settings name them.
    acknowledged:
        As for ``OwnFeatures``.

    Raises
    ------
    ConfigError
        With the columns that there are, the nearest first.
    ModelRefused
        With the reason code ``tells_the_outcome``.
    """
    customers = tables.get(CUSTOMERS)
    fit = [str(name) for name in customers if CUSTOMERS in tables and _describes(customers, str(name))]
    for name in names:
        column, where = name.removeprefix(PROFILE), f"{job}.more_features: {name!r}"
        there = ", ".join(_nearest_first(column, fit)) or "none"
        if not name.startswith(PROFILE):
            raise ConfigError(f"{where}: write profile.<column>, a column of customers; there are {there}")
        if column not in customers or CUSTOMERS not in tables:
            raise ConfigError(
                f"{where}: customers has no column {column!r}{nearest_name(column, fit)}; its profile columns are "
                f"{there}: name one, or declare it under 'profile' of the shop file"
            )
        if column not in fit:
            raise ConfigError(
                f"{where}: is an id, a time or a permission, which describes nobody: name another column ({there}), or "
                "write a function of it (churn.features)"
            )
        if not _NAME.fullmatch(column):
            raise ConfigError(
                f"{where}: a feature's name has neither spaces nor , : \" [ ] {{ }}: map the column under a plain name "
                "in the shop file"
            )
        if not is_dated(customers, column) and not {name, column} & set(acknowledged):
            _refuse_telling(column, customers[column])


def without_rare(values: pd.Series) -> pd.Series:
    """Categories whose levels of very few customers are missing; indexed by ``as_of, customer_id``."""
    people = values.index.get_level_values("customer_id")
    counts = pd.Series(people, index=values.to_numpy()).groupby(level=0).nunique()
    return values.where(values.isin(counts.index[counts >= FEWEST_OF_A_LEVEL]))


def _describes(customers: pd.DataFrame, name: str) -> bool:
    is_time = customers[name].dtype.kind == "M" or name.endswith("_known_at")
    return name not in NOT_A_PROFILE and not is_time


def _refuse_telling(column: str, values: pd.Series) -> None:
    """Refuse today's value of what became of a customer: declaring it cannot make it known earlier."""
    texts = values.dropna().astype("str") if not pd.api.types.is_numeric_dtype(values.dtype) else pd.Series(dtype="str")
    said = next((text for text in texts.unique()[:MOST_LEVELS] if _TELLING_VALUE.search(text)), None)
    if said is None and not _TELLING_NAME.search(column):
        return
    shown = f"customers.{column}" + (f" (with the value {said!r})" if said is not None else "")
    raise ModelRefused(
        f"leak gate: {shown} tells what became of a customer, as it stands today, and not what was known at an earlier "
        f"date: leave {PROFILE}{column} out, give the time of each value in a column {column}_known_at, or name it "
        "under leaks.acknowledged if it does not",
        reason_code="tells_the_outcome",
    )


def _holds_numbers(frame: pd.DataFrame, name: str) -> bool:
    if pd.api.types.is_numeric_dtype(frame[name].dtype):
        return True
    return name in as_numbers(frame, [name]) or not frame[name].notna().any()


def _nearest_first(name: str, known: Sequence[str]) -> list[str]:
    from difflib import SequenceMatcher

    return sorted(known, key=lambda each: (-SequenceMatcher(None, name.lower(), each.lower()).ratio(), each))
