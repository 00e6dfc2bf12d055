"""What a training job hands over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cvo_ml.config.base import FrozenConfig
from cvo_ml.registry.bundles.bundle import Bundle
from training.evidence.window import EvaluationWindow


@dataclass(frozen=True)
class Trained:
    """The champion of a job, with the evidence for it.

    Parameters
    ----------
    bundle:
        The champion: the model, or its baseline where the model was not better (grade D).
    window:
        The window on which it meets the present champion.
    parameters, metrics:
        What the tracked run shows.
    figures:
        Name to a function that draws a matplotlib figure.
    notes:
        Sentences for people: fallbacks, what the grade rests on.
    documents, texts:
        Artifacts by name: JSON-ready mappings, and Markdown.
    job:
        What a search made of the job; None where it was trained as configured.
    """

    bundle: Bundle
    window: EvaluationWindow
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    figures: Mapping[str, Callable[[], Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    documents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    job: FrozenConfig | None = None
