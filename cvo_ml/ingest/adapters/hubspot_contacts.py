"""HubSpot's contacts: the export of a view or list (CSV, Excel), and the objects of its API (JSON).

* ``customers`` (by ``Record ID``, or ``Email`` where the orders use it) and ``leads``: who somebody is. What HubSpot
  writes once somebody bought (lifecycle stage, scores, revenue, number of deals) is no field of either.
* **Consent** is yes only where ``Marketing contact status`` says so and nothing forbids it: unsubscribed from all
  email, a hard bounce, a quarantined address, or an opt-in that was not confirmed. That nobody unsubscribed is no
  consent: without the status, all that is said is no.
* ``touchpoints``: the first and the latest visit with their traffic source, form submissions (first and recent
  conversion) and clicks in marketing emails (first and last), each at its own time; HubSpot keeps no others on a
  contact. Opens are none: mail programs open by themselves. Offline sources touched nobody: they say that a record was
  imported or typed in.
* A source's drill-downs are its campaign, site or term, by the table of HubSpot's documentation.
* Times are those of whoever exported, without a zone; the API's are UTC.

Sources: https://knowledge.hubspot.com/properties/understand-source-properties; marketing contacts:
https://knowledge.hubspot.com/records/marketing-contacts; properties:
https://knowledge.hubspot.com/properties/hubspots-default-contact-properties.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from cvo_ml.config.shops import ShopConfig
from cvo_ml.ingest.adapters.adapter import Adapter, Parts
from cvo_ml.ingest.adapters.hubspot_objects import labelled_rows
from cvo_ml.ingest.adapters.row_texts import any_of, first_listed, of_rows, texts_of, with_columns
from cvo_ml.ingest.raw import RawTable
from cvo_ml.ingest.sources.json_lines import JsonObjects

#: Columns that are made of the original source and its drill-downs.
CHANNEL, CAMPAIGN = "acquisition channel", "acquisition campaign"
_ID, _EMAIL, _CREATED, _SEEN = "Record ID", "Email", "Create Date", "Time First Seen"
_SOURCE, _LATEST = "Original Traffic Source", "Latest Traffic Source"
_COMPANY, _BECAME = "Associated Company IDs", "Became a"
_MARKETING: Final = "Marketing contact status"
_OPTED_OUT, _BOUNCED = "Unsubscribed from all email", "Email hard bounce reason"
_QUARANTINED, _CONFIRMED = "Email Address Quarantined", "Marketing email confirmation status"
_DRILL_DOWNS: Final = (" Drill-Down 1", " Drill-Down 2")
#: Traffic source to what its two drill-downs are.
_MEANS: Final[Mapping[str, tuple[str | None, str | None]]] = {
    "organic search": (None, "source"),
    "paid search": ("campaign", None),
    "email marketing": ("campaign", None),
    "organic social": ("source", "campaign"),
    "social media": ("source", "campaign"),
    "paid social": ("source", "campaign"),
    "referrals": ("source", None),
    "other campaigns": ("campaign", "source"),
}
_OFFLINE: Final = ("offline sources", "offline")
_CHANNELS: Final = {"direct traffic": "direct", "social media": "organic social"}

_SIDES: Final[dict[str, dict[str, Any]]] = {
    "customers": {
        "columns": {
            "customer_id": _ID,
            "created_at": _CREATED,
            "country": "Country/Region",
            "region": "State/Region",
            "city": "City",
            "acquisition_channel": CHANNEL,
            "acquisition_campaign": CAMPAIGN,
            "marketing_consent": _MARKETING,
            "account_id": _COMPANY,
        },
    },
    "leads": {
        "columns": {
            "lead_id": _ID,
            "created_at": _CREATED,
            "mql_at": f"{_BECAME} Marketing Qualified Lead Date",
            "sql_at": f"{_BECAME} Sales Qualified Lead Date",
        },
        "profile": {
            "country": "Country/Region",
            "region": "State/Region",
            "city": "City",
            "job_title": "Job Title",
            "industry": "Industry",
            "employees": "Number of Employees",
            "acquisition_channel": CHANNEL,
        },
    },
    "touchpoints": {
        "columns": {
            "lead_id": _ID,
            "at": _SEEN,
            "channel": _SOURCE,
            "source": "source of touch",
            "campaign": "campaign of touch",
            "kind": "kind of touch",
        }
    },
}
#: Label to the property's internal name and to labels of other versions.
PROPERTIES: Final[Mapping[str, tuple[str, ...]]] = {
    _ID: ("hs_object_id", "Contact ID", "Record ID - Contact"),
    _EMAIL: ("email",),
    _CREATED: ("createdate",),
    "Country/Region": ("country", "Country"),
    "State/Region": ("state", "State"),
    "City": ("city",),
    _COMPANY: (
        "Associated Company IDs (Primary)",
        "Primary Associated Company ID",
        "associatedcompanyid",
        "Associated Company ID",
        "associations.companies",
    ),
    f"{_BECAME} Marketing Qualified Lead Date": ("hs_lifecyclestage_marketingqualifiedlead_date",),
    f"{_BECAME} Sales Qualified Lead Date": ("hs_lifecyclestage_salesqualifiedlead_date",),
    "Job Title": ("jobtitle",),
    "Industry": ("industry",),
    "Number of Employees": ("numemployees", "Number of employees"),
    _SEEN: ("hs_analytics_first_timestamp",),
    _SOURCE: ("hs_analytics_source", "Original Source", "Original Source Type"),
    f"{_SOURCE} Drill-Down 1": ("hs_analytics_source_data_1", "Original Source Drill-Down 1", "Original Source Data 1"),
    f"{_SOURCE} Drill-Down 2": ("hs_analytics_source_data_2", "Original Source Drill-Down 2", "Original Source Data 2"),
    f"{_LATEST} Date": ("hs_latest_source_timestamp", "Latest Source Date"),
    _LATEST: ("hs_latest_source", "Latest Source"),
    f"{_LATEST} Drill-Down 1": ("hs_latest_source_data_1", "Latest Source Drill-Down 1"),
    f"{_LATEST} Drill-Down 2": ("hs_latest_source_data_2", "Latest Source Drill-Down 2"),
    "First Conversion Date": ("first_conversion_date",),
    "First Conversion": ("first_conversion_event_name",),
    "Recent Conversion Date": ("recent_conversion_date",),
    "Recent Conversion": ("recent_conversion_event_name",),
    "First marketing email click date": ("hs_email_first_click_date",),
    "Last marketing email click date": ("hs_email_last_click_date",),
    _MARKETING: ("hs_marketable_status",),
    _OPTED_OUT: ("hs_email_optout", "Opted out of all email"),
    _BOUNCED: ("hs_email_hard_bounce_reason_enum", "hs_email_hard_bounce_reason"),
    _QUARANTINED: ("hs_email_quarantined",),
    _CONFIRMED: ("hs_emailconfirmationstatus", "Marketing email confirmation"),
}


def prepare(raw: RawTable, shop: ShopConfig) -> Parts:
    """Customers, leads and touchpoints of an export."""
    texts = texts_of(raw, tuple(PROPERTIES))
    again = texts.duplicated() & texts[_ID].notna()
    own = origin_of(texts)
    consent = {_MARKETING: _consent(texts)} if {_MARKETING, _OPTED_OUT} & raw.columns.keys() else {}
    declared = shop.tables.get("customers")
    by = declared.columns.get("customer_id", _ID) if declared is not None else _ID
    left_out = {"contact without an e-mail address": texts[_EMAIL].isna().to_numpy()} if by == _EMAIL else {}
    return {
        "customers": with_columns(raw, {**own, **consent, _COMPANY: first_listed(texts[_COMPANY])}, left_out),
        "leads": with_columns(raw, own, {}),
        "touchpoints": _touches(raw, texts[~again & ~any_of(raw)]),
    }


def unpack(objects: Sequence[JsonObjects], columns: Mapping[str, str], shop: ShopConfig) -> Parts:
    """Customers, leads and touchpoints of the API's objects."""
    return prepare(labelled_rows(objects, PROPERTIES, _NEEDED, columns.values()), shop)


