"""Memory does not grow with the number of customers (the full run: benchmarks/simulate/memory.py)."""

import subprocess
import sys

import pytest

_WRITE = """
import resource, sys
from cvo_ml.simulate import write_shop
write_shop(sys.argv[1], "cdnow", int(sys.argv[2]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_peak_memory_of_two_million_customers_is_near_that_of_a_quarter_million(tmp_path):
    peaks = []
    for customers in (250_000, 2_000_000):
        place = tmp_path / str(customers)
        run = subprocess.run(
            [sys.executable, "-c", _WRITE, place, str(customers)], capture_output=True, text=True, check=True
        )
        peaks.append(int(run.stdout))
    assert peaks[1] < 1.3 * peaks[0]
