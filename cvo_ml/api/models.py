"""Trained models, out of the registry or of an export."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cvo_ml.core.errors import NoChampion, UsageError
from cvo_ml.core.models import MODEL_NAMES, model_spec
from cvo_ml.core.workspace import Workspace
from cvo_ml.predict import LoadedModels
from cvo_ml.registry.bundles.export import is_export
from cvo_ml.workflows.serving_models import serving_models, shop_of


def load_models(
    folder: str | Path = "mlruns",
    *,
    shop: str | None = None,
    only: Sequence[str] = MODEL_NAMES,
    trust_code: bool = False,
) -> LoadedModels:
    """A shop's champions, each parsed once; threads may share them.

    Parameters
    ----------
    folder:
        Where ``cvo train`` registered them, or where ``cvo models export`` wrote them. If the environment names a
        tracking server (``MLFLOW_TRACKING_URI``), that one is asked in the registry's place.
    shop:
        Whose; None = the only one there.
    only:
        The models that are needed.
    trust_code:
        Run the features of the user's own that the models carry, whoever wrote them (docs/howto/own-features.md); else
        only what was trained in this very folder by this user.

    Returns
    -------
    LoadedModels
        By name; a model that is not there has a reason (``models.reason(name)``).

    Raises
    ------
    NoChampion
        If nothing was trained or exported there.
    ModelRefused
        If a model carries code that is not trusted here.
    BundleError
        If a model's files are damaged.
    UsageError
        If there are several shops and none is named, or a model has no such name.

    Examples
    --------
    >>> import cvo_ml as cvo
    >>> cvo.load_models("mlruns", shop="corner-shop")  # doctest: +ELLIPSIS
    Models of corner-shop
      clv: clv.bg_nbd_gamma_gamma, version ..., grade C, trained on data to 2023-03-01
      churn: churn.lightgbm, version ..., grade C, trained on data to 2023-03-01
      icp: icp.lightgbm, version ..., grade C, trained on data to 2023-03-01
    """
    if not isinstance(folder, str | Path):
        raise UsageError(f"load_models: takes the path of a folder, not {type(folder).__name__}")
    if "://" in str(folder):
        raise UsageError(f"{folder}: an address is given in the environment: MLFLOW_TRACKING_URI={folder}")
    names = [model_spec(name).name for name in ((only,) if isinstance(only, str) else only)]
    workspace = Workspace(Path(), Path(folder))
    try:
        if is_export(workspace.tracking):
            return serving_models(workspace, shop or "", only=names, exported=workspace.tracking, trust_code=trust_code)
        return serving_models(workspace, shop_of(workspace, shop), only=names, trust_code=trust_code)
    except NoChampion:
        if workspace.tracking.is_dir():
            raise
        raise NoChampion(
            f"load_models: there is no folder {folder}: name the one that 'cvo train --mlruns' filled"
        ) from None
