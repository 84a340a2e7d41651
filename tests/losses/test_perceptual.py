"""The loss `vgg` on weights that the test makes, against the network written out."""

import keras
import numpy as np
import pytest
from torch_files import as_tensors, write_zip
from vgg_reference import VGG19, random_weights, standardized, vgg19_features

from visionfw.losses import LossContext, parse_loss


@pytest.mark.slow
@pytest.mark.parametrize(("layer", "number", "activated"), [("vgg22", 7, True), ("conv5_4", 34, False)])
@pytest.mark.parametrize(("distance", "error"), [("mse", np.square), ("l1", np.abs)])
def test_it_is_the_distance_between_the_features_of_two_images(tmp_path, photograph, layer, number, activated, distance, error):
    arrays = random_weights(VGG19, seed=2)
    write_zip(tmp_path / "vgg19.pth", as_tensors(arrays))
    pair = np.stack([photograph[:16, :16], photograph[40:56, 60:76]]).astype(np.float32) / 255
    loss = parse_loss(f"0.5*vgg:layer={layer},distance={distance}").build(LossContext(feature_weights={"vgg19": str(tmp_path / "vgg19.pth")}))
    value = keras.ops.convert_to_numpy(loss(pair[:1], pair[1:]))
    features = [vgg19_features(standardized(image), arrays, number, activated) for image in pair]
    assert value == pytest.approx(0.5 * error(features[0] - features[1]).mean(), rel=1e-3)
