"""Runs, registered versions and champions in MLflow, whose only importer this folder is."""

from cvo_ml.registry.tracking.tracker import CHALLENGER, CHAMPION, Tracker

__all__ = ["CHALLENGER", "CHAMPION", "Tracker"]
