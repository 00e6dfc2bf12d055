"""A table without dates, a vendor's leads and prospects, and a walk of one date answer as they did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.frozen import scenario
from tests.frozen.asserting import check, named, steps


@pytest.mark.parametrize(("step", "known"), steps("other"), ids=named)
def test_a_command_answers_as_it_was_frozen(step: scenario.Step, known: Mapping[str, Any] | None, ran: Any) -> None:
    check(step, known, ran("other"))
