"""The channel of an arrival, by Google Analytics' default channel group, and which calls are one visit.

Google's rules for traffic that is tagged by hand, in its order, the first that fits
(https://support.google.com/analytics/answer/9756891). Its list of sources names some 800 sites; here stand the
best known of each kind, and a source is of that kind where one of its parts between dots is one of these names.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cvo_ml.core.arrays import Flags

UNASSIGNED: Final = "Unassigned"
#: A visit ends after so long without an event (https://support.google.com/analytics/answer/9191807).
VISIT_SECONDS: Final = 30 * 60

_SEARCH: Final = frozenset(
    {"google", "bing", "yahoo", "duckduckgo", "baidu", "yandex", "ecosia", "naver", "ask", "aol", "qwant", "lycos",
     "seznam", "daum", "sogou", "rambler"}
)  # fmt: skip
_SOCIAL: Final = frozenset(
    {"facebook", "fb", "instagram", "ig", "linkedin", "lnkd", "pinterest", "reddit", "twitter", "tiktok", "snapchat",
     "whatsapp", "telegram", "threads", "tumblr", "quora", "messenger", "weibo", "vk", "xing", "flickr", "meetup",
     "kakao", "line", "badoo"}
)  # fmt: skip
_SOCIAL_HOSTS: Final = frozenset({"t.co", "x.com", "out.reddit.com"})
_VIDEO: Final = frozenset(
    {"youtube", "vimeo", "dailymotion", "twitch", "netflix", "disneyplus", "hulu", "crackle", "iqiyi", "wistia"}
)
_SHOPPING: Final = frozenset(
    {"amazon", "ebay", "etsy", "alibaba", "walmart", "shopping", "google shopping", "igshopping", "shopify",
     "mercadolibre", "stripe"}
)  # fmt: skip
_PAID: Final = re.compile(r"^(.*cp.*|ppc|retargeting|paid.*)$")
_SHOPPING_CAMPAIGN: Final = re.compile(r"^(.*(([^a-df-z]|^)shop|shopping).*)$")
_DISPLAY: Final = frozenset({"display", "banner", "expandable", "interstitial", "cpm"})
_SOCIAL_MEDIA: Final = frozenset({"social", "social-network", "social-media", "sm", "social network", "social media"})
_EMAIL: Final = frozenset({"email", "e-mail", "e_mail", "e mail"})
_REFERRAL: Final = frozenset({"referral", "app", "link"})


@lru_cache(maxsize=4096)
def channel_of(source: str | None, medium: str | None, campaign: str | None) -> str:
    """The default channel group of an arrival.

    Examples
    --------
    >>> channel_of("google", "cpc", "spring"), channel_of("m.facebook.com", "referral", None)
    ('Paid Search', 'Organic Social')
    >>> channel_of("(direct)", "(none)", None), channel_of("partner", "odd", None)
    ('Direct', 'Unassigned')
    """
    origin, way, named = ((text or "").strip().casefold() for text in (source, medium, campaign))
    if origin == "(direct)" and way in ("(none)", "(not set)", ""):
        return "Direct"
    if "cross-network" in named:
        return "Cross-network"
    kind = _site(origin)
    shopping = kind == "Shopping" or bool(_SHOPPING_CAMPAIGN.match(named))
    if _PAID.match(way):
        if shopping:
            return "Paid Shopping"
        if kind in ("Search", "Social", "Video"):
            return f"Paid {kind}"
        return "Display" if way in _DISPLAY else "Paid Other"
    return _organic(origin, way, kind, shopping)


def _organic(origin: str, way: str, kind: str, shopping: bool) -> str:
    rules = (
        (way in _DISPLAY, "Display"),
        (shopping, "Organic Shopping"),
        (kind == "Social" or way in _SOCIAL_MEDIA, "Organic Social"),
        (kind == "Video" or "video" in way, "Organic Video"),
        (kind == "Search" or way == "organic", "Organic Search"),
        (way in _REFERRAL, "Referral"),
        (way in _EMAIL or origin in _EMAIL, "Email"),
        (way == "affiliate", "Affiliates"),
        (way == "audio", "Audio"),
        ("sms" in (way, origin), "SMS"),
        (way.endswith("push") or "mobile" in way or "notification" in way or origin == "firebase",
         "Mobile Push Notifications"),
    )  # fmt: skip
    return next((name for fits, name in rules if fits), UNASSIGNED)


def _site(origin: str) -> str:
    """What kind of site a source is; empty where it is none that is known."""
    if origin in _SOCIAL_HOSTS:
        return "Social"
    parts = {origin, *origin.split(".")}
    kinds = (("Shopping", _SHOPPING), ("Social", _SOCIAL), ("Video", _VIDEO), ("Search", _SEARCH))
    return next((kind for kind, sites in kinds if parts & sites), "")


def further_of_visit(
    who: NDArray[np.int64], what: NDArray[np.int64], time: NDArray[np.int64], rank: NDArray[np.int64]
) -> Flags:
    """(n,) the events that continue the visit of an earlier one: same person, same origin, within half an hour of it.

    Parameters
    ----------
    who, what:
        Hashes of the person and of the origin.
    time:
        In microseconds.
    rank:
        Of events at one time, the least is the arrival.
    """
    order = np.lexsort((rank, time, what, who))
    same = (np.diff(who[order]) == 0) & (np.diff(what[order]) == 0)
    near = np.diff(time[order]) <= VISIT_SECONDS * 1_000_000
    further = np.zeros(len(who), dtype=np.bool_)
    further[order[1:]] = same & near
    return further
