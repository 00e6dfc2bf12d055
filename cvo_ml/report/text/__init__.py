"""All words for people: of models and money here, of plans, outcomes and evaluations in their own modules."""

from cvo_ml.report.text.models import evidence, money_words, reasons_in_words

__all__ = ["evidence", "money_words", "reasons_in_words"]
