"""Every example of a public name runs as it is written, on what the one before returns."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import cvo_ml as cvo
import cvo_ml.api

MODULES = [found.name for found in pkgutil.iter_modules(cvo_ml.api.__path__, "cvo_ml.api.")]


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_give_what_they_say(module: str, here: Path) -> None:
    ran = doctest.testmod(importlib.import_module(module), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert ran.attempted > 1
    assert ran.failed == 0


@pytest.mark.parametrize("name", cvo_ml.api.__all__)
def test_every_function_of_the_face_has_an_example(name: str) -> None:
    found = getattr(cvo_ml.api, name)
    assert isinstance(found, type) or ">>> " in (found.__doc__ or "")


def test_every_public_name_can_be_had() -> None:
    assert {name: getattr(cvo, name) for name in cvo.__all__}


def test_editors_know_the_same_names() -> None:
    stub = (Path(cvo.__file__).parent / "__init__.pyi").read_text()
    assert sorted(re.findall(r" as (\w+)$", stub, re.M)) == sorted(set(cvo.__all__) - {"__version__"})
