"""A loss as it is written."""

import pytest

from visionfw.errors import RequestError
from visionfw.losses.terms import LOSSES, LossTerm, read_loss


def test_terms_with_weights_are_read():
    assert read_loss("l1") == (LossTerm("l1"),)
    assert read_loss(" l1 + 0.1*ssim+2e-8 * total_variation") == (LossTerm("l1"), LossTerm("ssim", 0.1), LossTerm("total_variation", 2e-8))
    assert read_loss("1e+2*mse") == (LossTerm("mse", 100.0),)
    assert read_loss("mse_central:border=4") == (LossTerm("mse_central", 1.0, 4),)
    assert read_loss("0.006*vgg:layer=vgg22") == (LossTerm("vgg", 0.006, layer="relu2_2"),)
    assert read_loss("vgg:layer=conv5_4,distance=l1+l1") == (LossTerm("vgg", layer="conv5_4", distance="l1"), LossTerm("l1"))


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"total_variation", "checkerboard"}))
def test_every_name_is_a_loss(name):
    assert read_loss(name) == (LossTerm(name),)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("l3", "--loss: no loss 'l3'; did you mean 'l1'"),
        ("", "--loss: no loss ''"),
        ("l1+", "--loss: no loss ''"),
        ("0*l1", "a weight is a number above 0, not '0'"),
        ("big*l1", "a weight is a number above 0, not 'big'"),
        ("inf*l1", "a weight is a number above 0, not 'inf'"),
        ("l1:border=3", "'border=3': l1 takes no parameter"),
        ("mse_central:border=x", "'border=x': mse_central takes border=PIXELS"),
        ("vgg:layer=relu5_5", "vgg: no layer 'relu5_5'; did you mean 'relu5_4'"),
        ("vgg:distance=l2", "'distance=l2': vgg takes layer=NAME and distance=mse or l1"),
        ("total_variation", "total_variation alone is best where the image is flat"),
    ],
)
def test_what_is_wrong_is_told(text, sentence):
    with pytest.raises(RequestError, match=sentence):
        read_loss(text)


def test_all_problems_are_told_together():
    with pytest.raises(RequestError) as told:
        read_loss("l3+0*mse")
    assert len(str(told.value).splitlines()) == 2
