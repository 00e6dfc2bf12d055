"""The loader: YAML without its traps, and errors that name file, key and what is allowed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from cvo_ml.config.base import FrozenConfig
from cvo_ml.config.gates import Gates, load_gates
from cvo_ml.config.jobs import ChurnJob, ClvJob, IcpJob
from cvo_ml.config.loader import as_mapping, config_dir, default_config, load_config, read_yaml
from cvo_ml.config.monitoring import MonitoringPolicy
from cvo_ml.config.next_actions import NextActions
from cvo_ml.config.priorities import PriorityPolicy
from cvo_ml.config.readiness import ReadinessPolicy
from cvo_ml.config.segments import SegmentPolicy
from cvo_ml.config.shops import ShopConfig
from cvo_ml.core.errors import ConfigError
from cvo_ml.core.units import Horizon

INVALID = Path(__file__).with_name("invalid")
SCHEMAS: dict[str, type[FrozenConfig]] = {
    "clv": ClvJob,
    "churn": ChurnJob,
    "icp": IcpJob,
    "segments": SegmentPolicy,
    "segments_fixed": SegmentPolicy,
    "next_actions": NextActions,
    "priorities": PriorityPolicy,
    "readiness": ReadinessPolicy,
    "monitoring": MonitoringPolicy,
    "shop": ShopConfig,
    "gates": Gates,
}

#: Each bad sample, named ``<schema>_<fault>.yaml``, and the message it must fail with.
MESSAGES = {
    "churn_unknown_key.yaml": "key 'horizn' is unknown (did you mean 'horizon'?); allowed: bands, btyd_features,",
    "churn_unknown_nested_key.yaml": "key 'trees.round' is unknown (did you mean 'rounds'?); allowed: parameters,",
    "churn_duplicate_key.yaml": "key 'horizon' stands twice",
    "churn_duplicate_nested_key.yaml": "key 'rounds' stands twice",
    "churn_zero_horizon.yaml": "key 'horizon': horizon '0D' is not a positive span",
    "churn_negative_horizon.yaml": "key 'horizon': horizon '-90D' is not a positive span",
    "churn_bare_horizon.yaml": "key 'horizon': horizon 90 is not a positive span: write a number and D, W, M or Y",
    "churn_wrong_definition.yaml": "'subscription_ended', 'mrr_down' or 'condition' (found 'cancelled')",
    "churn_no_rounds.yaml": "key 'trees.rounds': write a number above 0 (found 0)",
    "churn_text_for_number.yaml": "key 'trees.rounds': write a whole number (found 'many')",
    "churn_not_a_mapping.yaml": "holds no keys: write 'key: value' lines",
    "churn_anchor_bomb.yaml": "anchors and aliases are not allowed",
    "churn_unclosed.yaml": "is not valid YAML",
    "churn_python_object.yaml": "is not valid YAML",
    "churn_impossible_date.yaml": "is not valid YAML",
    "churn_list_as_key.yaml": "is not valid YAML",
    "churn_latin1.yaml": "is not valid YAML",
    "churn_unset_variable.yaml": "the environment variable CVO_TEST_NEVER_SET is not set: set it, or write the value",
    "clv_infinite_penalty.yaml": "key 'penalty': write a finite number (found inf)",
    "clv_rate_of_one.yaml": "key 'discount_rate': write a number below 1 (found 1.0)",
    "icp_share_of_one.yaml": "key 'top_share': write a number below 1",
    "segments_scale_six.yaml": "key 'scale': write 'auto', 3, 4 or 5 (found 6)",
    "segments_shares_sum.yaml": "the shares of the tiers must sum to 1",
    "priorities_no_action.yaml": "key 'actions' is missing: add it",
    "priorities_effect_order.yaml": "low, estimate and high must follow each other",
    "priorities_save_more_than_all.yaml": "keeps at most the whole value at stake: effect.high <= 1",
    "priorities_negative_cost.yaml": "key 'actions.0.cost': write a number of at least 0",
    "priorities_negative_budget.yaml": "key 'budget': write a number of at least 0",
    "priorities_twice.yaml": "action 'call' stands twice: give each its own name",
    "priorities_capacity_without_channel.yaml": "capacities: no action uses channel 'phon': use phone",
    "gates_unknown_key.yaml": "key 'profitt' is unknown (did you mean 'profit'?)",
    "gates_slope_backwards.yaml": "calibration_slope needs a lower and an upper end",
    "gates_share_above_one.yaml": "key 'scored': write a number of at most 1 (found 1.5)",
    "shop_two_faults.yaml": "key 'source.delimeter' is unknown (did you mean 'delimiter'?)",
    "shop_currency.yaml": "key 'currency': 'euro' is no three-letter ISO code such as EUR",
    "shop_unmapped.yaml": "columns: net not mapped: name the header of each",
    "shop_unknown_column.yaml": "columns: 'custmer_id' has no meaning (did you mean 'customer_id'?)",
    "shop_exclusion.yaml": "exclude: 'chanel' is not a mapped column",
    "shop_timezone.yaml": "time zone 'Mars/Olympus' is unknown",
    "shop_date_format.yaml": "is no strptime format",
}


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "job.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_every_bad_sample_has_its_message_and_the_reverse() -> None:
    assert sorted(path.name for path in INVALID.iterdir()) == sorted(MESSAGES)


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_bad_sample_fails_with_file_key_and_remedy(name: str) -> None:
    schema = SCHEMAS[name.split("_", 1)[0]]
    with pytest.raises(ConfigError) as caught:
        load_config(INVALID / name, schema)
    assert MESSAGES[name] in str(caught.value)
    assert all(line.startswith(str(INVALID / name)) for line in str(caught.value).splitlines())
    assert not re.search("Input should|should match|valid (?:integer|string|number)|Value error", str(caught.value))


def test_all_faults_of_a_file_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(INVALID / "shop_two_faults.yaml", ShopConfig)
    assert "'source.delimeter'" in str(caught.value)
    assert "'max_bad_share'" in str(caught.value)


def test_an_absent_file_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.yaml: cannot be read .*name an existing file"):
        load_config(tmp_path / "gone.yaml", ChurnJob)


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, "# nothing\n"), ChurnJob) == ChurnJob()


@pytest.mark.parametrize(
    ("written_as", "value"),
    [
        ("no", "no"),
        ("NO", "NO"),
        ("off", "off"),
        ("y", "y"),
        ("012", "012"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("1:30", "1:30"),
        ("true", True),
        ("false", False),
        ("0", 0),
        ("-12", -12),
        ("+3", 3),
        ("1.5", 1.5),
        ("null", None),
        ("~", None),
    ],
)
def test_yaml_reads_only_what_looks_like_a_number_or_truth_as_one(written_as: str, value: Any, tmp_path: Path) -> None:
    found = read_yaml(written(tmp_path, f"key: {written_as}\n"))["key"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("override", "place", "value"),
    [
        ("horizon=60D", "horizon", Horizon("60D")),
        (" horizon = 60D ", "horizon", Horizon("60D")),
        ("trees.rounds=7", "trees.rounds", 7),
        ("trees.parameters.num_leaves=31", "trees.parameters", {"num_leaves": 31}),
        ("bands={low: 0.5}", "bands", {"low": 0.5}),
        ("trees.parameters={metric: a=b}", "trees.parameters", {"metric": "a=b"}),
    ],
)
def test_an_override_reaches_its_place_and_no_other(override: str, place: str, value: Any, tmp_path: Path) -> None:
    path = written(tmp_path, "horizon: 30D\n")
    found: Any = load_config(path, ChurnJob, [override])
    rest = load_config(path, ChurnJob).model_dump(exclude={place.split(".")[0]})
    assert found.model_dump(exclude={place.split(".")[0]}) == rest
    for name in place.split("."):
        found = getattr(found, name)
    assert found == value


def test_the_last_override_wins(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, ""), ChurnJob, ["horizon=60D", "horizon=61D"]).horizon == Horizon("61D")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("horizon", "--set 'horizon' has no value: write key=value"),
        ("=3", "has no value"),
        ("horizn=3D", "key 'horizn' is unknown (did you mean 'horizon'?)"),
        ("horizon=-3D", "not a positive span"),
        ("horizon.days=3", "'horizon' holds a value, not keys"),
        ("bands=[", "the value is not valid YAML"),
        ("bands=&a [*a]", "the value is not valid YAML"),
        ("bands=2024-13-45", "the value is not valid YAML"),
        ("trees.parameters.a=${CVO_TEST_NEVER_SET}", "CVO_TEST_NEVER_SET is not set"),
    ],
)
def test_a_bad_override_is_refused(override: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(written(tmp_path, "horizon: 30D\n"), ChurnJob, [override])
    assert message in str(caught.value)


def test_variables_are_expanded_anywhere_and_stay_texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVO_TEST_A", "012")
    path = written(tmp_path, "trees: {parameters: {a: '${CVO_TEST_A}', b: ['x${CVO_TEST_A}y'], c: '$CVO_TEST_A'}}\n")
    assert load_config(path, ChurnJob).trees.parameters == {"a": "012", "b": ["x012y"], "c": "$CVO_TEST_A"}


def test_a_variable_holds_a_value_never_yaml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVO_TEST_A", "30D\nbands: {low: 0.1}")
    with pytest.raises(ConfigError, match="not a positive span"):
        load_config(written(tmp_path, "horizon: ${CVO_TEST_A}\n"), ChurnJob)


def shipped(kind: str) -> list[Path]:
    return sorted((config_dir() / kind).glob("*.yaml"))


@pytest.mark.parametrize("path", [*shipped("jobs"), *shipped("policies")], ids=lambda path: path.stem)
def test_each_shipped_job_and_policy_loads_and_says_all_that_it_could_say(path: Path) -> None:
    """A shipped file loads as its own schema, and each of its keys reached the object."""
    loaded = as_mapping(load_config(path, SCHEMAS[path.stem]))
    written = read_yaml(path)
    # the segments' file holds examples alone; the tests of its comments are below
    assert bool(written) == (path.stem != "segments")
    assert set(written) <= set(loaded)
    assert set(loaded) == set(SCHEMAS[path.stem].model_fields)


def test_each_model_has_its_gates_and_churns_are_the_defaults() -> None:
    found = {name: load_gates(name) for name in ("clv", "churn", "icp")}
    assert found["churn"] == Gates()
    assert found["icp"].calibration_slope is None
    assert found["clv"].calibration_slope == (0.9, 1.1)


def test_gates_of_an_own_folder_come_first_wherever_one_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models" / "churn").mkdir(parents=True)
    (tmp_path / "models" / "churn" / "gates.yaml").write_text("score_shift: 0.5\n")
    monkeypatch.chdir(tmp_path)
    assert load_gates("churn").score_shift == 0.2
    assert load_gates("churn", dossiers=tmp_path / "models").score_shift == 0.5
    assert load_gates("clv", dossiers=tmp_path / "models").score_shift == 0.2


@pytest.mark.parametrize("path", shipped("jobs"), ids=lambda path: path.stem)
def test_each_shipped_job_says_what_its_defaults_are(path: Path) -> None:
    assert load_config(path, SCHEMAS[path.stem]) == SCHEMAS[path.stem]()


def _commented_keys(path: Path) -> dict[str, str]:
    """The examples in a file's comments, each top-level key with its lines."""
    examples: dict[str, str] = {}
    key = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.removeprefix("# ")
        if text != line and re.match(r"[a-z_]+:|  ", text):
            key = key if text.startswith(" ") else text.partition(":")[0]
            examples[key] = f"{examples.get(key, '')}{text}\n"
    return examples


