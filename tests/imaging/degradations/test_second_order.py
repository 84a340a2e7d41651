"""The random chain of second order."""

import numpy as np

import visionfw as vf


def test_it_ends_with_a_sinc_filter_whose_ringing_overshoots_an_edge():
    """A sharp low-pass filter overshoots a step by 9% of its height, here 12 gray levels; the other stages at their mildest rarely do."""
    edge = np.full((64, 64, 3), 60, np.uint8)
    edge[:, 32:] = 195
    overshoots = []
    for seed in range(200):
        row = vf.degrade(edge, "second_order:sigma=0,noise_sigma=0,quality=95", 1, seed)[16:-16].mean(axis=(0, 2))
        overshoots.append(max(row.max() - 195, 60 - row.min()))
    assert np.mean(np.array(overshoots) > 10) > 0.2


def test_its_options_bound_how_bad_the_image_becomes(photograph):
    image = photograph[:96, :96]

    def mean_psnr(options):
        return np.mean([vf.psnr(vf.degrade(image, f"second_order:{options}", 1, seed), image) for seed in range(20)])

    mild = mean_psnr("sigma=0,noise_sigma=0,quality=95")
    assert mild > mean_psnr("sigma=0,noise_sigma=60,quality=95") + 1
    assert mild > mean_psnr("sigma=6,noise_sigma=0,quality=95") + 1
    assert mild > mean_psnr("sigma=0,noise_sigma=0,quality=1") + 0.5
