"""What every model that can become a bundle offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable


@runtime_checkable
class Bundled(Protocol):
    """A fitted model as plain parts: JSON-ready parameters and text files."""

    kind: ClassVar[str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a frame to score must have."""
        ...

    def to_parts(self) -> tuple[dict[str, Any], dict[str, str]]:
        """The parameters, and the files by name."""
        ...

    @classmethod
    def from_parts(cls, parameters: Mapping[str, Any], files: Mapping[str, str]) -> Any:
        """The model that ``to_parts`` described."""
        ...
