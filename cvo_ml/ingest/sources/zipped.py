"""Zip archives with one file in them, which is read as if it lay there unpacked."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final

from cvo_ml.core.errors import DataError
from cvo_ml.core.input_files import InputFile, open_input

ZIP: Final = ".zip"
#: A packed file may unpack to so many bytes, or to so many times its size if that is more: text shrinks no further.
UNPACKED: Final = 1 << 30
TIMES_PACKED: Final = 200
_CHUNK: Final = 1 << 22
_ENCRYPTED: Final = 1
#: What damaged and foreign archives end in.
_DAMAGED: Final = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, RuntimeError)


def is_zip(path: Path) -> bool:
    """Whether a file's name says that it is an archive."""
    return path.name.lower().endswith(ZIP)


def name_inside(path: Path) -> str:
    """The name of the one file in an archive; a file's own name where it is none.

    Raises
    ------
    DataError
        If there are several files in it or none, or it is damaged or encrypted.
    UsageError
        If there is no such file.
    """
    if not is_zip(path):
        return path.name
    with open_input(path) as file, archive(file, path.name) as (_, member):
        return PurePosixPath(member.filename).name


@contextmanager
def archive(file: InputFile, name: str) -> Iterator[tuple[zipfile.ZipFile, zipfile.ZipInfo]]:
    """An archive and the one file in it.

    Raises
    ------
    DataError
        If there are several files in it or none, or it is damaged or encrypted.
    """
    with refusing_damaged(name):
        opened = zipfile.ZipFile(file.stream())
        member = _only(opened, name)
    with opened:  # what goes wrong with the rows is not the archive's fault
        yield opened, member


@contextmanager
def refusing_damaged(name: str, what: str = "the zip file") -> Iterator[None]:
    """Whatever a damaged archive ends in, as a refusal."""
    try:
        yield
    except _DAMAGED as error:
        problem = f"{what} is damaged or cut off ({' '.join(str(error).split())[:80]})"
        raise DataError(problem, "copy or export it again", file=name) from None


def _only(opened: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    members = [member for member in opened.infolist() if not member.is_dir() and not _is_of_a_system(member.filename)]
    if len(members) != 1:
        held = ", ".join(member.filename[:60] for member in members[:5])
        problem = f"the zip file holds {len(members):,} files ({held})" if members else "the zip file holds no file"
        raise DataError(problem, "unpack it, and name the file or the folder", file=name)
    (member,) = members
    if member.flag_bits & _ENCRYPTED:
        raise DataError("the zip file is encrypted", "unpack it with its password", file=name)
    member.file_size = 1 << 62  # what it says may be wrong: its bytes are counted
    return member


def _is_of_a_system(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or (bool(parts) and parts[-1] in (".DS_Store", "Thumbs.db"))


def chunks_of(stream: IO[bytes], packed: int, name: str) -> Iterator[bytes]:
    """What a member unpacks to.

    Raises
    ------
    DataError
        If it is more than ``packed`` bytes can be.
    """
    left = max(UNPACKED, TIMES_PACKED * packed)
    while chunk := stream.read(_CHUNK):
        left -= len(chunk)
        if left < 0:
            problem = f"unpacks to more than {TIMES_PACKED} times its size"
            raise DataError(problem, "unpack it, and look at what it holds", file=name)
        yield chunk


def content_of(file: InputFile, name: str, most: int) -> bytes:
    """The bytes of a file, or of the one file in an archive.

    Raises
    ------
    UsageError
        If the file has more than ``most`` bytes.
    DataError
        As :func:`archive`, or if it unpacks to more.
    """
    content = file.content(most)
    if not is_zip(file.path):
        return content
    with archive(file, name) as (opened, member), refusing_damaged(name), opened.open(member) as stream:
        unpacked = stream.read(most + 1)
    if len(unpacked) > most:
        raise DataError(f"unpacks to more than {most >> 20:,} MB", "unpack it, and export less at once", file=name)
    return unpacked
