"""Names that are near, and sentences that say so."""

from visionfw.errors import ModelDefinitionError, RequestError, VisionfwError, nearest, unknown


def test_the_nearest_name_ignores_case():
    assert nearest("conv2d", ["Conv2D", "Dense"]) == "Conv2D"


def test_a_beginning_is_near_to_its_whole():
    assert nearest("sr", ["srresnet_baseline"]) is None
    assert nearest("srr", ["srresnet_baseline", "vdsr"]) == "srresnet_baseline"


def test_nothing_near_lists_what_there_is():
    assert unknown("loss", "xyz", ["l1", "mse"]) == "no loss 'xyz'; there is l1, mse"


def test_the_family():
    error = ModelDefinitionError(["a", "b"])
    assert error.problems == ["a", "b"]
    assert str(error) == "a\nb"
    assert isinstance(error, ValueError)
    assert isinstance(error, RequestError)
    assert (VisionfwError.status, RequestError.status) == (1, 2)
