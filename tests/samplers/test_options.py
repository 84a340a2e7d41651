"""A sampler as it is written."""

import pytest

from visionfw.errors import RequestError
from visionfw.samplers.options import SAMPLERS, described, read_sampler


def test_what_is_not_said_is_a_default():
    choice = read_sampler("psnr_gain:score=psnr, uniform=0.25")
    assert choice.name == "psnr_gain"
    assert choice.options == {"score": "psnr", "start": "uniform", "uniform": 0.25, "bins": 50}
    assert read_sampler("uniform").options == {}


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_default_is_what_its_option_takes(name):
    for option in SAMPLERS[name].options.values():
        assert option.read(str(option.default)) == option.default
    assert all(key in described(SAMPLERS[name]) for key in SAMPLERS[name].options)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("psnr_gian", "no sampler 'psnr_gian'; did you mean 'psnr_gain'?"),
        ("psnr_gain:scor=psnr", "--sampler=psnr_gain: no option 'scor'; did you mean 'score'?"),
        ("psnr_gain:score=mse", "score must be one of gain, psnr, loss, not 'mse'"),
        ("psnr_gain:uniform=2", "uniform must be a number from 0 to 1, not '2'"),
        ("psnr_gain:bins=0", "bins must be a whole number of at least 1, not '0'"),
        ("psnr_gain:bins", "'bins' is not OPTION=VALUE"),
        ("low_psnr_static:share=0", "share must be a number above 0 and at most 1, not '0'"),
        ("flatness:least=nan", "least must be a number of at least 0, not 'nan'"),
        ("uniform:share=1", "--sampler=uniform: uniform has no options"),
    ],
)
def test_what_is_wrong_is_told_with_the_nearest_right(text, sentence):
    with pytest.raises(RequestError) as error:
        read_sampler(text)
    assert sentence in str(error.value)


def test_all_problems_are_told_together():
    with pytest.raises(RequestError) as error:
        read_sampler("widening:share=3,untl=1")
    assert len(str(error.value).splitlines()) == 2
