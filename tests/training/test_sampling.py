"""What a sampler did is noted by round and drawn at the end, also over an interruption."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from runs import interrupted, state_of

from visionfw.config import TrainRequest
from visionfw.data.patch_statistics import enlargement_psnr
from visionfw.training.fit import train
from visionfw.training.sampling import PSNR_EDGES, histogram
from visionfw.training.setup import prepare

REQUEST = TrainRequest(model_args=(("blocks", 1), ("filters", 8)), batch_size=4, patch_size=12, steps=12, validate_every=6, round_patches=12)


@pytest.mark.parametrize("sampler", ["psnr_gain:score=psnr", pytest.param("widening:share=0.1", marks=pytest.mark.slow)])
def test_a_run_notes_every_round_and_draws_them(tmp_path, sampler):
    said = []
    run = train(replace(REQUEST, sampler=sampler, run_dir=str(tmp_path / "run")), said.append)
    notes = state_of(run)["sampling"]
    assert [note["round"] for note in notes] == [0, 1, 2, 3]
    if sampler == "widening:share=0.1":
        highest = PSNR_EDGES[np.flatnonzero(notes[0]["drawn"])[-1]]
        assert highest <= np.quantile(enlargement_psnr(prepare(REQUEST, lambda line: None).source), 0.1)
    for note in notes:
        assert sum(note["drawn"]) == 12
        assert 0 <= note["flat"] <= 1
        assert sum(note.get("scores", [12])) == 12
    assert ("scores" in notes[0]) == sampler.startswith("psnr_gain")
    assert "sampling: " in "".join(said)
    for picture in (run.sampling, run.wanted):
        with Image.open(picture) as image:
            assert image.width > 500


@pytest.mark.slow
def test_few_patches_and_an_ungated_sampler_with_long_rounds_are_drawn_too(tmp_path, photograph):
    """One image of six patches; then rounds that are made far ahead of training."""
    from visionfw.imaging.files import write_image

    (tmp_path / "one").mkdir()
    write_image(tmp_path / "one" / "a.png", photograph[:60, :72])
    few = replace(REQUEST, train_data=str(tmp_path / "one"), stride=3, batch_size=2, round_patches=4, sampler="psnr_gain", run_dir=str(tmp_path / "few"))
    assert train(few, lambda line: None).wanted.exists()
    ahead = replace(REQUEST, batch_size=1, patch_size=8, steps=520, validate_every=130, round_patches=130, sampler="flatness", run_dir=str(tmp_path / "ahead"))
    assert train(ahead, lambda line: None).sampling.exists()


@pytest.mark.slow
def test_a_note_is_of_a_whole_round(tmp_path):
    """Stopped in the middle of the first round and resumed, the notes are those of a run that nothing stopped."""
    request = replace(REQUEST, sampler="psnr_gain")
    whole = train(replace(request, run_dir=str(tmp_path / "whole")), lambda line: None)
    run = interrupted(request, tmp_path / "run", 2)
    train(replace(request, run_dir=str(run.folder)), lambda line: None, resume=True)
    assert state_of(run)["sampling"] == state_of(whole)["sampling"]


def test_what_lies_outside_counts_in_the_outermost_bins():
    assert histogram(np.array([-50.0, 10.5, 999.0]), PSNR_EDGES) == [2, *[0] * 48, 1]
