"""Runs, registered versions and champions in MLflow, whose only importer this folder is."""

from cvo_ml.registry.tracking.registered_models import CHALLENGER, CHAMPION, RegisteredModels
from cvo_ml.registry.tracking.tracker import Tracker

__all__ = ["CHALLENGER", "CHAMPION", "RegisteredModels", "Tracker"]
