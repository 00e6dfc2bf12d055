"""What was found out about a stranger's files, and the questions, on the terminal."""

from __future__ import annotations

from cvo_ml.report.screen import Screen, table
from cvo_ml.workflows.init import InitResult, OpenQuestion


def init(screen: Screen, result: InitResult) -> None:
    """Each decision with its evidence, what is open, and what to run next."""
    found = table("What was found", "decision", "value", "evidence")
    for decision in result.decisions:
        found.add_row(decision.what, decision.value, decision.evidence)
    for name, choice in result.answered.items():
        found.add_row(name, choice, "answered")
    screen.print(found)
    for question in result.questions:
        screen.say(("open: ", "bold yellow"), f"{question.name}: {question.ask}")
        for shown in question.shown:
            screen.say(f"    {shown}")
        screen.say(
            f"    answer: {' or '.join(question.choices)} (--answer {question.name}={next(iter(question.choices))})"
        )
    screen.say("Written: ", (str(result.path), "bold"))
    if result.questions:
        screen.say("Answer what is open: in the file, or cvo init … --overwrite --answer NAME=CHOICE. Then:")
    screen.say("  ", (result.next_command, "bold"))


def ask(screen: Screen, question: OpenQuestion) -> str | None:
    """The choice of whoever sits at the terminal; None where nothing is entered."""
    screen.say((question.ask, "bold"))
    for row, shown in zip(question.rows, question.shown, strict=False):
        screen.say(f"    row {row}: {shown}")
    choices = list(question.choices)
    for number, choice in enumerate(choices, 1):
        screen.say(f"  {number}  {choice}")
    while True:
        screen.say("Number or name, nothing to leave it open:")
        try:
            entered = input().strip()
        except EOFError:
            return None
        if not entered:
            return None
        if entered in choices:
            return entered
        if entered.isdigit() and 1 <= int(entered) <= len(choices):
            return choices[int(entered) - 1]
