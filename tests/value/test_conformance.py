"""The conformance suite over all analyses."""

from __future__ import annotations

import pytest

from cvo_ml.value import ANALYSES
from tests.value.conformance import Conformance


@pytest.mark.parametrize("name", list(ANALYSES))
class TestEveryAnalysis(Conformance):
    """Each of them."""
