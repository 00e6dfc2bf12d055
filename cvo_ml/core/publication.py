"""What a folder of results shows: one set of files that names its run, and one pointer that moves from set to set.

Layout::

    published/<set>/             priorities.csv, report.html, shop.yaml, segments/, outcomes/, … and ``set.json``
    published/<set>/scores/      ``current`` and ``served.json``: the run of the set, and that of each date
    current -> published/<set>   the pointer: moved by one rename, and only under the folder's lock
    priorities.csv -> current/priorities.csv, and so for every other name: these links never change
    scores/as_of=…/<run>/        runs, which never change (``core.store``)
    .staging/                    what is being written; whatever lies there while nobody holds the lock is litter

A set begins as hard links to the files of the set before it, so that one command changes what it is about and keeps
the rest. A file in it is replaced, never written into.
"""

from __future__ import annotations

import contextlib
import filecmp
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cvo_ml.core.errors import CvoError, DamagedFile
from cvo_ml.core.files import read_json, sha256_of, write_json
from cvo_ml.core.result import Json, to_json
from cvo_ml.core.store import POINTERS, RUNS, pointed_at, seed_pointers

FORMAT_VERSION: Final = 1
CURRENT: Final = "current"
PUBLISHED: Final = "published"
STAGING: Final = ".staging"
SET: Final = "set.json"
SCORES: Final = "scores"
#: files and folders of results as they lay before there were sets
BEFORE_SETS: Final = (
    "priorities.csv", "report.html", "shop.yaml", "outcomes.json", "evaluation.json", "measured_effects.csv",
    "prospects.csv", "segments", "outcomes", "backtest.json", "backtest.html",
)  # fmt: skip
#: seconds that a reader of a set which is current no more may still need it
GRACE: Final = 600.0
#: names that ``core.files`` gives to what it writes beside a file, and earlier versions to a folder that was replaced
LITTER: Final = re.compile(r"\..+\.[0-9a-f]{16}|\.old-.+")


@dataclass(frozen=True)
class PublishedSet:
    """A set in its folder, and what its ``set.json`` says.

    Parameters
    ----------
    run:
        ``as_of=YYYY-MM-DD/<run>``; empty where nothing was scored yet.
    files:
        SHA-256 by relative path.
    """

    folder: Path
    number: int
    run: str
    previous: str
    files: Mapping[str, str]


def current_set(results: Path) -> PublishedSet | None:
    """The set that the pointer names; None where it names none.

    Raises
    ------
    DamagedFile
        If its ``set.json`` is gone or is not what was written.
    """
    link = results / CURRENT
    return _opened(results / link.readlink()) if link.is_symlink() and link.exists() else None


def _opened(folder: Path) -> PublishedSet:
    try:
        stored = read_json(folder / SET)
        return PublishedSet(
            folder,
            int(stored["number"]),
            str(stored["run"] or ""),
            str(stored["previous"] or ""),
            dict(stored["files"]),
        )
    except (DamagedFile, FileNotFoundError, KeyError, TypeError, ValueError):
        raise DamagedFile(f"{folder / SET}: is damaged: delete {folder}, and go on") from None


@contextlib.contextmanager
def publication(results: Path) -> Iterator[Path]:
    """A new set, begun as the current one, that is published when the block ends without error.

    The caller holds the folder's lock.

    Yields
    ------
    Path
        The folder to write into. Files there are shared with the current set: replace them, do not write into them.
    """
    _sweep_litter(results)
    _remove_copied_pointer(results)
    before = current_set(results) or _newest(results) or _adopted(results)
    draft = results / STAGING / secrets.token_hex(8)
    draft.mkdir(parents=True)
    _sweep_sets(results, draft.stat().st_mtime)
    try:
        with _errors_as_people_know_the_files(draft, results):
            yield from _drafted(results, draft, before)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _drafted(results: Path, draft: Path, before: PublishedSet | None) -> Iterator[Path]:
    if before is not None:
        _carry_over(before.folder, draft)
        _take_edits(results, draft)
    _store_of(draft)
    yield draft
    _publish(results, draft, before)


