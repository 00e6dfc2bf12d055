"""Job settings that cannot be meant are refused."""

import pytest
from pydantic import ValidationError

from cvo_ml.config.jobs import ChurnJob


@pytest.mark.parametrize("bands", [{}, {"low": 0.0}, {"low": 1.2}, {"low": 0.5, "middle": 0.5}, {"high": 0.5}])
def test_bands_are_distinct_edges_between_0_and_1(bands: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        ChurnJob(bands=bands)
