"""YAML files into frozen configuration objects, with errors that name file, key and allowed values."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.messages import place_of, remedy
from cvo_ml.config.variables import as_written, filled
from cvo_ml.core.errors import SHOWN, ConfigError, DataError, UsageError, nearest_name, shortened
from cvo_ml.core.input_files import CONFIGURATION, NoInput, read_input
from cvo_ml.core.result import Json

#: Keys and values of one file; our configurations have some hundred.
MOST_VALUES: Final = 10_000
#: Digits of the longest whole number.
MOST_DIGITS: Final = 30
#: What a value may say of its own type: nothing, or that it is a text.
_TAGS: Final = (None, "!", "tag:yaml.org,2002:str")
#: Lists and keys within one another; our configurations have a handful of levels.
DEEPEST: Final = 20
Config = TypeVar("Config", bound=FrozenConfig)


class _StrictLoader(yaml.SafeLoader):
    """YAML 1.2's idea of booleans, no duplicate keys, no anchors (an alias bomb needs them), no tags.

    And no more of anything than people write.
    """

    _depth = 0
    _values = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # its stubs leave it open
        self._values += 1
        self._depth += 1
        aliased = isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None)
        for wrong, words in (
            (aliased, "anchors and aliases are not allowed"),
            (getattr(event, "tag", None) not in _TAGS, "tags are not allowed"),
            (self._depth > DEEPEST, f"lists and keys are nested more than {DEEPEST} deep"),
            (self._values > MOST_VALUES, f"it holds more than {MOST_VALUES:,} keys and values"),
        ):
            if wrong:
                raise yaml.constructor.ConstructorError(None, None, words, event.start_mark)
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_scalar(self, node: yaml.ScalarNode | yaml.MappingNode) -> str:
        text: str = super().construct_scalar(node)
        if any("\ud800" <= sign <= "\udfff" for sign in text):  # no file could hold what is written of it
            raise yaml.constructor.ConstructorError(None, None, "a text holds half a character", node.start_mark)
        return text

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        text = self.construct_scalar(node)
        if len(text) > MOST_DIGITS:
            raise yaml.constructor.ConstructorError(
                None, None, f"a whole number has more than {MOST_DIGITS} digits", node.start_mark
            )
        return int(text)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[Hashable] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a text", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


# `no`, `on`, `012` and `1:30.5` are texts here, not False, True, 10 and 90.5: a country code is not a boolean.
_NARROWED: Final = ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in _NARROWED]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")
)
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?|\.(?:inf|Inf|INF))$|^\.(?:nan|NaN|NAN)$"),
    list("-+0123456789."),
)
_StrictLoader.add_constructor("tag:yaml.org,2002:int", _StrictLoader.construct_yaml_int)


def config_dir() -> Path:
    """The folder of the default configuration: inside the wheel, or the checkout's ``configs/``."""
    package = Path(__file__).resolve().parent.parent
    packaged = package / "_configs"
    return packaged if packaged.is_dir() else package.parent / "configs"


def default_config(relative: str, own: Path | None = None) -> Path:
    """The path of a configuration file, such as ``jobs/churn.yaml``.

    Parameters
    ----------
    own:
        A folder whose file of that name comes before the packaged one (``Workspace.configs``); None = the packaged one.
        The working directory plays no part.
    """
    return own / relative if own is not None and (own / relative).is_file() else config_dir() / relative


def load_config(path: Path, schema: type[Config], overrides: Sequence[str] = ()) -> Config:
    """Read a YAML file into ``schema``.

    Parameters
    ----------
    overrides:
        Texts such as ``horizon=60D`` or ``model.trees=200``; the value is read as YAML.

    Raises
    ------
    ConfigError
        If the file is missing or not YAML, a key is unknown or stands twice, a value has the
        wrong type, a ``${VARIABLE}`` is not set, a secret stands in the file, or an override has no ``=``.
    """
    content = read_yaml(path)
    for override in overrides:
        _apply_override(content, override)
    plain, variables = filled(content, str(path))
    try:
        config = schema.model_validate(plain)
    except ValidationError as error:
        raise ConfigError("\n".join(dict.fromkeys(_sentences(error, path, schema)))) from None
    return config.with_variables(variables)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file's mapping, read strictly.

    Raises
    ------
    ConfigError
        If the file cannot be read, is not YAML, or is not a mapping.
    """
    try:
        content = _parsed(read_input(path).decode("utf-8"))
    except NoInput as error:
        raise ConfigError(f"{path}: cannot be read ({error.reason}): name an existing file") from None
    except (UsageError, DataError) as error:  # it is too large, or changes
        raise ConfigError(str(error)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: not UTF-8, or no such day
        raise ConfigError(f"{path}: is not valid YAML: {_fault(error)}") from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise ConfigError(f"{path}: holds no keys: write 'key: value' lines")
    return content


def _fault(error: Exception) -> str:
    """What is wrong and where, without the line itself: it may hold a secret."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return " ".join(str(error).split())
    said = " ".join(filter(None, (error.context, error.problem)))
    mark = error.problem_mark or error.context_mark
    return said if mark is None else f"{said} (line {mark.line + 1}, column {mark.column + 1})"


def _parsed(text: str) -> Any:
    if len(text) > CONFIGURATION:
        raise ValueError(f"more than {CONFIGURATION >> 10} kB")
    loader = _StrictLoader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _apply_override(content: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    shown = shortened(override)
    if not equals or not key.strip():
        raise ConfigError(f"--set {shown} has no value: write key=value, such as horizon=60D")
    *parents, last = key.strip().split(".")
    if len(parents) >= DEEPEST or not all([*parents, last]):
        raise ConfigError(f"--set {shown}: this is no key: write one such as trees.rounds")
    place = content
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise ConfigError(f"--set {shown}: {parent!r} holds a value, not keys")
    try:
        place[last] = _parsed(value)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigError(f"--set {shown}: the value is not valid YAML") from None


def _sentences(error: ValidationError, path: Path, schema: type[BaseModel]) -> Iterator[str]:
    for item in error.errors():
        place = place_of(item)
        if item["type"] == "extra_forbidden":
            known = sorted(_known_keys(schema, item["loc"][:-1]))
            hint = nearest_name(str(item["loc"][-1])[:SHOWN], known)
            yield f"{path}: key {shortened(place)} is unknown{hint}; allowed: {', '.join(known)}"
        elif item["type"] == "missing":
            yield f"{path}: key {place!r} is missing: add it"
        else:
            where = f"key {place!r}: " if place else ""
            yield f"{path}: {where}{remedy(item)}"


def _known_keys(schema: type[BaseModel], place: Sequence[int | str]) -> set[str]:
    """The keys allowed at ``place``, followed through nested models where the types say so."""
    models: list[type[BaseModel]] = [schema]
    for part in place:
        found = [field.annotation for model in models for name, field in model.model_fields.items() if name == part]
        nested = [model for annotation in found for model in _models_in(annotation)]
        models = nested or models
    return {name for model in models for name in model.model_fields}


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)


def as_mapping(config: BaseModel) -> dict[str, Json]:
    """A configuration as JSON-ready values, for manifests and runs."""
    return config.model_dump(mode="json")


def as_file(config: FrozenConfig) -> dict[str, Json]:
    """A configuration as its file holds it: what differs from the defaults, with ``${NAME}`` where that stood."""
    return as_written(config.model_dump(mode="json", exclude_defaults=True), config.variables)
