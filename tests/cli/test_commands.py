"""The commands as a user types them: quick help, one line per mistake, and the exit status."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest

from visionfw.cli import entry, main

COMMANDS = tuple(entry.COMMANDS)
#: Runs a script as Python does, and prints which of the slow libraries it has imported when it ends.
NOTING_IMPORTS = """
import atexit, json, runpy, sys
atexit.register(lambda: print(json.dumps([name for name in ("keras", "tensorflow", "jax", "torch", "matplotlib") if name in sys.modules]), file=sys.stderr))
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def process(*command, cwd, backend="tensorflow"):
    """Run Python in a process of its own."""
    environment = os.environ | {"KERAS_BACKEND": backend}
    return subprocess.run([sys.executable, *map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "--list"])
def test_help_and_list_import_nothing_slow(root, command, flag):
    done = process("-c", NOTING_IMPORTS, root / f"{command}.py", flag, cwd=root)
    assert (done.returncode, json.loads(done.stderr)) == (0, [])
    assert "edsr" in done.stdout or command in ("prepare", "export")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_scripts_exit_status_is_its_commands(root, tmp_path, command):
    done = process(root / f"{command}.py", "--modle=edsr", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: no flag '--modle'; ") and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train", "--modle=edsr"], "error: no flag '--modle'; did you mean '--model'?"),
        (["train", "--steps=many"], "error: --steps=many: must be a whole number"),
        (["train", "--learning_rate=fast"], "error: --learning_rate=fast: must be a number"),
        (["train", "steps=3"], "error: 'steps=3' is not a flag; did you mean '--steps=3'?"),
        (["train", "--steps=3", "--steps=4"], "error: --steps is given twice"),
        (["train", "--steps=3", "--epochs=4"], "error: --steps and --epochs both say how long to train; give one"),
        (["train", "--steps=0"], "error: --steps must be a whole number of at least 1, not 0"),
        (["train", "--loss=l3"], "error: --loss: no loss 'l3'; did you mean 'l1'?"),
        (["train", "--optimizer=adm"], "error: --optimizer: no optimizer 'adm'; did you mean 'adam'?"),
        (
            ["train", "--sampler=importance"],
            "error: --sampler: no sampler 'importance'; there is flatness, hardest, headroom, low_psnr_static, psnr_gain, uniform, widening",
        ),
        (["train", "--precision=bf16"], "error: --precision: no precision 'bf16'; there is auto, float32, mixed_bfloat16"),
        (["train", "--learning_rate=-1"], "error: --learning_rate must be a finite number above 0, not -1.0"),
        (["train", "--learning_rate=nan"], "error: --learning_rate must be a finite number above 0, not nan"),
        (["train", "--seed=99999999999"], "error: --seed must be a whole number from 0 to 4294967295, not 99999999999"),
        (["train", "--scale=0"], "error: --scale must be a whole number of at least 1, not 0"),
        (["train", "--dry_run=maybe"], "error: --dry_run=maybe: takes no value"),
        (["train", "--run_dir="], "error: --run_dir is empty; name a folder, or leave the flag out"),
        (
            ["train", "--model_args=blocks"],
            "error: --model_args: 'blocks' is not KEY=VALUE (several are joined by commas: blocks=8,kernels=[9,1,5]; quote other text: name='a b')",
        ),
        (["train", "--list=modles"], "error: --list: no kind 'modles'; did you mean 'models'?"),
        (["evaluate"], "error: name what to evaluate: --run=DIR, or --weights=FILE, with --model=NAME where the file does not tell its architecture"),
        (["evaluate", "--run=x", "--report=x.pdf"], "error: --report: a report ends in .html, .md, .csv, .json, not 'x.pdf'"),
        (["evaluate", "--run=x", "--model=edsr"], "error: --run brings its own model and weights; give --run alone, or --model with --weights"),
    ],
)
def test_a_wrong_flag_is_one_line_and_status_2(command, arguments, sentence):
    assert command(*arguments) == (2, "", sentence + "\n")


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
        (["train", "--model=edsr", "--model_args=filters=8.0"], "error: EDSR: links[2] (shifted -> head): Conv2D: 'filters' must be a whole number, not 8.0"),
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
def test_a_wrong_name_or_file_is_one_line_and_status_2(command, tmp_path, monkeypatch, arguments, sentence):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.py").write_text("def broken(): return {'name'")
    (tmp_path / "leaving.py").write_text("import sys\nsys.exit(3)")
    (tmp_path / "damaged").mkdir()
    for file in ("run.json", "model.json"):
        (tmp_path / "damaged" / file).write_text("{}")
    (tmp_path / "code.json").write_text('{"name": "code", "layer": [[0, 1]], "layer_sub": ["Lambda"]}')
    (tmp_path / "no.weights.h5").write_text("nothing")
    status, _, errors = command(*arguments)
    assert status == (1 if "is damaged" in sentence else 2)
    assert errors.startswith(sentence), errors
    assert all(line.startswith("error: ") for line in errors.splitlines())
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_train_and_evaluate_too(root, tmp_path, backend):
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    small = ("--model_args=blocks=1,filters=4", "--steps=2", "--patch_size=8", "--batch_size=2")
    done = process(root / "train.py", *small, cwd=tmp_path, backend=backend)
    assert done.returncode == 0, done.stderr
    done = process(root / "evaluate.py", "--run=latest", cwd=tmp_path, backend=backend)
    assert done.returncode == 0, done.stderr
    assert "| EDSR-small | embedded/test |" in done.stdout


def test_an_unknown_backend_is_reported(command, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    assert command("train", "--steps=1") == (2, "", "error: KERAS_BACKEND: no backend 'theano'; did you mean 'tensorflow'?\n")


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (["--help"], 0, "train"),
        (["tran"], 2, "error: no command 'tran'; did you mean 'train'?"),
        (["train", "--help"], 0, "visionfw train: "),
    ],
)
def test_the_installed_command_names_its_commands(capsys, arguments, status, text):
    try:
        main(arguments)
        ended = 0
    except SystemExit as end:
        ended = end.code
    assert ended == status
    assert text in "".join(capsys.readouterr())
