"""The array types that the numerics speak of, once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Real numbers: money, rates, probabilities, days.
Floats = NDArray[np.float64]
#: Yes or no, one per row.
Flags = NDArray[np.bool_]
#: Whole numbers: counts, places, codes.
Ints = NDArray[np.int64]
#: Places of rows: what sorting and searching answer.
Places = NDArray[np.intp]
#: What happened, 0 or 1, in whatever type of numpy it comes.
Outcomes = NDArray[np.generic]
#: Python objects, such as texts of a column.
Objects = NDArray[np.object_]
#: Numbers of any kind, where both whole and real ones will do.
Numbers = NDArray[Any]
