"""A file of another program from the command line: fine-tuned, evaluated, written back; and requests that do not fit it."""

import numpy as np
import pytest

import visionfw as vf
from visionfw.runs.checkpoints import save_weights
from visionfw.weights.files import read_weights

#: Small members of the families that are fine-tuned most.
SMALL = {
    "compact": {"convolutions": 2, "filters": 8, "scale": 2},
    "realplksr": {"blocks": 1, "filters": 16, "partial": 4, "kernel_size": 5, "scale": 2},
    "rrdbnet": {"blocks": 1, "filters": 8, "growth": 4, "scale": 2},
    "span": {"filters": 8, "scale": 2},
    "swinir": {"depths": (2,), "heads": (2,), "filters": 8, "scale": 2},
}
FLAGS = ("--batch_size=2", "--patch_size=12", "--precision=float32")


def file_of(name, folder):
    """Write a file of an architecture with its initial weights; return the model and the file."""
    model = vf.build(vf.definition(name, **SMALL[name]))
    save_weights(model, folder / f"{name}.pth", names="reference")
    return model, folder / f"{name}.pth"


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_file_is_fine_tuned_written_back_and_evaluated(command, name, image_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    _, file = file_of(name, tmp_path)
    data = (f"--train_data={image_folder}", f"--val_data={image_folder}")
    trained = command("train", f"--weights={file}", *data, *FLAGS, "--steps=3", "--run_dir=run")
    assert (trained.status, trained.errors) == (0, "")
    assert f"weights {name}.pth: {name} x2" in trained.output
    assert command("export", "--run=run", "--out=tuned.safetensors").status == 0
    before, after = read_weights(file).arrays, read_weights(tmp_path / "tuned.safetensors").arrays
    assert set(before) == set(after)
    assert any(np.abs(before[key] - after[key]).max() > 0 for key in before)
    scored = command("evaluate", "--weights=tuned.safetensors", f"--test_data={image_folder}")
    assert scored.status == 0
    assert "|     2 |      3 |" in scored.output
    again = command("export", "--run=run", "--out=tuned.safetensors")
    assert (again.status, again.errors) == (2, "error: --out=tuned.safetensors: is there already; give --overwrite, or another name\n")


def test_another_scale_takes_what_fits_and_lists_what_does_not(command, image_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, file = file_of("realplksr", tmp_path)
    data = (f"--train_data={image_folder}", f"--val_data={image_folder}")
    done = command("train", f"--weights={file}", "--scale=3", *data, *FLAGS, "--steps=1", "--learning_rate=1e-12", "--run_dir=run")
    assert "weights realplksr.pth: 7 of 8 layers take their weights from the file" in done.output
    assert "these start fresh: conv_tail (" in done.output
    tuned = vf.open("run").model
    np.testing.assert_allclose(tuned.get_layer("conv_head").kernel, model.get_layer("conv_head").kernel, atol=1e-6)
    assert tuned.output_shape[-1] == 3


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("train", "--weights=nothing.pth"), "error: --weights=nothing.pth: no such file"),
        (("train", "--weights=realplksr.pth", "--init_from=run"), "error: --weights and --init_from both name what training starts from; give one"),
        (
            ("train", "--weights=realplksr.pth", "--initializer=normal:0.01"),
            "error: --weights brings weights along, so --initializer has nothing to initialize",
        ),
        (("train", "--weights=odd.pth"), "error: weights odd.pth: no architecture of this package has these 1 arrays"),
        (("evaluate", "--weights=realplksr.pth", "--scale=4"), "error: --scale=4: realplksr.pth has scale 2"),
        (("evaluate", "--weights=realplksr.pth", "--weight_names=auto"), "error: --weight_names belongs to --model"),
        (("export", "--weights=realplksr.pth", "--out=x.onn"), "error: --out=x.onn: must end in .safetensors or .pth"),
        (("export", "--out=x.pth"), "error: name what to export: --run=DIR or --weights=FILE"),
        (("export", "--weights=realplksr.pth", "--out=no/x.pth"), "error: --out=no/x.pth: no folder no"),
    ],
)
def test_a_request_that_does_not_fit_the_file_is_one_line(command, tmp_path, monkeypatch, flags, sentence):
    from torch_files import as_tensors, write_zip

    monkeypatch.chdir(tmp_path)
    file_of("realplksr", tmp_path)
    write_zip(tmp_path / "odd.pth", as_tensors({"odd.weight": np.zeros((2, 2))}))
    done = command(*flags)
    assert done.status == 2
    assert done.errors.startswith(sentence)
    assert not (tmp_path / "x.pth").exists() and not (tmp_path / "runs").exists()
