"""The models to score with, each parsed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from cvo_ml.features.own import OwnFeatures, Trust
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.loaded import LoadedModel, load_model


@dataclass(frozen=True, eq=False, repr=False)
class LoadedModels:
    """What scores: models by name; one that is not here has a reason instead. Threads may share it.

    Parameters
    ----------
    models:
        By registered name.
    refused:
        Why a model is absent: a short code, such as ``too_few_repeat_buyers``.
    notes:
        What to say of the models beside the scores, such as who stands in for whom.

    Examples
    --------
    >>> from cvo_ml.core.models import CHURN
    >>> LoadedModels(refused={CHURN.name: "no_closed_window"}).reason(CHURN.name)
    'no_closed_window'
    """

    models: Mapping[str, LoadedModel] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "models", MappingProxyType(dict(self.models)))
        object.__setattr__(self, "refused", MappingProxyType(dict(self.refused)))

    @classmethod
    def of(cls, *bundles: Bundle, refused: Mapping[str, str] | None = None) -> LoadedModels:
        """Parse each bundle.

        Raises
        ------
        BundleError
            If one makes no model.
        """
        return cls({bundle.name: load_model(bundle) for bundle in bundles}, refused or {})

    @property
    def own(self) -> tuple[OwnFeatures, ...]:
        """The features of the user's own that the models read."""
        return tuple(model.own for model in self.models.values() if model.own)

    def trusting(self, trust: Trust) -> LoadedModels:
        """The same models, whose own features may run where ``trust`` says so.

        Raises
        ------
        ModelRefused
            If a model carries code that it does not trust.
        """
        for own in self.own:
            if own.file is not None:
                trust.check(own.file, own.whose)
        return replace(self, models={name: model.trusting(trust) for name, model in self.models.items()})

    def get(self, name: str) -> LoadedModel | None:
        """The model, or None if it is absent."""
        return self.models.get(name)

    def reason(self, name: str) -> str:
        """Why the model ``name`` is absent."""
        return self.refused.get(name, "not_trained")

    def __contains__(self, name: object) -> bool:
        return name in self.models

    def __repr__(self) -> str:
        shops = {str(model.bundle.facts.get("shop", "")) for model in self.models.values()} - {""}
        lines = [f"Models of {', '.join(sorted(shops))}" if shops else "Models"]
        for name, model in self.models.items():
            day = model.bundle.facts.get("trained_as_of")
            trained = f", trained on data to {day}" if day else ""
            lines.append(f"  {name}: {model.kind}, version {model.version}, grade {model.grade}{trained}")
        lines += [f"  {name}: none ({reason})" for name, reason in self.refused.items()]
        return "\n".join(lines)
