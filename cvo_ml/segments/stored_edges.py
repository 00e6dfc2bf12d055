"""Edges that stay as they were cut, so that nobody changes group because others did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.core.errors import BundleError
from cvo_ml.registry.bundles.bundle import load_bundle, save_bundle
from cvo_ml.segments.edges import SegmentEdges, fit_edges


@dataclass(frozen=True)
class ChosenEdges:
    """Edges with what they were cut from, and how they came about in this run.

    Parameters
    ----------
    facts:
        ``shop, currency, cut_as_of, customers, policy`` of the run that cut them.
    how:
        ``frozen``, or ``cut: `` and why.
    keep:
        Whether to store them for later runs.
    """

    edges: SegmentEdges
    facts: Mapping[str, Any]
    how: str
    keep: bool

    def as_dict(self) -> dict[str, Any]:
        """What a manifest says of them."""
        return {
            **self.edges.as_dict(),
            "version": self.edges.version,
            "cut_as_of": self.facts["cut_as_of"],
            "how": self.how,
        }

    def save(self, folder: Path) -> None:
        """Store the edges as a bundle where they are to be kept."""
        if self.keep:
            save_bundle(self.edges.bundle(self.facts), folder)


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
    facts = {
        "shop": shop,
        "currency": currency,
        "cut_as_of": str(as_of),
        "customers": len(rfm),
        "policy": policy.cutting(),
    }
    kept = None if folder is None else _kept(folder)
    why = "recut on demand" if recut or policy.edges == "recut" else _why_not(kept, facts, rfm)
    if kept is not None and why is None:
        edges, kept_facts = kept
        return ChosenEdges(edges, kept_facts, "frozen", keep=False)
    # edges of nobody, or of an earlier date, must not bind later runs
    keep = len(rfm) > 0 and (kept is None or str(kept[1]["cut_as_of"]) <= str(as_of))
    return ChosenEdges(fit_edges(rfm, policy), facts, f"cut: {why}", keep=keep)


def _why_not(
    kept: tuple[SegmentEdges, Mapping[str, Any]] | None, facts: Mapping[str, Any], rfm: pd.DataFrame
) -> str | None:
    """Why the kept edges do not serve; None if they do."""
    if kept is None:
        return "none were frozen"
    edges, then = kept
    if (then["shop"], then["currency"]) != (facts["shop"], facts["currency"]):
        return f"the frozen ones are of {then['shop']} in {then['currency']}"
    if then["policy"] != facts["policy"]:
        return "the policy changed"
    if str(then["cut_as_of"]) > str(facts["cut_as_of"]):
        return f"the frozen ones are of {then['cut_as_of']} and know what came later"
    if edges.tier_basis == "margin" and "margin" not in rfm:
        return "the frozen tiers hold margins, and not every order has its cost"
    return None


def _kept(folder: Path) -> tuple[SegmentEdges, Mapping[str, Any]] | None:
    if not folder.exists():
        return None
    remedy = f"run 'cvo segment --recut', or delete {folder}"
    try:
        bundle = load_bundle(folder)
        facts = {name: bundle.facts[name] for name in ("shop", "currency", "cut_as_of", "customers", "policy")}
        return SegmentEdges.from_dict(bundle.parameters), facts
    except (BundleError, KeyError, TypeError) as error:
        raise BundleError(f"{folder}: the frozen edges cannot be read ({error}): {remedy}") from None
