"""What a sampler drew is recorded round by round and drawn at the end, also across an interruption."""

import numpy as np
import pytest
from configs import change, plan_of, training
from PIL import Image
from runs import interrupted, silent, state_of

from visionfw.data.patches.statistics import patch_statistic
from visionfw.imaging.files import write_image
from visionfw.training.fit import train
from visionfw.training.sampling import PSNR_EDGES, SamplingHistory, histogram

REQUEST = training(model_args={"blocks": 1, "filters": 8}, batch_size=4, patch_size=12, steps=12, validate_every=6, round_patches=12)


def rounds_of(run):
    """Return the records of a run's rounds."""
    return state_of(run)["sampling"]


def test_values_beyond_the_edges_count_in_the_outermost_bins():
    assert histogram(np.array([-50.0, 10.5, 999.0]), PSNR_EDGES) == [2, *[0] * 48, 1]


def test_at_most_a_hundred_rounds_are_recorded_and_none_twice():
    rounds = []
    history = SamplingHistory(rounds, bicubic_psnr=np.full(4, 30.5), deviation=np.array([1.0, 9, 9, 9]), total_rounds=250, score="gain")
    for number in [*range(250), 249]:
        history.add(number, np.array([0, 1]), np.array([-99.0, 2.1]))
    assert [record["round"] for record in rounds] == list(range(0, 250, 3))
    assert rounds[0]["flat"] == 0.5
    assert (rounds[0]["drawn"][20], sum(rounds[0]["drawn"])) == (2, 2)
    assert (rounds[0]["scores"][0], sum(rounds[0]["scores"])) == (1, 2)


def test_a_sampler_without_scores_has_none_recorded():
    rounds = []
    history = SamplingHistory(rounds, bicubic_psnr=np.full(4, 30.5), deviation=np.full(4, 9.0), total_rounds=1, score=None)
    history.add(0, np.array([3]), None)
    assert rounds[0].keys() == {"round", "drawn", "flat"}


@pytest.mark.parametrize("sampler", ["psnr_gain:score=psnr", pytest.param("widening:fraction=0.1", marks=pytest.mark.slow)])
def test_a_run_records_every_round_and_draws_them(tmp_path, sampler):
    lines = []
    run = train(change(REQUEST, sampler=sampler, run_dir=str(tmp_path / "run")), lines.append)
    rounds = rounds_of(run)
    assert [record["round"] for record in rounds] == [0, 1, 2, 3]
    assert all(sum(record["drawn"]) == 12 for record in rounds)
    assert [("scores" in record) for record in rounds] == [sampler.startswith("psnr_gain")] * 4
    if sampler == "widening:fraction=0.1":
        highest = PSNR_EDGES[np.flatnonzero(rounds[0]["drawn"])[-1]]
        assert highest <= np.quantile(patch_statistic(plan_of(REQUEST, silent).patches, "bicubic_psnr"), 0.1)
    assert "patches of highest and lowest priority: " in "".join(lines)
    for picture in (run.sampling, run.priority):
        with Image.open(picture) as image:
            assert image.width > 500


@pytest.mark.slow
def test_few_patches_are_drawn_too(tmp_path, photograph):
    (tmp_path / "one").mkdir()
    write_image(tmp_path / "one" / "a.png", photograph[:60, :72])  # six patches
    request = change(REQUEST, train_data=str(tmp_path / "one"), stride=3, batch_size=2, round_patches=4, sampler="psnr_gain", run_dir=str(tmp_path / "run"))
    assert train(request, silent).priority.exists()


@pytest.mark.slow
def test_rounds_that_are_drawn_far_ahead_of_training_are_recorded(tmp_path):
    request = change(REQUEST, batch_size=1, patch_size=8, steps=520, validate_every=130, round_patches=130, sampler="flatness", run_dir=str(tmp_path / "run"))
    run = train(request, silent)
    assert [record["round"] for record in rounds_of(run)] == [0, 1, 2, 3]
    assert run.sampling.exists()


@pytest.mark.slow
def test_a_round_that_was_interrupted_is_recorded_as_a_whole(tmp_path):
    """Stopped inside the first round and resumed, a run has the records of one that nothing stopped."""
    request = change(REQUEST, sampler="psnr_gain")
    whole = train(change(request, run_dir=str(tmp_path / "whole")), silent)
    run = interrupted(request, tmp_path / "run", 2)
    train(change(request, run_dir=str(run.folder)), silent, resume=True)
    assert rounds_of(run) == rounds_of(whole)
