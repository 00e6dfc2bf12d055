"""The zone whose days are the shop's: given, or told by the offsets that its times are written with."""

from __future__ import annotations

import re
from typing import Final

import pandas as pd

from cvo_ml.ingest.look.dates import Reading
from cvo_ml.ingest.look.findings import FoundOut
from cvo_ml.ingest.look.grid import FoundColumn

#: Zones by which offsets are told, a place for each rule of changing the clock.
_ZONES: Final = (
    "Europe/London", "Europe/Berlin", "Europe/Helsinki", "America/New_York", "America/Chicago", "America/Denver",
    "America/Los_Angeles", "America/Halifax", "Australia/Sydney", "Australia/Adelaide", "Pacific/Auckland",
    "America/Phoenix", "America/Sao_Paulo", "Asia/Tokyo", "Asia/Shanghai", "Asia/Kolkata", "Asia/Dubai",
    "Europe/Istanbul", "Australia/Brisbane", "Australia/Perth", "Africa/Johannesburg", "Africa/Lagos",
)  # fmt: skip
_OFFSET: Final = re.compile(r"([+-]\d{2}):?(\d{2})$|(Z|UTC|GMT)$")


def decide_zone(column: FoundColumn, reading: Reading | None, findings: FoundOut, given: str | None) -> None:
    """The zone whose days count: given, or told by the offsets that the times are written with."""
    if given is not None:
        findings.decide("timezone", given, "as --timezone says", {"timezone": given})
        return
    if reading is None:
        return
    offsets = [_minutes(text) for text in column.distinct]
    marked = [(place, minutes) for place, minutes in enumerate(offsets) if minutes is not None]
    if not marked:
        bare = reading.written.startswith("epoch")
        clocks = any(str(time)[11:19] not in ("", "00:00:00", "T") for time in reading.times[:1000])
        if not clocks:
            findings.decide("timezone", "UTC", f"{column.header!r} holds bare days, which no zone shifts")
        else:
            what = "counts since 1970, which are UTC" if bare else "times without a zone: they count as they stand"
            findings.decide(
                "timezone", "UTC", f"{column.header!r} holds {what}; --timezone Europe/Berlin names the shop's"
            )
        return
    if {minutes for _, minutes in marked} == {0}:
        findings.decide("timezone", "UTC", "all times are marked as UTC; --timezone names the zone whose days count")
        return
    found = _zone_of(marked, reading)
    seen = ", ".join(sorted({f"{minutes // 60:+03d}:{minutes % 60:02d}" for _, minutes in marked}))
    if found:
        findings.decide("timezone", found, f"the offsets ({seen}) are those of its clock", {"timezone": found})
    else:
        findings.decide("timezone", "UTC", f"offsets {seen} are of no one zone; --timezone names the shop's")


def _minutes(text: str) -> int | None:
    found = _OFFSET.search(text)
    if found is None or not re.search(r"\d:\d", text):
        return None
    if found[3]:
        return 0
    sign = -1 if found[1].startswith("-") else 1
    return int(found[1]) * 60 + sign * int(found[2])


def _zone_of(marked: list[tuple[int, int]], reading: Reading) -> str | None:
    places = [place for place, _ in marked]
    times = pd.Series(reading.times[places]).dt.tz_localize("UTC")
    offsets = pd.Series([minutes for _, minutes in marked])
    known = times.notna()
    for zone in _ZONES:
        local = times[known].dt.tz_convert(zone).dt.tz_localize(None)
        of_zone = (local - times[known].dt.tz_localize(None)).dt.total_seconds() / 60
        if (of_zone.to_numpy() == offsets[known].to_numpy()).all():
            return zone
    if offsets.nunique() == 1 and offsets[0] % 60 == 0:
        return f"Etc/GMT{-offsets[0] // 60:+d}"  # POSIX counts to the west
    return None
