"""Scoring: features and models in, the model columns of Scores out."""

from cvo_ml.predict.loaded import LoadedModels
from cvo_ml.predict.score import score

__all__ = ["LoadedModels", "score"]
