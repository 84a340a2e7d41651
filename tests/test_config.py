"""Configuration: fields carry their facts; flags, checks, records and TOML are derived from them, the same from Python as from flags."""

import dataclasses
import json
from dataclasses import dataclass

import pytest
from configs import change, training

from visionfw.config import Config, flags_of, from_flags, from_record, read_toml, refuse_changes, section, setting, to_record, to_toml, with_flags
from visionfw.data.config import CacheConfig, CheckConfig, DegradeConfig, FetchConfig, TileConfig
from visionfw.errors import RequestError
from visionfw.evaluation.config import EvaluateConfig, parse_interpolation
from visionfw.gan.config import GanConfig
from visionfw.ranking.config import RankConfig
from visionfw.registry import Entry, Registry, Spec, number
from visionfw.training.config import LossConfig, OptimizerConfig, TrainConfig, parse_layer_lr

THINGS = Registry("thing", [Entry(name="a", target=len, options={"k": number(1.0)}), Entry(name="b", target=len)])


@dataclass(frozen=True, kw_only=True)
class Inner(Config):
    count: int = setting(3, "how many", minimum=1)
    rate: float | None = setting(None, "how fast", above=0, default_text="by itself")
    share: float = setting(0.5, "a part", minimum=0, below=1)
    thing: Spec = setting(THINGS.parse("a"), "which one", parse=THINGS.parse)
    mode: str = setting("x", "how", choices={"x": "", "y": ""})


@dataclass(frozen=True, kw_only=True)
class Extra(Config):
    kind: Spec | None = setting(None, "which kind", flag="extra", parse=THINGS.parse)
    weight: float = setting(0.5, "its weight", flag="extra_weight", minimum=0)


@dataclass(frozen=True, kw_only=True)
class Outer(Config):
    inner: Inner = section("Inner", Inner)
    extra: Extra | None = section("Extra", Extra, optional="kind")

    def problems(self):
        if self.inner.mode == "y" and self.inner.count == 7:
            yield "--mode=y does not go with --count=7"


def message_of(call):
    with pytest.raises(RequestError) as caught:
        call()
    return str(caught.value)


def test_a_text_is_parsed_when_the_configuration_is_made():
    assert Inner(thing="a:k=2").thing == Spec("a", {"k": 2.0})
    assert from_flags(Outer, {"thing": "a:k=2"}).inner.thing == Inner(thing=Spec("a", {"k": 2.0})).thing
    assert Inner(rate=2).rate == 2.0
    assert isinstance(Inner(rate=2).rate, float)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"count": 0}, "--count must be a whole number of at least 1, not 0"),
        ({"count": "5"}, "--count must be a whole number, not '5'"),
        ({"count": True}, "--count must be a whole number, not True"),
        ({"count": None}, "--count must be given"),
        ({"rate": 0.0}, "--rate must be a finite number above 0, not 0.0"),
        ({"rate": float("nan")}, "--rate must be a finite number above 0, not nan"),
        ({"share": 1.0}, "--share must be a finite number of at least 0 and below 1, not 1.0"),
        ({"mode": "z"}, "--mode: no mode 'z'; there is x, y"),
        ({"thing": "c"}, "--thing: no thing 'c'; there is a, b"),
        ({"thing": 3}, "--thing must be Spec, not 3"),
        ({"thing": "a:k=1,k=2"}, "--thing: a: k is given twice"),
        ({"count": 0, "thing": "c"}, "--count must be a whole number of at least 1, not 0\n--thing: no thing 'c'; there is a, b"),
    ],
)
def test_python_is_checked_as_strictly_as_flags(values, sentence):
    assert message_of(lambda: Inner(**values)) == sentence
    if None not in values.values():
        assert message_of(lambda: from_flags(Outer, values)) == sentence


def test_problems_of_all_sections_are_reported_together():
    assert message_of(lambda: from_flags(Outer, {"count": 0, "extra": "q"})).splitlines() == [
        "--count must be a whole number of at least 1, not 0",
        "--extra: no thing 'q'; there is a, b",
    ]


