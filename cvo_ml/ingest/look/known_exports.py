"""Exports that are known by their headers: those that have an adapter, and vendors whose words mean something else."""

from __future__ import annotations

from cvo_ml.ingest.adapters import ADAPTERS
from cvo_ml.ingest.look.grid import Grid


def adapter_for(grid: Grid) -> str | None:
    """The adapter that reads a table; None where none knows it."""
    for name, adapter in ADAPTERS.items():
        if adapter.recognises(grid.headers, grid.objects):
            return name
    return None
