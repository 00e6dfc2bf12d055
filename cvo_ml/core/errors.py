"""The error tree. Each message says what is wrong, where, and what to do.

The command line turns the class into an exit code: 2 wrong usage or config,
3 data refused, 4 model refused or gate closed, 5 partly done, 1 a bug.
"""

from __future__ import annotations

import errno
import re
import sqlite3
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Final

#: Signs of a value that a message shows.
SHOWN: Final = 60
_NO_SPACE: Final = re.compile(r"No space left on device|Disk quota exceeded|errno 28\b", re.IGNORECASE)
_BROKEN: Final = re.compile(r"Input/output error|Read-only file system|File too large", re.IGNORECASE)
_NO_MEMORY: Final = re.compile(
    r"bad[_ ]alloc|cannot allocate memory|out of memory|failed to allocate|malloc of size|failed to map segment", re.I
)
_NO_THREAD: Final = re.compile(
    r"can.t start new thread|resource temporarily unavailable|thread constructor failed", re.I
)
_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT)
_NO_MORE_FILES: Final = (errno.EMFILE, errno.ENFILE)
_FULL: Final = "no space is left on the disk: free some, or name a place on another one"
_MEMORY: Final = (
    "the memory that this process may have is used up: give it more, run it with fewer threads (OMP_NUM_THREADS=1), or "
    "let it read less: a shorter history, or fewer tables"
)
_THREADS: Final = (
    "no more threads can be started: raise the limit of threads (ulimit -u) or of memory, or set OMP_NUM_THREADS=1"
)


class CvoError(Exception):
    """Root of all errors that this package raises on purpose."""

    exit_code = 1


class UsageError(CvoError):
    """A command or function was called in a way that cannot be answered."""

    exit_code = 2


class ConfigError(CvoError):
    """A configuration file or override is wrong."""

    exit_code = 2


class DataError(CvoError):
    """The input as a whole cannot be trusted, so nothing was read from it.

    Parameters
    ----------
    problem:
        What is wrong, as a clause without a final stop.
    remedy:
        What the reader of the message can do.
    file, column:
        Where it is wrong.
    count:
        How many rows show it.
    first_rows:
        The first row numbers that show it (1 = the first data row).

    Examples
    --------
    >>> print(DataError("dates are day-first and month-first", "declare date_format",
    ...                 file="orders.csv", column="date", count=2, first_rows=[3, 9]))
    orders.csv: column 'date': dates are day-first and month-first (2 rows; first: 3, 9): declare date_format.
    """

    exit_code = 3

    def __init__(
        self,
        problem: str,
        remedy: str,
        *,
        file: str | None = None,
        column: str | None = None,
        count: int | None = None,
        first_rows: Sequence[int] = (),
    ) -> None:
        self.problem, self.remedy = problem, remedy
        self.file, self.column = file, column
        self.count, self.first_rows = count, tuple(int(row) for row in first_rows)
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        where = [self.file] if self.file else []
        where += [f"column {self.column!r}"] if self.column else []
        evidence = [] if self.count is None else [f"{self.count:,} row{'s' * (self.count != 1)}"]
        evidence += [f"first: {', '.join(map(str, self.first_rows))}"] if self.first_rows else []
        shown = f" ({'; '.join(evidence)})" if evidence else ""
        return ": ".join([*where, f"{self.problem}{shown}", f"{self.remedy}."])


class ContractError(DataError):
    """A table inside the program breaks its contract: a bug, or a frame made by hand."""


class DamagedFile(CvoError):
    """A file that this package wrote is not what it wrote."""

    exit_code = 3


class ModelRefused(CvoError):
    """A model cannot be trained or used on this data; the rest of the run goes on.

    ``reason_code`` is short and stable: it becomes the ``*_reason`` of the null columns.
    """

    exit_code = 4

    def __init__(self, message: str, *, reason_code: str = "model_refused") -> None:
        super().__init__(message)
        self.reason_code = reason_code


class BundleError(CvoError):
    """A model bundle is damaged, foreign or of a newer format; it was not loaded."""

    exit_code = 4


class NoChampion(BundleError):
    """Nothing is registered under this name yet."""


class GateClosed(CvoError):
    """A promotion did not pass its gate."""

    exit_code = 4


class PartlyDone(CvoError):
    """Some of the work is done and kept; running the command again finishes it."""

    exit_code = 5


def unusable(error: OSError) -> UsageError:
    """A file or folder that the system refuses, as a sentence.

    Examples
    --------
    >>> print(unusable(PermissionError(13, "Permission denied", "out/report.html")))
    out/report.html: cannot be used (Permission denied): name another place, or make this one usable
    """
    where = f"{error.filename}: " if error.filename else ""
    if _number(error) in _NO_ROOM:
        return UsageError(f"{where}{_FULL}")
    if _number(error) in _NO_MORE_FILES:
        return UsageError(f"{where}too many files are open at once: raise the limit (ulimit -n)")
    return UsageError(f"{where}cannot be used ({error.strerror or error}): name another place, or make this one usable")


