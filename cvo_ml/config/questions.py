"""What a configuration leaves open: a question with its choices, each the settings that it stands for."""

from __future__ import annotations

from typing import Any

from pydantic import Field, ValidationError, model_validator

from cvo_ml.config.base import FrozenConfig
from cvo_ml.core.errors import nearest_name


class Question(FrozenConfig):
    """Something in a file that two people would read differently.

    Parameters
    ----------
    ask:
        The question, with what stands in the file.
    choices:
        Name of each reading to the settings that it stands for.
    rows:
        First rows that show it (1 = the first after the header).
    answer:
        The choice that was taken; None = open.
    """

    ask: str = Field(min_length=1)
    choices: dict[str, dict[str, Any]] = Field(min_length=2)
    rows: tuple[int, ...] = ()
    answer: str | None = None

    @model_validator(mode="after")
    def _known(self) -> Question:
        if self.answer is not None and self.answer not in self.choices:
            hint = nearest_name(self.answer, list(self.choices))
            raise ValueError(f"answer {self.answer!r} is none of {', '.join(self.choices)}{hint}")
        return self


def answered(content: Any) -> Any:
    """A configuration's content with the settings of its answered questions in place of them.

    Raises
    ------
    ValueError
        If a question has no answer, or is none; names all that are open.

    Examples
    --------
    >>> day = {"source": {"date_format": "%d/%m/%Y"}}
    >>> month = {"source": {"date_format": "%m/%d/%Y"}}
    >>> question = {"ask": "day or month first?", "choices": {"day": day, "month": month}, "answer": "day"}
    >>> answered({"name": "x", "source": {"path": "x.csv"}, "questions": {"dates": question}})
    {'name': 'x', 'source': {'path': 'x.csv', 'date_format': '%d/%m/%Y'}}
    """
    if not isinstance(content, dict) or not content.get("questions"):
        return {key: value for key, value in content.items() if key != "questions"} if _asks(content) else content
    asked = content["questions"]
    if not isinstance(asked, dict):
        raise ValueError("questions: write 'name: {ask, choices, answer}'")
    questions = {str(name): _question(str(name), body) for name, body in asked.items()}
    if left := {name: question for name, question in questions.items() if question.answer is None}:
        open_ones = "; ".join(
            f"{name}: {question.ask} ({' or '.join(question.choices)})" for name, question in left.items()
        )
        raise ValueError(f"{len(left)} open question{'s' * (len(left) != 1)}, write an answer to each: {open_ones}")
    merged = {key: value for key, value in content.items() if key != "questions"}
    for question in questions.values():
        merged = _merged(merged, question.choices[str(question.answer)])
    return merged


def _asks(content: Any) -> bool:
    return isinstance(content, dict) and "questions" in content


def _question(name: str, body: Any) -> Question:
    try:
        return Question.model_validate(body)
    except ValidationError as error:
        words = "; ".join(str(item["msg"]).removeprefix("Value error, ") for item in error.errors())
        raise ValueError(f"questions: {name}: {words}") from None


def _merged(content: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """The content with the settings laid over it, key by key."""
    result = dict(content)
    for key, value in settings.items():
        own = result.get(key)
        result[key] = _merged(own, value) if isinstance(own, dict) and isinstance(value, dict) else value
    return result
