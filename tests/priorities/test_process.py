"""A plan leaves the process alone, so that a server may make several at once."""

from __future__ import annotations

import os
import threading

import numpy as np
import pytest

from cvo_ml.priorities.allocation import allocate
from tests.priorities.test_allocation import shop

LINES = 3_000


def test_a_plan_touches_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a library must not redirect a descriptor of the process")

    problems = [shop(customers, seed=1, owed=True) for customers in (120, 2_000)]  # one program; prices, then a core
    with monkeypatch.context() as patched:
        patched.setattr(os, "dup2", refuse)
        patched.setattr(os, "dup", refuse)
        profits = [allocate(*problem).profit for problem in problems]
    assert min(profits) > 0


def test_what_another_thread_prints_meanwhile_is_not_lost(capfd: pytest.CaptureFixture[str]) -> None:
    plans: list[np.ndarray] = []

    def make_plans() -> None:
        plans.extend(allocate(*shop(120, seed)).choice for seed in range(4))

    threads = [threading.Thread(target=make_plans) for _ in range(2)]
    for thread in threads:
        thread.start()
    printed = 0
    while any(thread.is_alive() for thread in threads) or printed < LINES:
        os.write(1, f"line {printed}\n".encode())
        printed += 1
    for thread in threads:
        thread.join()
    lines = [line for line in capfd.readouterr().out.splitlines() if line.startswith("line ")]
    assert lines == [f"line {number}" for number in range(printed)]
    assert len(plans) == 8
