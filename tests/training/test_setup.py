"""What a run is given where its request leaves it open."""

import pytest
from configs import change, plan_of, training

from visionfw.errors import RequestError


def chosen(request):
    made = plan_of(request, lambda line: None).request
    return made.patch_size, made.batch_size


@pytest.mark.parametrize(
    ("model", "arguments", "expected"),
    [
        ("edsr_small", {}, (12, 32)),  # sees 27 pixels
        ("edsr_small", {"blocks": 8}, (16, 18)),  # 39, of which half is nearly 20
        ("edsr", {"blocks": 9}, (20, 12)),  # 45
        ("srresnet", {}, (24, 8)),  # 80
        ("imdn", {"blocks": 2}, (24, 8)),  # the whole image
        ("vdsr", {}, (12, 32)),  # 41 of the enlarged image, 10 of the LR one
    ],
)
def test_patches_are_half_as_wide_as_what_a_model_sees(image_folder, model, arguments, expected):
    request = training(model=model, model_args=tuple(arguments.items()), train_data=str(image_folder), val_data=str(image_folder))
    assert chosen(request) == expected


def test_images_are_also_used_smaller_unless_told_otherwise(image_folder):
    request, said = training(train_data=str(image_folder), val_data=str(image_folder)), []
    plan = plan_of(request, said.append)
    assert "6 images (3 of them smaller ones made of the others), " in "\n".join(said)
    assert set(plan.source.store.sizes[3:, 1]) == {26}
    assert len(plan_of(change(request, rescale="none"), said.append).source.store) == 3
    with pytest.raises(RequestError, match=r"--rescale=2: sizes are numbers between 0 and 1, joined by commas \(0.8,0.6\), or none"):
        change(request, rescale="2")


def test_what_is_given_is_kept(image_folder):
    request = training(train_data=str(image_folder), val_data=str(image_folder), patch_size=20)
    assert chosen(request) == (20, 12)
    assert chosen(change(request, batch_size=3)) == (20, 3)
    assert chosen(change(request, patch_size=32)) == (32, 3)  # three images, with room for one patch each
    assert chosen(change(request, patch_size=None, batch_size=5)) == (12, 5)
