"""The names that users rely on."""

import visionfw as vf

NAMES = """
    ModelDefinitionError VisionfwError __version__ build canonicalize check cost data definition degrade describe diff draw fold imresize load
    load_weights luma open psnr register_augmentation register_block register_degradation register_gan_loss register_layer register_loss register_metric
    register_noise_schedule register_optimizer register_sampler register_sampling register_schedule samplers save_weights schema ssim upscale
"""


def test_the_public_names_are_these():
    assert vf.__all__ == sorted(NAMES.split())


def test_every_public_name_is_there_and_says_what_it_is():
    for name in vf.__all__:
        assert getattr(vf, name).__doc__, name


def test_vf_data_opens_patches_and_vf_samplers_holds_samplers():
    assert callable(vf.data.open)
    assert vf.samplers.Uniform(10).draw(3).shape == (3,)