@contextlib.contextmanager
def _errors_as_people_know_the_files(draft: Path, results: Path) -> Iterator[None]:
    """An error about a file of the draft names it where people find it."""
    try:
        yield
    except (CvoError, OSError) as error:
        inner, outer = str(draft), str(results)
        error.args = tuple(_renamed(value, inner, outer) for value in error.args)
        for name in ("filename", "filename2", *vars(error)):
            value = getattr(error, name, None)
            if isinstance(value, str) and inner in value:
                setattr(error, name, value.replace(inner, outer))
        raise


def _renamed(value: object, inner: str, outer: str) -> object:
    return value.replace(inner, outer) if isinstance(value, str) else value


def _publish(results: Path, draft: Path, before: PublishedSet | None) -> None:
    """Give the draft its name and move the pointer; nothing moves if nothing changed."""
    files = _hashes(draft, before)
    if before is not None and files == before.files:
        _link_names(results, before.folder)
        return
    number = 1 if before is None else before.number + 1
    run = pointed_at(draft / SCORES)
    name = "-".join(filter(None, (f"{number:06d}", *run.removeprefix("as_of=").split("/"))))
    document: dict[str, Json] = {
        "format_version": FORMAT_VERSION,
        "number": number,
        "run": run or None,
        "as_of": run.removeprefix("as_of=").partition("/")[0] or None,
        "previous": None if before is None else before.folder.name,
        "files": to_json(files),
    }
    write_json(draft / SET, document)
    folder = results / PUBLISHED / name
    folder.parent.mkdir(exist_ok=True)
    os.replace(draft, folder)
    # the names lead through the pointer already when it moves: no reader sees one name of this set, one of another
    _link_names(results, folder, only_new=True)
    _point(results / CURRENT, Path(PUBLISHED) / name)
    # a file that stood in a link's place has its bytes in the set by now: either way the name shows them
    _link_names(results, folder)
    _unlink_gone(results)


def _remove_copied_pointer(results: Path) -> None:
    """A copy that followed links made folders of them: there the names that people know hold the files themselves."""
    copied = results / CURRENT
    if copied.is_symlink() or not copied.is_dir():
        return
    if not (copied / SET).is_file():  # somebody's own
        os.replace(copied, results / f"{CURRENT}.before-{secrets.token_hex(4)}")
        return
    aside = results / STAGING / secrets.token_hex(8)
    aside.parent.mkdir(exist_ok=True)
    os.replace(copied, aside)
    shutil.rmtree(results / PUBLISHED, ignore_errors=True)  # each of them a copy of the whole store
    shutil.rmtree(aside, ignore_errors=True)


def _newest(results: Path) -> PublishedSet | None:
    """The newest set, pointed at again: the pointer or its set was deleted."""
    names = [path.parent.name for path in (results / PUBLISHED).glob(f"*/{SET}")]
    if not names:
        return None
    _point(results / CURRENT, Path(PUBLISHED) / max(names, key=_number))
    return current_set(results)


def _adopted(results: Path) -> PublishedSet | None:
    """The files of a folder from before there were sets, as its first set: the same bytes under the same names."""
    audiences = [path.name for path in results.glob("audience-*.csv")]
    found = [name for name in (*BEFORE_SETS, *audiences) if (results / name).exists()]
    scores = results / SCORES
    if not found and not scores.is_dir():
        return None
    draft = results / STAGING / secrets.token_hex(8)
    draft.mkdir(parents=True)
    try:
        for name in found:
            _carry_over(results / name, draft / name)
        _store_of(draft)
        seed_pointers(scores, draft / SCORES)
        _publish(results, draft, None)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return current_set(results)


def _store_of(draft: Path) -> None:
    """The pointers of the score store, which belong to the set, beside a link to the runs, which do not."""
    (draft / SCORES).mkdir(exist_ok=True)
    runs = draft / SCORES / RUNS
    if not runs.is_symlink():
        runs.symlink_to(Path("..", "..", "..", SCORES))


def _carry_over(source: Path, target: Path) -> None:
    """The same files under another name: hard links, or copies where the file system has none."""
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.is_dir():
        target.mkdir(exist_ok=True)
        for entry in source.iterdir():
            if entry.name != SET and not LITTER.fullmatch(entry.name):
                _carry_over(entry, target / entry.name)
    else:
        try:
            os.link(source, target)
        except OSError:
            shutil.copy2(source, target)


def _take_edits(results: Path, draft: Path) -> None:
    """A file that an editor put in a link's place is what a person wants: it goes into the draft."""
    for entry in draft.iterdir():
        own = results / entry.name
        if entry.is_file() and own.is_file() and not own.is_symlink():
            entry.unlink()
            shutil.copy2(own, entry)