def test_combinations_are_checked_where_single_values_are_right():
    assert message_of(lambda: from_flags(Outer, {"mode": "y", "count": 7})) == "--mode=y does not go with --count=7"


def test_an_optional_section_is_there_with_its_flag_alone():
    assert Outer().extra is None
    assert from_flags(Outer, {"extra": "b"}).extra.weight == 0.5
    assert message_of(lambda: from_flags(Outer, {"extra_weight": 0.1})) == "--extra_weight belongs to --extra; give both, or leave it out"
    assert with_flags(from_flags(Outer, {"extra": "b", "extra_weight": 0.1}), {"extra": None}).extra is None


def test_a_configuration_does_not_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainConfig().budget.steps = 3


def test_a_record_and_toml_give_the_configuration_back(tmp_path):
    config = from_flags(Outer, {"count": 5, "thing": "a:k=0.25", "extra": "b"})
    assert from_record(Outer, json.loads(json.dumps(to_record(config))), "x") == config
    (tmp_path / "c.toml").write_text(to_toml(config))
    assert read_toml(Outer, str(tmp_path / "c.toml")) == config
    assert "rate" not in to_record(config)["inner"]  # left open


def test_a_record_of_another_version_is_refused_with_the_nearest_key():
    sentence = message_of(lambda: from_record(Outer, {"inner": {"cout": 1}, "q": 2}, "run.json"))
    assert sentence == "run.json: no key 'q'; there is extra, inner\nrun.json: [inner]: no key 'cout'; did you mean 'count'?"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("[inner]\ncount = 0", "--config={}: --count must be a whole number of at least 1, not 0"), ("[inner", "--config={}: is no TOML: ")],
)
def test_a_wrong_toml_file_is_one_line(tmp_path, text, sentence):
    (tmp_path / "c.toml").write_text(text)
    assert message_of(lambda: read_toml(Outer, str(tmp_path / "c.toml"))).startswith(sentence.format(tmp_path / "c.toml"))
    assert "cannot be read" in message_of(lambda: read_toml(Outer, str(tmp_path / "missing.toml")))


def test_equal_flags_are_accepted_and_changed_ones_refused():
    config = from_flags(Outer, {"count": 5})
    refuse_changes(config, {"count": 5, "thing": "a:k=1"}, "the run in x")
    assert message_of(lambda: refuse_changes(config, {"count": 6}, "the run in x")) == "--count=6: the run in x was started with 5; leave the flag out"


@pytest.mark.parametrize("config", [TrainConfig, EvaluateConfig, RankConfig, CheckConfig, CacheConfig, DegradeConfig, TileConfig, FetchConfig])
def test_every_flag_has_one_name_and_a_help_line_that_stands_alone(config):
    flags = flags_of(config)
    names = [flag.name for flag in flags]
    assert len(names) == len(set(names))
    for flag in flags:
        help = flag.setting.help
        assert len(help) > 10, flag.name
        assert not help.startswith(("of ", "the same", "its ")), flag.name
        assert not help.endswith("."), flag.name


# --- the configurations of commands -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"steps": 3, "minutes": 1.0}, "--steps and --minutes both say how long to train; give one"),
        ({"steps": 3, "epochs": 1, "minutes": 1.0}, "--steps and --epochs and --minutes all say how long to train; give one"),
        ({"clip_norm": 1.0, "clip_value": 1.0}, "--clip_norm and --clip_value both limit the gradient; give one"),
        ({"loss": "l3"}, "--loss: no loss 'l3'; did you mean 'l1'?"),
        ({"degradation": "nonsense"}, "--degradation: no degradation step 'nonsense'"),
        ({"augment": "nonsense"}, "--augment: no augmentation 'nonsense'"),
        ({"adversarial_weight": 0.1}, "--adversarial_weight belongs to --adversarial; give both, or leave it out"),
        ({"loss": "l1", "adversarial": "lsgan", "content_loss": "l1"}, "--loss and --content_loss both say what the images are compared by; give one"),
        ({"init_from": "x", "model_args": {"blocks": 1}}, "--init_from brings its model's dictionary along; leave --model_args out"),
        ({"run_dir": ""}, "--run_dir is empty; name a folder, or leave the flag out"),
    ],
)
def test_a_wrong_training_is_refused(flags, sentence):
    assert message_of(lambda: training(**flags)).startswith(sentence)


