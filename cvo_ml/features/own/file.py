"""A Python file of features: its bytes, who trusts them, and the only place that runs them."""

from __future__ import annotations

import hashlib
import sys
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path
from types import CodeType
from typing import Any, Final

from cvo_ml.core.errors import ConfigError, ModelRefused, UsageError
from cvo_ml.core.input_files import NoInput, read_input
from cvo_ml.features.own.declaration import MARK, Declaration

#: What a column of a file's function begins with; the catalogue's names hold no dot.
PREFIX: Final = "own."


@dataclass(frozen=True)
class FeatureFile:
    """The text of a file, which nothing has run.

    Parameters
    ----------
    name:
        What it is called, without its folder.
    text:
        Its bytes as UTF-8.
    """

    name: str
    text: str

    @classmethod
    def read(cls, path: Path) -> FeatureFile:
        """The file at ``path``, read once.

        Raises
        ------
        ConfigError
            If there is none, it is too large, or it is not UTF-8.
        """
        try:
            return cls(path.name, read_input(path).decode("utf-8"))
        except NoInput as error:
            raise ConfigError(
                f"features: {path} cannot be read ({error.reason}): name a Python file of functions with @feature"
            ) from None
        except UnicodeDecodeError:
            raise ConfigError(f"features: {path} is not UTF-8: save it as UTF-8") from None

    @property
    def sha256(self) -> str:
        """Of the file's bytes."""
        return hashlib.sha256(self.text.encode()).hexdigest()


@dataclass(frozen=True)
class Trust:
    """Whose code may run here: that of the digests, or everybody's.

    Examples
    --------
    >>> file = FeatureFile("mine.py", "x = 1")
    >>> Trust(frozenset({file.sha256})).has(file), NOBODY.has(file), Trust(everybody=True).has(file)
    (True, False, True)
    """

    digests: frozenset[str] = frozenset()
    everybody: bool = False

    def has(self, file: FeatureFile) -> bool:
        """Whether the file may run."""
        return self.everybody or file.sha256 in self.digests

    def joined(self, files: Iterable[FeatureFile]) -> Trust:
        """The same, and these files."""
        return Trust(self.digests | {file.sha256 for file in files}, self.everybody)

    def check(self, file: FeatureFile, whose: str) -> None:
        """Refuse a file that nobody here trusts.

        Parameters
        ----------
        whose:
            Who brings it, for the sentence.

        Raises
        ------
        ModelRefused
            With the reason code ``untrusted_code``.
        """
        if not self.has(file):
            raise ModelRefused(
                f"{whose}: brings code ({file.name}, SHA-256 {file.sha256[:12]}…) that is on no list of "
                "trusted code here, and it was not run: read it, then allow it with --trust-code (in Python "
                "trust_code=True), or train here with --set churn.features=FILE",
                reason_code="untrusted_code",
            )


#: No code of a bundle runs.
NOBODY: Final = Trust()


@dataclass(frozen=True)
class OwnFunction:
    """A declared function of a file that ran."""

    name: str
    declaration: Declaration
    function: Callable[..., Any]
    file: FeatureFile

    @property
    def column(self) -> str:
        """The name of what it makes."""
        return PREFIX + self.name

    def wrong(self, problem: str, line: int | None = None) -> UsageError:
        """The sentence of a fault in it: file, function, line, what to do."""
        place = line or self.function.__code__.co_firstlineno
        return UsageError(f"{self.file.name}, {self.name}, line {place}: {problem}")


def functions_of(file: FeatureFile, trust: Trust, whose: str) -> tuple[OwnFunction, ...]:
    """Run a file that is trusted; its declared functions, in their order.

    The file is run as a module that nobody can import: what it needs must be in it, or in an installed package.

    Raises
    ------
    ModelRefused
        If it is not trusted: then it was not run.
    ConfigError
        If it is no Python, fails, or declares nothing.
    """
    trust.check(file, whose)
    loader = _Loader(file)
    module = module_from_spec(ModuleSpec(_source_name(file), loader))
    # what a function prints must not stand among a command's results
    vars(module)["print"] = partial(print, file=sys.stderr)
    try:
        loader.exec_module(module)
    except SyntaxError as error:
        raise ConfigError(f"{file.name}, line {error.lineno}: is not Python ({error.msg}): correct it") from None
    except (Exception, SystemExit) as error:
        line = line_of(error, file)
        place = file.name if line is None else f"{file.name}, line {line}"
        raise ConfigError(f"{place}: {_said(error)}: correct it") from None
    found = {id(each): each for each in vars(module).values() if isinstance(getattr(each, MARK, None), Declaration)}
    if not found:
        raise ConfigError(
            f"{file.name}: declares no feature: write @feature(unit=…, reads=[…]) above each function that is one"
        )
    return tuple(OwnFunction(each.__name__, getattr(each, MARK), each, file) for each in found.values())


class _Loader(InspectLoader):
    """Runs the text as a module that nobody else can import; a traceback finds its lines here."""

    def __init__(self, file: FeatureFile) -> None:
        self._file = file

    def get_source(self, fullname: str) -> str:
        """The text of the file."""
        return self._file.text

    def get_code(self, fullname: str) -> CodeType:
        """The text as code, whose lines are the file's."""
        return self.source_to_code(self._file.text, _source_name(self._file))


def line_of(error: BaseException, file: FeatureFile) -> int | None:
    """The line of the file in which an error arose; None if it was not there."""
    source = _source_name(file)
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == source]
    return lines[-1] if lines else None


def _source_name(file: FeatureFile) -> str:
    return f"<{file.name} {file.sha256[:12]}>"


def _said(error: BaseException) -> str:
    words = " ".join(str(error).split())[:200]
    if isinstance(error, UsageError):
        return words
    only = " (a features file can import installed packages alone)" if isinstance(error, ImportError) else ""
    return f"{type(error).__name__}: {words}{only}"
