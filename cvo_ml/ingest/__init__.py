"""Orders in: strict reading of a shop's source into checked tables, with an account of every row."""

from __future__ import annotations

from cvo_ml.ingest.raw import SourceFile
from cvo_ml.ingest.reader import ReadResult, read_frame, read_shop, refuse_after
from cvo_ml.ingest.sample import sample_shop
from cvo_ml.ingest.shop_from_columns import headers_at, shop_from_columns

__all__ = ["ReadResult", "SourceFile", "headers_at", "read_frame", "read_shop", "refuse_after", "sample_shop",
           "shop_from_columns"]  # fmt: skip