def test_sections_are_checked_without_flags():
    assert message_of(lambda: LossConfig(loss="l3")) == "--loss: no loss 'l3'; did you mean 'l1'?"
    assert message_of(lambda: OptimizerConfig(learning_rate=0.0)) == "--learning_rate must be a finite number above 0, not 0.0"
    assert message_of(lambda: GanConfig()) == "--adversarial must be given"


def test_learning_rate_multipliers_are_parsed():
    assert parse_layer_lr("conv_tail=0.1, head*=2") == {"conv_tail": 0.1, "head*": 2.0}
    assert parse_layer_lr("") == {}
    for wrong in ("conv_tail", "conv_tail=fast", "=0.1"):
        with pytest.raises(RequestError, match="is not PATTERN=MULTIPLIER"):
            parse_layer_lr(wrong)
    with pytest.raises(RequestError, match="'a' is given twice"):
        parse_layer_lr("a=1,a=2")


def test_a_training_survives_its_record():
    config = training(model_args={"kernels": (9, 1, 7), "blocks": 3}, layer_lr={"tail": 0.1}, ema=0.9, adversarial="lsgan", loss="l1+0.1*ssim")
    assert from_record(TrainConfig, json.loads(json.dumps(to_record(config))), "x") == config
    assert change(config, steps=5).budget.steps == 5


def test_an_evaluation_needs_one_model():
    for wrong in ({}, {"run": "x", "model": "edsr"}, {"model": "edsr"}, {"run": "x", "weight_names": "y"}, {"run": "x", "report": "x.doc"}):
        with pytest.raises(RequestError):
            from_flags(EvaluateConfig, wrong)
    assert from_flags(EvaluateConfig, {"run": "x"}).precision == "float32"
    assert from_flags(EvaluateConfig, {"run": "x", "images": "a", "out": "b"}).precision == "auto"
    from_flags(EvaluateConfig, {"model": "edsr", "weights": "x.weights.h5"})


def test_weights_between_two_runs_are_parsed():
    assert parse_interpolation("runs/a:0.25").fraction == 0.25
    for wrong in ("runs/a", "runs/a:2", ":0.5", "runs/a:half"):
        with pytest.raises(RequestError, match=r"must be RUN:FRACTION"):
            parse_interpolation(wrong)


RANKING = {"train_sets": "A,B", "test_sets": "T", "out": "o"}


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"train_sets": "A"}, "one thing is ranked, several --train_sets, --models or --samplers; nothing has several names"),
        ({"models": "x,y"}, "one thing is ranked, several --train_sets, --models or --samplers; --train_sets and --models has several names"),
        ({"train_sets": "A,A"}, "--train_sets: 'A' is named twice"),
        ({"seeds": "0,0"}, "--seeds must be different whole numbers"),
        ({"seeds": "x"}, "--seeds=x: must be whole numbers of at least 0"),
        ({"out": None}, "--out: name the folder of the ranking"),
        ({"epochs": 2}, "--epochs: larger sets would train for more steps"),
        ({"train_sets": "A", "samplers": "uniform;hardes"}, "--samplers: no sampler 'hardes'; did you mean 'hardest'?"),
    ],
)
def test_a_wrong_ranking_is_refused(flags, sentence):
    assert message_of(lambda: from_flags(RankConfig, {**RANKING, **flags})).startswith(sentence)


def test_a_ranking_gives_each_training():
    config = from_flags(RankConfig, {**RANKING, "steps": 5, "seeds": "3,4"})
    assert config.comparison.ranked == "train_sets"
    assert config.request_for("B", 4) == training(train_data="B", seed=4, steps=5, scale=4)
    samplers = from_flags(RankConfig, {**RANKING, "train_sets": "A+B", "samplers": "uniform;hardest:fraction=0.5"})
    assert samplers.request_for("hardest:fraction=0.5", 0) == training(train_data="A,B", sampler="hardest:fraction=0.5", scale=4)
