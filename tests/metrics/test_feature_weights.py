"""Where the weights of feature networks are looked for."""

import pytest

from visionfw.errors import RequestError
from visionfw.metrics.feature_weights import find_weights


def test_a_file_that_is_named_is_used(tmp_path):
    (tmp_path / "x.pth").touch()
    assert find_weights("vgg16", "--metrics=lpips", {"vgg16": str(tmp_path / "x.pth")}) == str(tmp_path / "x.pth")


def test_keras_downloads_only_where_that_is_allowed_and_possible():
    assert find_weights("inception", "--metrics=fid", {}, allow_download=True) is None
    with pytest.raises(RequestError, match=r"--metrics=fid needs the weights of InceptionV3 .*: give --feature_weights=inception=FILE or --allow_download$"):
        find_weights("inception", "--metrics=fid", {})
    with pytest.raises(RequestError, match=r"--metrics=lpips needs the weights of VGG16 .*: give --feature_weights=vgg16=FILE$"):
        find_weights("vgg16", "--metrics=lpips", {}, allow_download=True)


def test_a_file_that_is_not_there_is_refused():
    with pytest.raises(RequestError, match=r"--feature_weights: vgg19: no file nowhere\.pth"):
        find_weights("vgg19", "--loss=vgg", {"vgg19": "nowhere.pth"}, allow_download=True)
