"""The life of a shop's models and scores: every command with --json answers as it did, and every refusal too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.frozen import scenario
from tests.frozen.asserting import check, named, steps


@pytest.mark.parametrize(("step", "known"), steps("shop"), ids=named)
def test_a_command_answers_as_it_was_frozen(step: scenario.Step, known: Mapping[str, Any] | None, ran: Any) -> None:
    check(step, known, ran("shop"))
