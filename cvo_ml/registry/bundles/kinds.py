"""Which class rebuilds a bundle of each kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Final

from cvo_ml.core.errors import BundleError, UsageError
from cvo_ml.core.result import Json
from cvo_ml.features.fingerprint import described, feature_hash
from cvo_ml.features.own import OwnFeatures
from cvo_ml.models.protocol import Bundled, Parts
from cvo_ml.registry.bundles.bundle import Bundle
from cvo_ml.registry.bundles.own_features import own_features_of, with_own_features

#: Kind to class. Only what is named here can be built from a bundle.
KINDS: Final[Mapping[str, str]] = {
    "clv.bg_nbd_gamma_gamma": "cvo_ml.models.clv.scorers:BuyTillYouDie",
    "clv.mbg_nbd_gamma_gamma": "cvo_ml.models.clv.scorers:ModifiedBuyTillYouDie",
    "clv.pareto_nbd_gamma_gamma": "cvo_ml.models.clv.scorers:ParetoBuyTillYouDie",
    "clv.hybrid_hurdle_lightgbm": "cvo_ml.models.clv.hybrid:HybridLifetimeValue",
    "clv.formula": "cvo_ml.models.clv.baselines:Formula",
    "clv.last_period": "cvo_ml.models.clv.baselines:LastPeriod",
    "churn.lightgbm": "cvo_ml.models.churn:ChurnClassifier",
    "churn.hazard_lightgbm": "cvo_ml.models.churn:HazardChurn",
    "churn.logistic": "cvo_ml.models.churn:LogisticChurn",
    "churn.recency_logistic": "cvo_ml.models.churn:RecencyChurn",
    "icp.lightgbm": "cvo_ml.models.icp:LookalikeClassifier",
    "icp.pu_lightgbm": "cvo_ml.models.icp:PositiveUnlabelled",
    "icp.first_order_value": "cvo_ml.models.icp:FirstOrderValue",
    "icp.source_rate": "cvo_ml.models.icp:SourceRate",
}


def bundle_of(
    name: str,
    model: Bundled,
    settings: Mapping[str, Json],
    facts: Mapping[str, object] | None = None,
    own: OwnFeatures | None = None,
) -> Bundle:
    """The bundle of a fitted model, with the hash of what its columns mean.

    Parameters
    ----------
    own:
        Features of the user's own; those that the model reads come along.
    """
    parts = model.to_parts()
    features = {"features": list(model.columns), "feature_hash": _meaning(model.columns, own or OwnFeatures())}
    facts = {**features, **(facts or {})}
    bundle = Bundle(name, model.kind, parts.parameters, dict(settings), dict(parts.files), facts)
    return bundle if own is None else with_own_features(bundle, own)


def changed_features(bundle: Bundle) -> str | None:
    """A sentence if what the bundle's features mean has changed since it was trained, else None."""
    then = bundle.facts.get("feature_hash")
    now = _meaning(bundle.facts.get("features", ()), own_features_of(bundle))
    if then in (None, now):
        return None
    return (
        f"{bundle.name}: how its features are computed has changed since version {bundle.version} was trained "
        f"(feature hash {then}, now {now}): its scores may be off, run 'cvo train {bundle.name}' again"
    )


def model_of(bundle: Bundle) -> Bundled:
    """The fitted model in a bundle, parsed anew at each call: whoever asks it more than once loads it once
    (``cvo_ml.registry.bundles.loaded``).

    Raises
    ------
    BundleError
        If the kind is unknown or the parts do not make such a model.
    """
    if bundle.kind not in KINDS:
        raise BundleError(f"{bundle.name}: kind {bundle.kind!r} is unknown: update cvo-ml or train again")
    module, _, name = KINDS[bundle.kind].partition(":")
    kind = getattr(import_module(module), name)
    try:
        model = kind.from_parts(Parts(bundle.parameters, bundle.files))
    except (KeyError, TypeError, ValueError, UsageError) as error:
        raise BundleError(f"{bundle.name}: parameters do not make a {bundle.kind} ({error}): train again") from error
    assert isinstance(model, Bundled)
    return model


def _meaning(columns: Sequence[str], own: OwnFeatures) -> str:
    """The hash of what the columns mean; the user's own count by their file, those that the caller brings by name."""
    brought = set(columns) - set(described(columns))
    return feature_hash(columns, {name: own.meaning(name) if name in own.kinds else () for name in brought})
