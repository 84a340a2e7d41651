"""What a training is given where its request leaves it open."""

import pytest
from configs import change, plan_of, training

import visionfw as vf
from visionfw.config import to_flags
from visionfw.errors import RequestError
from visionfw.io.files import write_json
from visionfw.training.preflight import DEFAULTS, preflight


def settled(request):
    config = plan_of(request).config
    return config.data.patch_size, config.budget.batch_size


@pytest.mark.parametrize(
    ("model", "arguments", "expected"),
    [
        ("edsr_small", {}, (12, 32)),  # a receptive field of 27 pixels
        ("edsr_small", {"blocks": 8}, (16, 18)),  # 39, of which half is nearly 20
        ("edsr", {"blocks": 9}, (20, 12)),  # 45
        ("srresnet", {}, (24, 8)),  # 80
        ("imdn", {"blocks": 2}, (24, 8)),  # the whole image
        ("vdsr", {}, (12, 32)),  # 41 of the upscaled image, 10 of the LR one
    ],
)
def test_patches_are_half_as_wide_as_the_receptive_field(image_folder, model, arguments, expected):
    request = training(model=model, model_args=arguments, train_data=str(image_folder), val_data=str(image_folder))
    assert settled(request) == expected


def test_patches_are_multiples_of_what_the_model_pads_to(image_folder, tmp_path):
    d = {"name": "windows", "scale": 4, "multiple": 16, "links": [(0, [("Conv2D", {"filters": 48}), ("PixelShuffle", {"size": 4})], "sr")]}
    write_json(tmp_path / "model.json", vf.canonicalize(d))
    request = training(model=str(tmp_path / "model.json"), train_data=str(image_folder), val_data=str(image_folder))
    assert settled(request)[0] == 16
    assert settled(change(request, patch_size=20))[0] == 20


def test_images_are_also_downscaled_unless_the_request_says_otherwise(image_folder):
    request, lines = training(train_data=str(image_folder), val_data=str(image_folder)), []
    plan = plan_of(request, lines.append)
    assert "6 images (3 of them downscaled copies), " in "\n".join(lines)
    assert set(plan.patches.store.sizes[3:, 1]) == {26}
    assert len(plan_of(change(request, rescale="none")).patches.store) == 3
    with pytest.raises(RequestError, match=r"--rescale=2: must be numbers between 0 and 1, joined by commas \(0.8,0.6\), or none"):
        change(request, rescale="2")


def test_what_is_requested_is_kept(image_folder):
    request = training(train_data=str(image_folder), val_data=str(image_folder), patch_size=20)
    assert settled(request) == (20, 12)
    assert settled(change(request, batch_size=3)) == (20, 3)
    assert settled(change(request, patch_size=32)) == (32, 3)  # three images, with room for one patch each
    assert settled(change(request, patch_size=None, batch_size=5)) == (12, 5)


def test_the_request_is_never_rewritten_and_everything_is_settled(image_folder):
    request = training(train_data=str(image_folder), val_data=str(image_folder))
    plan = plan_of(request)
    assert plan.request is request
    left_open = {flag for flag, value in to_flags(plan.config).items() if value is None}
    assert left_open == {"init_from", "weights", "initializer", "data_root", "stride", "cache_dir", "steps", "epochs", "minutes", "run_dir"} | {
        "noise_schedule",
        "noise_target",
        "sampling_steps",
    }


@pytest.mark.parametrize(
    ("flags", "kind"),
    [({}, "plain"), ({"adversarial": "lsgan"}, "adversarial"), ({"model": "sr3"}, "diffusion")],
)
def test_defaults_follow_the_kind_of_training(flags, kind):
    flight = preflight(training(**flags))
    assert flight.kind == kind
    settings = to_flags(flight.config)
    assert {flag: settings[flag] for flag in ("learning_rate", "ema")} == {flag: DEFAULTS[kind][flag] for flag in ("learning_rate", "ema")}
    assert settings["optimizer"].name == DEFAULTS[kind]["optimizer"]
    assert (flight.notes == ()) == (kind == "plain")


def test_a_requested_value_wins_over_the_kind_of_training():
    config = preflight(training(adversarial="lsgan", learning_rate=1e-3, loss="mse")).config
    assert config.optimizer.learning_rate == 1e-3
    assert str(config.objective) == "mse"
    assert config.gan.content_loss is None


def test_the_sampler_depends_on_the_degradation():
    assert preflight(training()).config.sampler.sampler.name == "headroom"
    assert preflight(training(degradation="blur+bicubic")).config.sampler.sampler.name == "hardest"


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        ({"model": "sr3", "adversarial": "lsgan"}, "--adversarial cannot be combined with a diffusion model (SR3)"),
        ({"noise_target": "image"}, "--noise_target belongs to diffusion models, and EDSR-small is none"),
        ({"init_from": "runs/nothing"}, "no run in runs/nothing"),
        ({"train_data": "embeded/train"}, "no data set 'embeded/train'"),
    ],
)
def test_what_does_not_go_together_is_refused_before_a_framework_starts(flags, sentence):
    with pytest.raises(RequestError) as caught:
        preflight(training(**flags))
    assert sentence in str(caught.value)
