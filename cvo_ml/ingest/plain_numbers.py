"""Numbers that are none but numbers (of JSON, of a cell), as texts that the declared format reads in one way."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

_THREE_DECIMALS: Final = re.compile(r"[+-]?[1-9]\d{0,2}\.\d{3}")


def number_text(number: str, decimal: str) -> str:
    """A number with the declared decimal sign; a zero more where its digits could be thousands too.

    Examples
    --------
    >>> number_text("12.5", ","), number_text("1.125", "."), number_text("17850", ",")
    ('12,5', '1.1250', '17850')
    """
    if decimal == "," and "e" in number.lower() and len(number) < 30:
        value = Decimal(number)
        number = f"{value:f}" if abs(value.adjusted()) < 30 else number
    text = number + "0" if _THREE_DECIMALS.fullmatch(number) else number
    return text.replace(".", decimal)