def refusal(error: Exception) -> CvoError | None:
    """What an error means for whoever runs the program; None where it is a bug.

    Examples
    --------
    >>> print(refusal(MemoryError()))  # doctest: +ELLIPSIS
    the memory that this process may have is used up: give it more, ...
    """
    if isinstance(error, CvoError):
        return error
    return storage_failure(error) or (unusable(error) if isinstance(error, OSError) else None)


def storage_failure(error: BaseException) -> UsageError | None:
    """A disk, a memory or a database at its end behind an error of any library, as a sentence; None for another one.

    Examples
    --------
    >>> print(storage_failure(sqlite3.OperationalError("database or disk is full")))
    no space is left on the disk: free some, or name a place on another one
    >>> print(storage_failure(RuntimeError("can't start new thread")))
    no more threads can be started: raise the limit of threads (ulimit -u) or of memory, or set OMP_NUM_THREADS=1
    >>> print(storage_failure(KeyError("plan")))
    None
    """
    cause: BaseException | None = error
    while cause is not None:
        said = str(cause)
        if isinstance(cause, MemoryError) or _number(cause) == errno.ENOMEM or _is_of(cause, said, _NO_MEMORY):
            return UsageError(_MEMORY)
        if _is_of(cause, said, _NO_THREAD):
            return UsageError(_THREADS)
        if isinstance(cause, OSError) and _number(cause) in (*_NO_ROOM, *_NO_MORE_FILES, errno.EIO, errno.EROFS):
            return unusable(cause)
        if is_full(cause):
            return UsageError(_FULL)
        if _is_of(cause, said, _BROKEN) or type(cause).__name__ == "IOException":  # DuckDB's of files
            reason = " ".join(said.split())[:160]
            return UsageError(f"a place on the disk cannot be used ({reason}): name another, or make this one usable")
        if isinstance(cause, sqlite3.OperationalError) and (words := _unusable_database(said)):
            return UsageError(words)
        cause = cause.__cause__ or cause.__context__
    return None


def is_full(error: BaseException) -> bool:
    """Whether an error of any library says that the disk has no room.

    Examples
    --------
    >>> is_full(OSError("Error writing bytes to file. Detail: [errno 28] No space left on device"))
    True
    """
    return _number(error) in _NO_ROOM or _is_of(error, str(error), _NO_SPACE)


def _number(error: BaseException) -> int | None:
    """The system's number of an error; Arrow hides it in its words."""
    if not isinstance(error, OSError):
        return None
    hidden = re.search(r"\[errno (\d+)\]", str(error), re.IGNORECASE)
    return error.errno if error.errno is not None or hidden is None else int(hidden[1])


def _is_of(error: BaseException, said: str, words: re.Pattern[str]) -> bool:
    """Whether an error of a library or the interpreter says so; a bug of ours may quote anything."""
    libraries = ("duckdb", "_duckdb", "pyarrow", "lightgbm", "builtins", "mlflow", "sqlalchemy")
    plain = isinstance(error, KeyError | TypeError | AttributeError | AssertionError | CvoError)
    return type(error).__module__.split(".")[0] in libraries and not plain and words.search(said) is not None


def _unusable_database(said: str) -> str:
    if "disk is full" in said:
        return _FULL
    if any(words in said for words in ("locked", "readonly", "unable to open", "disk I/O error")):
        return f"MLflow's database cannot be used ({said}): name another folder (--mlruns), or make this one usable"
    return ""


def shortened(value: object) -> str:
    """A value as it was written, cut where nobody reads on.

    Examples
    --------
    >>> shortened("90D"), len(shortened("9" * 10_000))
    ("'90D'", 61)
    """
    shown = repr(value)
    return shown if len(shown) <= SHOWN else f"{shown[:SHOWN]}…"


def nearest_name(name: str, known: Sequence[str]) -> str:
    """A hint `` (did you mean 'x'?)``, or an empty string when nothing is near.

    Examples
    --------
    >>> nearest_name("custmer_id", ["customer_id", "order_id"])
    " (did you mean 'customer_id'?)"
    >>> nearest_name("zzz", ["customer_id"])
    ''
    """
    lowered = {candidate.lower(): candidate for candidate in known}
    near = get_close_matches(name.lower(), list(lowered), n=1, cutoff=0.6)
    return f" (did you mean {lowered[near[0]]!r}?)" if near else ""
