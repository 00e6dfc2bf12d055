"""Numbers that every change keeps: typed results, one table of models, a thin command line, whole files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from cvo_ml.core.models import MODEL_NAMES

ROOT = Path(__file__).resolve().parents[2]
UNTYPED = re.compile(r"(?:dict|Mapping)\[str, Any\]")
SPELLED = re.compile(rf"[\"'](?:{'|'.join(MODEL_NAMES)})[\"']")
#: Where a model may be spelled: the table, its own folders, configuration.
OWN = re.compile(rf"core/models\.py|/(?:{'|'.join((*MODEL_NAMES, 'uplift'))})/|config/")
#: What each rule may see only in these files: process-wide state, the working directory.
AMBIENT = re.compile(
    r"\bos\.(?:chdir|umask|dup2?|putenv|getcwd)\b|\bPath\.cwd\b|\bsignal\.signal\b"
    r"|\bos\.environ\[[^\]]+\]\s*=(?!=)|\bos\.environ\.(?:setdefault|pop|update)\b|\bset_tracking_uri\b"
)
#: A file of code, or a module, that a guide names.
NAMED = re.compile(
    r"(?<![\w/.])(?:(?:cvo_ml|training|tests|benchmarks|tools)/[\w/]+(?:\.py|\.md)"
    r"|(?<=-m )[a-z_]+(?:\.[a-z_]+)+|(?<=from )(?:cvo_ml|training)(?:\.\w+)*)(?![\w/])"
)


def sources(*folders: str) -> Iterator[tuple[str, str]]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield str(path.relative_to(ROOT)), path.read_text()


def functions(text: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def annotations(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    arguments = [*function.args.args, *function.args.kwonlyargs]
    found = [argument.annotation for argument in arguments] + [function.returns]
    return [ast.unparse(annotation) for annotation in found if annotation is not None]


def test_public_functions_answer_with_types_not_with_dictionaries() -> None:
    untyped = [
        f"{name}: {function.name}"
        for name, text in sources("cvo_ml", "training")
        for function in functions(text)
        if not function.name.startswith("_") and any(UNTYPED.search(found) for found in annotations(function))
    ]
    assert len(untyped) <= 40, untyped


def test_models_are_spelled_in_one_table() -> None:
    spelled = {
        name: SPELLED.findall(text)
        for name, text in sources("cvo_ml", "training")
        if not OWN.search(name) and SPELLED.search(text)
    }
    assert spelled == {}


def test_the_command_line_is_thin() -> None:
    """A command turns options into a request and shows the result: more commands are no fault, a thick one is."""
    files = {name: text.count("\n") for name, text in sources("cvo_ml/cli")}
    assert {name: lines for name, lines in files.items() if lines > 230} == {}
    thick = {
        f"{name}: {function.name}"
        for name, text in sources("cvo_ml/cli")
        for function in functions(text)
        if (function.end_lineno or 0) - function.body[0].lineno > 35
        or sum(isinstance(node, ast.If | ast.For | ast.While | ast.Try) for node in ast.walk(function)) > 7
    }
    assert thick == set()


def test_no_file_is_longer_than_a_concept() -> None:
    assert {name: text.count("\n") for name, text in sources("cvo_ml", "training") if text.count("\n") > 500} == {}


def test_the_library_touches_nothing_that_the_whole_process_shares() -> None:
    """It must run in a threaded server and in a notebook: only programs install signal handlers."""
    # the command, the child that fits alone, and what those two install
    programs = ("cvo_ml/cli/", "training/child_process.py", "cvo_ml/core/stopping.py")
    found = {
        name: AMBIENT.findall(text)
        for name, text in sources("cvo_ml", "training")
        if not name.startswith(programs) and AMBIENT.search(text)
    }
    assert found == {}
    listening = [name for name, text in sources("cvo_ml", "training") if "StopSignals()" in text]
    assert listening == ["cvo_ml/cli/app.py", "training/child_process.py"]


def test_a_class_name_stands_once() -> None:
    places: dict[str, list[str]] = {}
    for name, text in sources("cvo_ml", "training"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(name)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_what_a_guide_names_exists() -> None:
    guides = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").rglob("*.md")]
    missing = {
        f"{guide.relative_to(ROOT)}: {named}"
        for guide in guides
        if guide.name != "CHANGELOG.md"  # tells of what was
        for named in NAMED.findall(guide.read_text())
        if not any((ROOT / f"{named.replace('.', '/')}{end}").exists() for end in ("", ".py"))
        and not (ROOT / named).exists()
    }
    assert missing == set()
