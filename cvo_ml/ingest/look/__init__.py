"""Look at a stranger's files: what each decision about them rests on, and which need an answer."""

from cvo_ml.ingest.look.findings import Decision, FoundOut, OpenQuestion
from cvo_ml.ingest.look.shop import Given, Look, look_at
from cvo_ml.ingest.look.yaml_text import shop_text

__all__ = ["Decision", "FoundOut", "Given", "Look", "OpenQuestion", "look_at", "shop_text"]
