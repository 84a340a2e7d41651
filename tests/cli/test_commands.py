"""The commands as a user types them: quick help, one line a mistake, an exit status that tells."""

import importlib.util
import os
import resource
import subprocess
import sys

import pytest


def run(root, *arguments, cwd=None, seconds=200, backend="tensorflow"):
    """Run a command; return (status, standard output, standard error)."""
    command, *rest = arguments
    environment = os.environ | {"PYTHONPATH": str(root), "KERAS_BACKEND": backend}
    done = subprocess.run(
        [sys.executable, str(root / f"{command}.py"), *rest], cwd=cwd or root, env=environment, capture_output=True, text=True, timeout=seconds
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("command", ["train", "evaluate", "rank"])
@pytest.mark.parametrize("flag", ["--help", "--list"])
def test_help_and_list_answer_at_once(root, command, flag):
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)  # the processor's time, whatever else runs beside
        status, text, errors = run(root, command, flag)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert (status, errors) == (0, "")
    assert "edsr" in text
    assert min(times) < 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "--modle=edsr"], "error: no flag '--modle'; did you mean '--model'?"),
        (["train", "--steps=many"], "error: --steps=many: must be a whole number"),
        (["train", "--learning_rate=fast"], "error: --learning_rate=fast: must be a number"),
        (["train", "steps=3"], "error: 'steps=3' is not a flag; did you mean '--steps=3'?"),
        (["train", "--steps=3", "--steps=4"], "error: --steps is given twice"),
        (["train", "--steps=3", "--epochs=4"], "error: --steps and --epochs both say how long to train; give one"),
        (["train", "--steps=0"], "error: --steps must be at least 1, not 0"),
        (["train", "--loss=l3"], "error: --loss: no loss 'l3'; did you mean 'l1'?"),
        (["train", "--optimizer=adm"], "error: --optimizer: no optimizer 'adm'; did you mean 'adam'?"),
        (
            ["train", "--sampler=importance"],
            "error: --sampler: no sampler 'importance'; there is flatness, hardest, headroom, low_psnr_static, psnr_gain, uniform, widening",
        ),
        (["train", "--precision=bf16"], "error: --precision: no precision 'bf16'; there is auto, float32, mixed_bfloat16"),
        (["train", "--learning_rate=-1"], "error: --learning_rate must be a number above 0, not -1.0"),
        (["train", "--learning_rate=nan"], "error: --learning_rate must be a number above 0, not nan"),
        (["train", "--seed=99999999999"], "error: --seed must be below 4294967296, not 99999999999"),
        (["train", "--scale=0"], "error: --scale must be at least 1, not 0"),
        (["train", "--check=maybe"], "error: --check=maybe: takes no value"),
        (["train", "--run_dir="], "error: --run_dir is empty; name a folder, or leave the flag out"),
        (["train", "--model_args=blocks"], "error: --model_args: 'blocks' is not KEY=VALUE (several are joined by commas: blocks=8,filters=32)"),
        (["train", "--list=modles"], "error: --list: no kind 'modles'; did you mean 'models'?"),
        (["evaluate"], "error: what is to be evaluated? give --run=DIR, or --model=NAME with --weights=FILE"),
        (["evaluate", "--run=x", "--report=x.pdf"], "error: --report: a report ends in .html, .md, .csv, .json, not 'x.pdf'"),
        (["evaluate", "--run=x", "--model=edsr"], "error: --run brings its own model and weights; give --run alone, or --model with --weights"),
    ],
)
def test_a_wrong_flag_is_one_line_and_status_2(root, arguments, sentence):
    status, text, errors = run(root, *arguments)
    assert (status, text, errors.strip()) == (2, "", sentence)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "--model=srresnt"], "error: no model 'srresnt'; did you mean 'srresnet'?"),
        (["train", "--model=edsr", "--model_args=block=3"], "error: model edsr: no argument 'block'; did you mean 'blocks'?"),
        (["train", "--train_data=embeded/train"], "error: no data set 'embeded/train' under .; did you mean 'embedded/train'?"),
        (["train", "--model=broken.py"], "error: model broken.py, line 1: SyntaxError: '{' was never closed"),
        (["train", "--model=leaving.py"], "error: model leaving.py, line 2: SystemExit: 3"),
        (["train", "--model=edsr", "--scale=5"], "error: model edsr(scale=5): scale must be 1, 2, 3, 4 or 8, not 5"),
        (
            ["train", "--model=edsr", "--model_args=residual_scale=abc"],
            "error: EDSR cannot be built: Rescaling.call(): Cast string to ",
        ),
        (["train", "--model=edsr", "--model_args=filters=8.0"], "error: EDSR: conv[0] (shifted -> head): Conv2D: 'filters' must be a whole number, not 8.0"),
        (["train", "--batch_size=100000000"], "error: --batch_size=100000000: there are only"),
        (["train", "--data_root=nowhere"], "error: --data_root: no folder nowhere"),
        (["train", "--run_dir=broken.py"], "error: --run_dir: broken.py is a file; name another folder, or remove it"),
        (["evaluate", "--run=damaged"], "error: damaged/model.json: is damaged: model: a model needs a 'name'"),
        (
            ["train", "--model=code.json"],
            "error: code: layer[0] (0 -> 1): layer 'Lambda' cannot stand in a dictionary: it holds code; register a layer class with vf.register_layer",
        ),
        (["evaluate", "--run=nowhere"], "error: no run in nowhere"),
        (["evaluate", "--model=edsr", "--weights=x.weights.h5", "--scale=4"], "error: weights: no file x.weights.h5"),
        (["evaluate", "--model=edsr", "--weights=no.weights.h5", "--scale=4"], "error: weights no.weights.h5: do not fit EDSR:"),
    ],
)
def test_a_wrong_name_or_file_is_one_line_and_status_2(root, tmp_path, arguments, sentence):
    (tmp_path / "broken.py").write_text("def broken(): return {'name'")
    (tmp_path / "leaving.py").write_text("import sys\nsys.exit(3)")
    (tmp_path / "damaged").mkdir()
    for file in ("run.json", "model.json"):
        (tmp_path / "damaged" / file).write_text("{}")
    (tmp_path / "code.json").write_text('{"name": "code", "layer": [[0, 1]], "layer_sub": ["Lambda"]}')
    (tmp_path / "no.weights.h5").write_text("nothing")
    status, _, errors = run(root, *arguments, cwd=tmp_path)
    assert status == (1 if "is damaged" in sentence else 2)
    assert errors.startswith(sentence), errors
    assert all(line.startswith("error: ") for line in errors.splitlines())
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_a_model_dropped_in_trains_by_its_name_and_is_evaluated(root, tmp_path):
    readme = (root / "README.md").read_text(encoding="utf-8")
    (tmp_path / "model_defs").mkdir()
    (tmp_path / "model_defs" / "tiny.py").write_text(readme.partition("```python\ndef tiny")[2].partition("```")[0].join(["def tiny", ""]))
    status, text, errors = run(root, "train", "--model=tiny", "--model_args=filters=8", "--steps=12", "--patch_size=12", "--batch_size=4", cwd=tmp_path)
    assert (status, errors) == (0, "")
    assert "Tiny x4" in text
    status, text, errors = run(root, "evaluate", "--run=latest", "--report=out.json", cwd=tmp_path)
    assert (status, errors) == (0, "")
    assert "| Tiny  | embedded/test |     4 |      2 |" in text
    status, text, errors = run(
        root, "evaluate", "--model=tiny", "--model_args=filters=8", "--weights=runs/tiny_x4-1/best.weights.h5", "--scale=4", cwd=tmp_path
    )
    assert (status, errors) == (0, "")
    assert "Tiny" in text


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_train_and_evaluate_too(root, tmp_path, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    small = ("--model_args=blocks=1,filters=4", "--steps=2", "--patch_size=8", "--batch_size=2")
    status, _, errors = run(root, "train", *small, cwd=tmp_path, backend=backend)
    assert status == 0, errors
    status, text, errors = run(root, "evaluate", "--run=latest", cwd=tmp_path, backend=backend)
    assert status == 0, errors
    assert "| EDSR-small | embedded/test |" in text


def test_an_unknown_backend_is_told(root):
    status, _, errors = run(root, "train", "--steps=1", backend="theano")
    assert (status, errors) == (2, "error: KERAS_BACKEND: no backend 'theano'; did you mean 'tensorflow'?\n")


def test_the_installed_command_names_its_commands(root):
    code = "import sys; from visionfw.cli import main; main(sys.argv[1:])"
    for arguments, status, said in (
        (["--help"], 0, "train"),
        (["tran"], 2, "error: no command 'tran'; did you mean 'train'?"),
        (["train", "--help"], 0, "visionfw train: "),
    ):
        done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=root, capture_output=True, text=True)
        assert done.returncode == status
        assert said in done.stdout + done.stderr
