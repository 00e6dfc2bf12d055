"""Why somebody is not on a seed list, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: by the reason of ``crm.audiences``
LEFT_OUT: Final[Mapping[str, str]] = {
    "no_address": "without an e-mail address",
    "no_consent": "without consent, or with the address of one who refused it",
    "opted_out": "opted out of profiling, or with the address of one who did",
    "no_value": "without a value in the current run",
    "address_listed_already": "with the address of a more valuable customer",
    "below_the_top": "less valuable",
}