def _link_names(results: Path, folder: Path, *, only_new: bool = False) -> None:
    """Every name of the set in the folder of results, as a link through the pointer.

    Parameters
    ----------
    only_new:
        Leave what stands there and is no link.
    """
    for entry in folder.iterdir():
        own = results / entry.name
        stands = own.exists() and not own.is_symlink()
        if entry.name not in (SET, SCORES) and not (only_new and stands):
            _link(results / entry.name, Path(CURRENT, entry.name), entry)
    (results / SCORES).mkdir(exist_ok=True)
    for name in POINTERS:
        if (folder / SCORES / name).exists():
            _link(results / SCORES / name, Path("..", CURRENT, SCORES, name), folder / SCORES / name)


def _link(path: Path, target: Path, same: Path) -> None:
    """A link that leads to ``target``; a folder that stood there is put aside unless ``same`` holds all of it."""
    if path.is_symlink() and path.readlink() == target:
        return
    if path.is_dir() and not path.is_symlink():
        aside = path.with_name(f"{path.name}.before-{secrets.token_hex(4)}")
        if _holds_all(same, path):
            aside = path.parent / STAGING / secrets.token_hex(8)
            aside.parent.mkdir(exist_ok=True)
        os.replace(path, aside)
        if aside.parent.name == STAGING:
            shutil.rmtree(aside, ignore_errors=True)
    _point(path, target)


def _holds_all(folder: Path, other: Path) -> bool:
    """Whether every file of ``other`` stands in ``folder`` with the same bytes."""
    return all(
        (folder / path.relative_to(other)).is_file()
        and filecmp.cmp(path, folder / path.relative_to(other), shallow=False)
        for path in other.rglob("*")
        if path.is_file() and not LITTER.fullmatch(path.name)
    )


def _point(path: Path, target: Path) -> None:
    """Make or move a link in one step."""
    staging = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    staging.symlink_to(target)
    try:
        os.replace(staging, path)
    except BaseException:
        staging.unlink(missing_ok=True)
        raise


def _unlink_gone(results: Path) -> None:
    """Remove links through the pointer whose file the set no longer holds."""
    for path in results.iterdir():
        if path.is_symlink() and path.readlink().parent == Path(CURRENT) and not path.exists():
            path.unlink(missing_ok=True)


def _inodes(folder: Path) -> dict[str, int]:
    found = {}
    for path in folder.rglob("*"):
        if path.name != SET and not path.is_symlink() and path.is_file():
            found[path.relative_to(folder).as_posix()] = path.stat().st_ino
    return found


def _hashes(draft: Path, before: PublishedSet | None) -> dict[str, str]:
    """The SHA-256 of each file; that of a file that was carried over is known."""
    if before is None:
        return {name: sha256_of(draft / name) for name in sorted(_inodes(draft))}
    known, since = _inodes(before.folder), (before.folder / SET).stat().st_mtime_ns
    hashes = {}
    for name, inode in sorted(_inodes(draft).items()):
        untouched = known.get(name) == inode and (draft / name).stat().st_mtime_ns <= since
        hashes[name] = before.files[name] if untouched and name in before.files else sha256_of(draft / name)
    return hashes


def _sweep_litter(results: Path) -> None:
    """Remove what dead runs left: under the lock nobody else is writing."""
    for folder in (results / STAGING, results / SCORES / STAGING):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in (results, results / SCORES):
        for path in folder.iterdir() if folder.is_dir() else ():
            if LITTER.fullmatch(path.name):
                _remove(path)


def _sweep_sets(results: Path, today: float) -> None:
    """Remove sets that nobody reads any more.

    Parameters
    ----------
    today:
        By the file system's own clock, which may be another machine's.
    """
    current = current_set(results)
    if current is None:
        return
    for folder in (results / PUBLISHED).iterdir():
        if folder.name in (current.folder.name, current.previous):
            continue
        later = _number(folder.name) > current.number  # was never pointed at
        if later or today - folder.stat().st_mtime > GRACE:
            shutil.rmtree(folder, ignore_errors=True)


def _number(name: str) -> int:
    head = name.partition("-")[0]
    return int(head) if head.isdigit() else 0


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
