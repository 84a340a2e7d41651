"""The table of metrics, and how --metrics and --feature_weights are parsed."""

import re

import numpy as np
import pytest

import visionfw as vf
from visionfw.errors import RequestError
from visionfw.metrics import FEATURE_NETWORKS, IMAGE_INPUTS, METRICS, SET_INPUTS, MetricEntry, parse_feature_weights, parse_metrics
from visionfw.registry import number


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_names_inputs_and_networks_that_exist(name):
    entry = METRICS.get(name)
    assert set(entry.inputs) <= set(IMAGE_INPUTS) or set(entry.inputs) <= set(SET_INPUTS)
    assert set(entry.networks) <= set(FEATURE_NETWORKS)
    assert entry.scope == ("set" if set(entry.inputs) <= set(SET_INPUTS) else "lr" if "lr" in entry.inputs else "image")
    assert (entry.scope == "set") == (len(entry.networks) == 1)
    assert entry.digits > 0
    assert callable(entry.load())


@pytest.mark.parametrize("name", FEATURE_NETWORKS)
def test_every_feature_network_has_a_class(name):
    assert isinstance(FEATURE_NETWORKS.load(name), type)


def test_the_list_says_which_direction_is_better():
    lines = METRICS.summaries()
    assert lines["ms_ssim"].endswith("; higher is better")
    assert lines["lpips"].endswith("; lower is better")
    assert "better" not in lines["entropy"]


def test_the_docs_list_every_metric(root):
    table = (root / "docs" / "evaluation.md").read_text(encoding="utf-8").partition("## Metrics")[2].partition("Nothing is downloaded")[0]
    documented = [name for line in table.splitlines() if line.startswith("| `") for name in re.findall(r"`(\w+)`", line.split("|")[1])]
    assert sorted(documented) == sorted(METRICS)


def test_metrics_are_parsed_in_their_order():
    assert [spec.name for spec in parse_metrics("psnr, lr_psnr,fid")] == ["psnr", "lr_psnr", "fid"]
    assert parse_metrics("") == ()


def test_commas_also_separate_the_options_of_a_metric():
    entry = MetricEntry(name="p_norm", target=len, options={"p": number(2.0), "scale": number(1.0)})
    with METRICS.temporary(entry):
        first, second, third = parse_metrics("psnr,p_norm:p=3,scale=2,ssim")
    assert (first.name, dict(second.options), third.name) == ("psnr", {"p": 3.0, "scale": 2.0}, "ssim")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("psrn", "--metrics: no metric 'psrn'; did you mean 'psnr'?"),
        ("psnr,mse,psnr", "--metrics: psnr is given twice"),
        ("psnr:crop=4", "--metrics: psnr takes no options, but 'crop=4' is given"),
        ("lpsi,msee", "--metrics: no metric 'lpsi'; did you mean 'lpips'?\n--metrics: no metric 'msee'; did you mean 'mse'?"),
    ],
)
def test_wrong_metrics_are_refused_with_every_problem(text, sentence):
    with pytest.raises(RequestError) as error:
        parse_metrics(text)
    assert str(error.value) == sentence


def test_feature_weights_are_files_by_network():
    assert parse_feature_weights("inception=a/b=c.h5, vgg16=x.pth,") == {"inception": "a/b=c.h5", "vgg16": "x.pth"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("vgg19", "--feature_weights: 'vgg19' is not NETWORK=FILE"),
        ("vgg19=", "--feature_weights: 'vgg19=' is not NETWORK=FILE"),
        ("incepton=x", "--feature_weights: no feature network 'incepton'; did you mean 'inception'?"),
        ("vgg19=a,vgg19=b", "--feature_weights: vgg19 is given twice"),
    ],
)
def test_wrong_feature_weights_are_refused(text, sentence):
    with pytest.raises(RequestError) as error:
        parse_feature_weights(text)
    assert str(error.value) == sentence


@pytest.fixture
def register():
    """Register metrics for the length of a test."""
    names = []

    def add(function, **facts):
        vf.register_metric(function, **facts)
        names.append(facts.get("name", function.__name__))

    yield add
    for name in names:
        with METRICS.temporary(METRICS.get(name)):  # removes it at its end
            pass


def test_a_registered_metric_is_named_with_its_options(register):
    def worst_error(sr, hr, *, power=1.0):
        """Largest error of any pixel."""
        return float(np.abs(sr - hr).max() ** power)

    register(worst_error, title="max error", digits=1, higher_is_better=False)
    entry = METRICS.get("worst_error")
    assert (entry.heading, entry.digits, entry.help, entry.scope) == ("max error", 1, "Largest error of any pixel.", "image")
    assert dict(parse_metrics("worst_error:power=2")[0].options) == {"power": 2.0}


def test_a_metric_with_an_unknown_input_is_not_registered():
    with pytest.raises(RequestError, match="no input 'hrr'; did you mean 'hr'"):
        vf.register_metric(lambda sr, hr: 0.0, name="wrong", inputs=("sr", "hrr"))
    assert "wrong" not in METRICS