def origin_of(texts: pd.DataFrame) -> dict[str, pd.Series]:
    """Where somebody came from first: the channel and the campaign that the original source names."""
    return {CHANNEL: _channel(texts[_SOURCE]), CAMPAIGN: _detail(texts, _SOURCE)[1]}


def _consent(texts: pd.DataFrame) -> pd.Series:
    """``yes`` or ``no`` of each contact."""
    asked = texts[_MARKETING].str.lower().isin(["true", "yes", "1", "marketing contact", "marketing"])
    forbidden = texts[_OPTED_OUT].str.lower().isin(["true", "yes", "1"]) | texts[_BOUNCED].notna()
    forbidden |= texts[_QUARANTINED].str.lower().isin(["true", "yes", "1"])
    forbidden |= texts[_CONFIRMED].str.lower().str.contains("pending|not confirmed|opted.out", regex=True, na=False)
    return (asked & ~forbidden).map({True: "yes", False: "no"})


def _touches(raw: RawTable, texts: pd.DataFrame) -> RawTable:
    """What touched each contact; a visit that is both the first and the latest is one."""
    first, latest = _visits(texts, _SOURCE, _SEEN, "first visit"), _visits(texts, _LATEST, f"{_LATEST} Date", "visit")
    forms = [_acts(texts, f"{which} Conversion", "website", "form") for which in ("First", "Recent")]
    clicks = [_acts(texts, f"{which} marketing email click", "email marketing", "click", date=" date")
              for which in ("First", "Last")]  # fmt: skip
    found = pd.concat([first, latest, *forms, *clicks]).dropna(subset=[_SEEN, _SOURCE])
    found = found[~found[_SOURCE].isin(_OFFLINE)]
    same = [_ID, _SEEN, _SOURCE]
    found = found[~found.duplicated(same)].sort_values(["row"], kind="stable")
    return of_rows(raw, found.pop("row").to_numpy(), {str(name): values for name, values in found.items()})


