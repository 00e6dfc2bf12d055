"""The face that users of lifetimes 0.11 know, on these models: ``import cvo_ml.compat.lifetimes as lifetimes``.

Classes, functions, arguments and attributes have lifetimes' names and mean what they mean there. What is different, and
each is for the better:

* A fit is a maximum (Newton steps on exact derivatives), where lifetimes stops early or, for Pareto/NBD, stays where
  Nelder–Mead was lost. Where the data determine no parameters a fit is held by a weak prior and warns, where lifetimes
  raises ``ConvergenceError`` or gives numbers that mean nothing.
* Fewer than ten repeat customers are refused.
* ``standard_errors_`` come from the whole covariance; lifetimes scales its rows alone, so its matrix is not symmetric.
  Pareto/NBD has them too.
* Histories far from the data have an answer where a hypergeometric series overflows to inf or nan.
* ``conditional_expected_average_profit`` is the population mean for customers without repeat purchases, and never
  negative: where q <= 1 the population has no mean, and the observed one stands in with a warning.
* ``save_model`` writes JSON and ``load_model`` reads it: lifetimes' files are programs (dill), and are refused.
* Plots draw on the axes that they are given, and run on today's matplotlib and pandas.

``initial_params``, ``tol``, ``verbose``, ``maxiter`` and what else is for an optimizer change nothing, and say so once.
"""

from cvo_ml.compat.lifetimes.base import BaseFitter, ConvergenceWarning
from cvo_ml.compat.lifetimes.convert import from_lifetimes, to_lifetimes
from cvo_ml.compat.lifetimes.fitters import (
    BetaGeoBetaBinomFitter,
    BetaGeoFitter,
    GammaGammaFitter,
    ModifiedBetaGeoFitter,
    ParetoNBDFitter,
)

__all__ = [
    "BaseFitter",
    "BetaGeoBetaBinomFitter",
    "BetaGeoFitter",
    "ConvergenceWarning",
    "GammaGammaFitter",
    "ModifiedBetaGeoFitter",
    "ParetoNBDFitter",
    "from_lifetimes",
    "to_lifetimes",
]
