"""Orders in: strict reading of a shop's source into checked tables, with an account of every row."""

from __future__ import annotations

from cvo_ml.transactions.declaring import shop_from_columns
from cvo_ml.transactions.raw import SourceFile
from cvo_ml.transactions.reader import ReadResult, read_frame, read_shop
from cvo_ml.transactions.sample import sample_shop

__all__ = ["ReadResult", "SourceFile", "read_frame", "read_shop", "sample_shop", "shop_from_columns"]