def _visits(texts: pd.DataFrame, source: str, at: str, kind: str) -> pd.DataFrame:
    site, campaign = _detail(texts, source)
    return _rows(texts, at, _channel(texts[source]), site, campaign, kind)


def _acts(texts: pd.DataFrame, what: str, channel: str, kind: str, date: str = " Date") -> pd.DataFrame:
    nothing = pd.Series(None, index=texts.index, dtype="str")
    form = texts.get(what, nothing)
    return _rows(texts, f"{what}{date}", pd.Series(channel, index=texts.index, dtype="str"), form, nothing, kind)


def _rows(
    texts: pd.DataFrame, at: str, channel: pd.Series, source: pd.Series, campaign: pd.Series, kind: str
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            _ID: texts[_ID], _SEEN: texts[at], _SOURCE: channel, "source of touch": source,
            "campaign of touch": campaign, "kind of touch": kind, "row": texts.index,
        }
    )  # fmt: skip


def _channel(source: pd.Series) -> pd.Series:
    """Traffic sources in plain words, whether written as labels or as internal values."""
    plain = source.str.lower().str.replace("_", " ")
    return plain.replace(_CHANNELS)


def _detail(texts: pd.DataFrame, source: str) -> tuple[pd.Series, pd.Series]:
    """The site and the campaign that a source's drill-downs name."""
    plain = texts[source].str.lower().str.replace("_", " ")
    found = {name: pd.Series(None, index=texts.index, dtype="str") for name in ("source", "campaign")}
    for place, drill_down in enumerate(_DRILL_DOWNS):
        means = plain.map({name: both[place] for name, both in _MEANS.items()})
        for name in found:
            found[name] = found[name].where(means != name, texts[f"{source}{drill_down}"])
    return found["source"], found["campaign"]


_NEEDED: Final = frozenset({_ID, _CREATED})
_MADE: Final = (CHANNEL, CAMPAIGN, "source of touch", "campaign of touch", "kind of touch")
ADAPTER: Final = Adapter(
    sides=_SIDES, reads=tuple(PROPERTIES), optional=frozenset({*PROPERTIES, *_MADE} - _NEEDED), spellings=PROPERTIES,
    prepare=prepare, ids={"customer_id": (_ID, _EMAIL)},
)  # fmt: skip
API: Final = Adapter(
    sides=_SIDES,
    reads=("properties.email", "properties.createdate"),
    unpack=unpack,
    ids={"customer_id": ("id", "properties.email"), "lead_id": ("id",)},
)
