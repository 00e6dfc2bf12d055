"""Edges that stay as they were cut, so that nobody changes group because others did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.core.errors import BundleError
from cvo_ml.core.result import Json, Result
from cvo_ml.registry.bundles.bundle import load_bundle, save_bundle
from cvo_ml.segments.rules.edges import EdgeOrigin, SegmentEdges, fit_edges

NONE_FROZEN: Final = "none were frozen"


@dataclass(frozen=True)
class EdgesInForce(Result):
    """The edges that a run's groups were assigned by, as its manifest keeps them.

    Parameters
    ----------
    how:
        ``frozen``, or ``cut: `` and why.
    """

    edges: SegmentEdges
    version: str
    cut_as_of: str
    how: str

    def to_json(self) -> dict[str, Json]:
        """The fields of the edges beside the others."""
        return {**self.edges.to_json(), "version": self.version, "cut_as_of": self.cut_as_of, "how": self.how}

    @classmethod
    def from_json(cls, values: Mapping[str, Json]) -> EdgesInForce | None:
        """Rebuild from what ``to_json`` gave; None where an earlier version wrote less."""
        names = set(SegmentEdges.__dataclass_fields__)
        if not names <= set(values):
            return None
        edges = SegmentEdges.from_json({name: values[name] for name in names})
        version, cut_as_of, how = (values.get(name) for name in ("version", "cut_as_of", "how"))
        return cls(edges, str(version or edges.version), str(cut_as_of or ""), str(how or ""))


@dataclass(frozen=True)
class ChosenEdges:
    """Edges with what they were cut from, and how they came about in this run.

    Parameters
    ----------
    origin:
        What the run that cut them cut them from.
    how:
        ``frozen``, or ``cut: `` and why.
    keep:
        Whether to store them for later runs.
    """

    edges: SegmentEdges
    origin: EdgeOrigin
    how: str
    keep: bool

    def instead_of(self, earlier: date | None) -> ChosenEdges:
        """The same, saying so where those of an earlier run should have been there and are gone."""
        if earlier is None or self.how != f"cut: {NONE_FROZEN}":
            return self
        return replace(self, how=f"cut: the frozen ones are gone, which were in force on {earlier}")

    @property
    def in_force(self) -> EdgesInForce:
        """What a manifest says of them."""
        return EdgesInForce(self.edges, self.edges.version, str(self.origin.cut_as_of), self.how)

    def save(self, folder: Path) -> None:
        """Store the edges as a bundle where they are to be kept."""
        if self.keep:
            save_bundle(self.edges.bundle(self.origin), folder)


def choose_edges(
    rfm: pd.DataFrame,
    policy: SegmentPolicy,
    folder: Path | None,
    *,
    shop: str,
    currency: str,
    as_of: date,
    recut: bool = False,
) -> ChosenEdges:
    """The frozen edges in ``folder``, or new ones.

    New ones are cut where there are none, when the policy says ``recut`` or its cuts, groups or tiers changed, for
    another shop or currency, and for a date before the frozen ones were cut: those would know the future there. The
    last are not kept.

    Parameters
    ----------
    folder:
        Of the bundle; None = nothing is frozen.
    recut:
        Cut anew on demand.

    Raises
    ------
    BundleError
        If the bundle in ``folder`` is damaged.
    """
    origin = EdgeOrigin(shop, currency, as_of, len(rfm), policy.cutting())
    kept = None if folder is None else _kept(folder)
    why = "recut on demand" if recut or policy.edges == "recut" else _why_not(kept, origin, rfm)
    if kept is not None and why is None:
        edges, then = kept
        return ChosenEdges(edges, then, "frozen", keep=False)
    # edges of nobody, or of an earlier date, must not bind later runs
    keep = len(rfm) > 0 and (kept is None or kept[1].cut_as_of <= as_of)
    return ChosenEdges(fit_edges(rfm, policy), origin, f"cut: {why}", keep=keep)


def _why_not(kept: tuple[SegmentEdges, EdgeOrigin] | None, origin: EdgeOrigin, rfm: pd.DataFrame) -> str | None:
    """Why the kept edges do not serve; None if they do."""
    if kept is None:
        return NONE_FROZEN
    edges, then = kept
    if (then.shop, then.currency) != (origin.shop, origin.currency):
        return f"the frozen ones are of {then.shop} in {then.currency}"
    if then.policy != origin.policy:
        return "the policy changed"
    if then.cut_as_of > origin.cut_as_of:
        return f"the frozen ones are of {then.cut_as_of} and know what came later"
    if edges.tier_basis == "margin" and "margin" not in rfm:
        return "the frozen tiers hold margins, and not every order has its cost"
    return None


def _kept(folder: Path) -> tuple[SegmentEdges, EdgeOrigin] | None:
    if not folder.exists():
        return None
    remedy = f"run 'cvo segment --recut', or delete {folder}"
    try:
        bundle = load_bundle(folder)
        return SegmentEdges.from_json(bundle.parameters), _origin(bundle.facts)
    except (BundleError, KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{folder}: the frozen edges cannot be read ({error}): {remedy}") from None


def _origin(facts: Mapping[str, Any]) -> EdgeOrigin:
    cut_as_of = date.fromisoformat(str(facts["cut_as_of"]))
    return EdgeOrigin(str(facts["shop"]), str(facts["currency"]), cut_as_of, int(facts["customers"]), facts["policy"])
