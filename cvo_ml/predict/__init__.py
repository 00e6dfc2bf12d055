"""Scoring: features and models in, the model columns of Scores out."""

from cvo_ml.predict.score import ModelSet, score

__all__ = ["ModelSet", "score"]