def test_the_shipped_segments_say_nothing_that_the_schema_says() -> None:
    path = default_config("policies/segments.yaml")
    assert read_yaml(path) == {}
    assert load_config(path, SegmentPolicy) == SegmentPolicy()
    assert set(_commented_keys(path)) == set(SegmentPolicy.model_fields)


def test_each_example_in_the_shipped_segments_works_and_differs_from_the_default(tmp_path: Path) -> None:
    for key, text in _commented_keys(default_config("policies/segments.yaml")).items():
        (tmp_path / "segments.yaml").write_text(text + ("vocabulary: own\nscale: 3\n" if key == "groups" else ""))
        policy = load_config(tmp_path / "segments.yaml", SegmentPolicy)
        assert getattr(policy, key) != getattr(SegmentPolicy(), key)


@pytest.mark.parametrize("path", shipped("shops"), ids=lambda path: path.stem)
def test_each_shipped_shop_loads_under_its_own_name(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVO_DATA", "anywhere")
    shop = load_config(path, ShopConfig)
    assert shop.name == path.stem
    assert "$" not in shop.source.path


def test_every_kind_of_shipped_configuration_is_there() -> None:
    assert [path.stem for path in shipped("jobs")] == ["churn", "clv", "icp"]
    assert {"priorities", "segments"} <= {path.stem for path in shipped("policies")}
    assert {"online_retail", "cdnow", "superstore"} <= {path.stem for path in shipped("shops")}


def test_a_file_of_an_own_folder_comes_before_the_shipped_one_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "configs"
    (own / "jobs").mkdir(parents=True)
    (own / "jobs" / "churn.yaml").write_text("horizon: 7D\n")
    assert default_config("jobs/churn.yaml") == config_dir() / "jobs/churn.yaml"
    assert load_config(default_config("jobs/churn.yaml", own), ChurnJob).horizon == Horizon("7D")
    assert default_config("jobs/clv.yaml", own) == config_dir() / "jobs/clv.yaml"


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        ChurnJob().horizon = Horizon("1D")


@pytest.mark.parametrize("schema", [ClvJob, ChurnJob, IcpJob, SegmentPolicy, ReadinessPolicy])
def test_a_configuration_is_what_its_manifest_says(schema: type[FrozenConfig]) -> None:
    assert schema.model_validate(as_mapping(schema())) == schema()
