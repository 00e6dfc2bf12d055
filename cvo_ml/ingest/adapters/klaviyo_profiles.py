"""Klaviyo's profiles as ``customers``: the export of a list or segment (CSV), and the objects of its API (JSON).

* A profile is known by its e-mail address; by ``Klaviyo ID`` or ``External ID`` where the orders use that. One without
  an address (SMS alone) is left out where addresses are the ids.
* **Consent** is yes where the status is subscribed and nothing suppresses the address. Never subscribed is no: such
  profiles came by buying, and Klaviyo may still send to them. Unsubscribed and suppressed (bounced, reported as spam,
  by hand) are no, whatever else stands there.
* Klaviyo's own predictions and sums (lifetime value, churn, orders so far) are read nowhere: they are what is to be
  computed, and what they are computed of is in the orders.
* The API gives consent only to whom asks for it (``additional-fields[profile]=subscriptions``); else none is said.

Statuses: https://developers.klaviyo.com/en/docs/collect_email_and_sms_consent_via_api; suppressed:
https://help.klaviyo.com/hc/en-us/articles/115005246108; export of a list:
https://help.klaviyo.com/hc/en-us/articles/115005078687; objects: https://developers.klaviyo.com/en/reference/get_profiles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.result import Json
from cvo_ml.ingest.adapters.adapter import Adapter, Parts, base_of, json_part
from cvo_ml.ingest.adapters.row_texts import texts_of, with_columns
from cvo_ml.ingest.raw import RawTable
from cvo_ml.ingest.sources.json_lines import JsonObjects, at

_EMAIL, _CONSENT, _SUPPRESSED = "Email", "Email Marketing Consent", "Email Suppressions"
_STATUSES: Final = {"subscribed": "yes", "neversubscribed": "no", "unsubscribed": "no"}
_NO_ADDRESS: Final = "profile without an e-mail address"
_SIDES: Final[dict[str, dict[str, Any]]] = {
    "customers": {
        "columns": {
            "customer_id": _EMAIL,
            "created_at": "Profile Created On",
            "country": "Country",
            "region": "State / Region",
            "city": "City",
            "marketing_consent": _CONSENT,
        },
    }
}
_SPELLINGS: Final[Mapping[str, tuple[str, ...]]] = {
    _EMAIL: ("Email Address", "email"),
    "Profile Created On": ("Profile created on", "Created On", "Created"),
    "State / Region": ("State/Region", "Region", "State"),
    _CONSENT: ("Email Consent", "Consent: Email", "Email marketing consent"),
    _SUPPRESSED: ("Email Suppressions (Global)", "Suppressed", "Email suppressions"),
}
_API_SIDES: Final[dict[str, dict[str, Any]]] = {
    "customers": {
        "columns": {
            "customer_id": "attributes.email",
            "created_at": "attributes.created",
            "country": "attributes.location.country",
            "region": "attributes.location.region",
            "city": "attributes.location.city",
            "marketing_consent": "consent to marketing by e-mail",
        },
    }
}
_MARKETING: Final = "attributes.subscriptions.email.marketing"


def prepare(raw: RawTable, shop: ShopConfig) -> Parts:
    """The customers of an export."""
    texts = texts_of(raw, (_EMAIL, _CONSENT, _SUPPRESSED))
    nothing = ["", "[]", "{}", "false", "no", "none"]
    suppressed = texts[_SUPPRESSED].notna() & ~texts[_SUPPRESSED].str.lower().isin(nothing)
    plain = texts[_CONSENT].str.lower().str.replace("[^a-z]", "", regex=True)
    consent = plain.map(_STATUSES).where(plain.isin(_STATUSES), texts[_CONSENT]).mask(suppressed, "no")
    written = {_CONSENT: consent} if {_CONSENT, _SUPPRESSED} & raw.columns.keys() else {}
    declared = shop.tables.get("customers")
    by = declared.columns.get("customer_id", _EMAIL) if declared is not None else _EMAIL
    left_out = {_NO_ADDRESS: texts[_EMAIL].isna().to_numpy()} if by == _EMAIL else {}
    return {"customers": with_columns(raw, written, left_out)}


def unpack(objects: Sequence[JsonObjects], columns: Mapping[str, str], shop: ShopConfig) -> Parts:
    """The customers of the API's objects."""
    base, found = base_of(objects)
    names = _API_SIDES["customers"]["columns"]
    items = [{**item, names["marketing_consent"]: _consent(item)} for item in found]
    left_out = {}
    if columns.get("customer_id") == names["customer_id"]:
        left_out[_NO_ADDRESS] = np.array([not at(item, names["customer_id"]) for item in found], dtype=np.bool_)
    part = json_part(base, items, list(columns.values()), left_out=left_out)
    asked = any(at(item, _MARKETING) is not None for item in found)
    kept = {header: values for header, values in part.columns.items() if asked or header != names["marketing_consent"]}
    note = "profiles do not say who consented: request them with additional-fields[profile]=subscriptions"
    return {"customers": replace(part, columns=kept, notes=() if asked else (note,))}


def _consent(profile: Mapping[str, Json]) -> str:
    """What the e-mail subscription of a profile says, ``yes`` or ``no``; an unknown status as it stands."""
    marketing = at(profile, _MARKETING)
    told: Mapping[str, Any] = marketing if isinstance(marketing, Mapping) else {}
    status = "".join(sign for sign in str(told.get("consent") or "never subscribed").lower() if sign.isalpha())
    if told.get("suppression") or told.get("suppressions") or told.get("can_receive_email_marketing") is False:
        return "no"
    return _STATUSES.get(status, str(told.get("consent")))


ADAPTER: Final = Adapter(
    sides=_SIDES,
    reads=(_SUPPRESSED,),
    optional=frozenset({"Country", "State / Region", "City", _CONSENT, _SUPPRESSED, "Profile Created On"}),
    spellings=_SPELLINGS,
    prepare=prepare,
    ids={"customer_id": (_EMAIL, "Klaviyo ID", "External ID")},
)
API: Final = Adapter(
    sides=_API_SIDES,
    reads=("attributes.email", "attributes.created"),
    unpack=unpack,
    ids={"customer_id": ("attributes.email", "id", "attributes.external_id")},
)
