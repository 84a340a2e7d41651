"""What the README and the docs say is so."""

import doctest
import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from configs import training

import visionfw as vf
from visionfw.cli.listing import models
from visionfw.data.augmentation import AUGMENTATIONS
from visionfw.diffusion import NOISE_SCHEDULES, SAMPLING
from visionfw.gan import GAN_LOSSES, build_gan_loss
from visionfw.graph.language.blocks import BLOCKS
from visionfw.graph.language.catalog import read_catalog
from visionfw.imaging.degradations import DEGRADATION_STEPS
from visionfw.io.plugins import load_plugins
from visionfw.layers import LAYERS, LayerEntry
from visionfw.layers.keras_layers import KERAS_LAYERS
from visionfw.losses import LOSSES
from visionfw.metrics import METRICS
from visionfw.optimizers import OPTIMIZERS, SCHEDULES
from visionfw.samplers import SAMPLERS

#: The registries that a file of the user's own can add to.
EXTENSIBLE = [
    LAYERS,
    BLOCKS,
    LOSSES,
    METRICS,
    SAMPLERS,
    OPTIMIZERS,
    SCHEDULES,
    DEGRADATION_STEPS,
    AUGMENTATIONS,
    GAN_LOSSES,
    NOISE_SCHEDULES,
    SAMPLING,
]


@pytest.mark.parametrize("module", ["errors", "graph.language.parser", "graph.language.catalog"])
def test_examples_in_docstrings_run(module):
    assert doctest.testmod(importlib.import_module(f"visionfw.{module}")).attempted > 0
    assert doctest.testmod(importlib.import_module(f"visionfw.{module}")).failed == 0


def test_examples_in_the_language_page_run(root):
    result = doctest.testfile(str(root / "docs" / "model-dictionary.md"), module_relative=False)
    assert result.attempted > 2
    assert result.failed == 0


def language_page(root, title):
    text = (root / "docs" / "model-dictionary.md").read_text(encoding="utf-8")
    return text.partition(f"\n### {title}\n")[2].partition("\n##")[0]


def test_the_language_page_lists_the_keras_layers_that_are_allowed(root):
    written = re.findall(r"`([A-Z][\w*]+)`", language_page(root, "Layers of Keras"))
    listed = [full for name in written for full in ([name.replace("*", f"{size}D") for size in (1, 2, 3)] if "*" in name else [name])]
    assert sorted(listed) == sorted(KERAS_LAYERS)


def test_the_language_pages_layer_of_ones_own_can_be_named(root):
    text = language_page(root, "Layers of your own")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
    namespace = {"__name__": "page"}
    exec(
        code.replace("@vf.register_layer(like", "@mark(like").replace(
            "import visionfw as vf\n", "import visionfw as vf\nfrom visionfw.layers import LAYERS, LayerEntry\nmark = lambda like: lambda layer: layer\n"
        ),
        namespace,
    )
    layer = namespace["HalvedConv2D"]
    with LAYERS.temporary(LayerEntry(name="HalvedConv2D", target=layer, like="Conv2D")):
        assert vf.cost({"name": "x", "conv": [(0, 1)], "conv_sub": "HalvedConv2D", "conv_par": {"filters": 3}}, output=(10, 10)) == (84, 8100, 3)


def test_the_readmes_python_runs(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, usage = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    namespace = {"__name__": "readme"}
    exec(model, namespace)
    assert vf.build(namespace["tiny"]()).count_params() == vf.cost(namespace["tiny"]()).params
    exec(usage, namespace)
    assert (tmp_path / "srresnet.png").exists()


def test_the_models_ten_lines_are_ten(root):
    model = re.search(r"```python\n(def tiny.*?)```", (root / "README.md").read_text(encoding="utf-8"), re.DOTALL).group(1)
    assert len(model.strip().splitlines()) == 10


def test_the_readmes_messages_are_what_is_said(root):
    readme = (root / "README.md").read_text(encoding="utf-8")
    d = vf.definition("srresnet")
    for change in ({"block_sub": ["residul", *d["block_sub"][1:]]}, {"conv_par": [d["conv_par"][0], {"filter": 8}, d["conv_par"][2]]}):
        with pytest.raises(vf.ModelDefinitionError) as caught:
            vf.check(d | change)
        assert f"    {caught.value.problems[0]}\n" in readme


def test_the_readmes_table_is_what_the_catalog_says(root):
    from benchmarks.model_table import rows

    assert "\n".join(rows(read_catalog())) in (root / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_catalog_is_what_the_script_counts():
    from benchmarks.model_table import catalog

    assert read_catalog() == catalog()


def test_the_list_of_models_says_what_each_costs_and_which_open_files(root):
    listed = models()
    for name, entry in read_catalog().items():
        (line,) = (line for line in listed.splitlines() if line.split()[:1] == [name])
        assert ("files of the reference" in line) == entry["has_reference"]
        assert entry["published"] in line


def test_every_page_that_is_linked_exists(root):
    for page in [root / "README.md", *(root / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links {target}"


def test_the_degradations_in_the_data_page_are_read_and_all_steps_are_listed(root):
    from visionfw.cli.listing import listing
    from visionfw.imaging.degradations.pipeline import Degradation

    page = (root / "docs" / "data.md").read_text(encoding="utf-8").partition("## Degradations")[2].partition("## The cache")[0]
    rows = [re.findall(r"`([^`]+)`", line.split("|")[1]) for line in page.splitlines() if line.startswith("| `")]
    messages = [text for row in rows for text in row if not text.startswith("--")]
    assert len(messages) > 5
    for text in messages:
        Degradation.parse(text, 3)
    assert all(f"  {name} " in listing("degradations", None) for name in DEGRADATION_STEPS)


ERRORS = re.findall(
    r"^\$ python (\w+)\.py ?(.*)\n((?:error: .*\n)+)", (Path(__file__).parents[1] / "docs" / "faq.md").read_text(encoding="utf-8"), re.MULTILINE
)


@pytest.mark.parametrize(("name", "flags", "errors"), ERRORS, ids=[f"{name} {flags}" for name, flags, _ in ERRORS])
def test_the_messages_in_the_page_of_errors_are_printed(command, tmp_path, monkeypatch, name, flags, errors):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VISIONFW_DATA", raising=False)
    ended = command(name, *flags.split())
    assert (ended.status, ended.errors.replace(f"{tmp_path}/", "")) == (2, errors)


def test_the_dictionaries_in_the_page_of_errors_are_refused_with_these_messages(root):
    result = doctest.testfile(str(root / "docs" / "faq.md"), module_relative=False)
    assert result.attempted > 5
    assert result.failed == 0


def python_blocks(page):
    """Return the Python code of a page, block by block."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def commands(page):
    """Return the commands in a page's console blocks, each as a list of words."""
    blocks = re.findall(r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [line.removeprefix("python ").replace(".py", "", 1).split() for block in blocks for line in block.splitlines()]


def test_the_python_of_the_quick_start_runs(root, capsys):
    (code,) = python_blocks(root / "docs" / "quick-start.md")
    exec(code, {"__name__": "page"})
    assert "ESPCN" in capsys.readouterr().out


@pytest.mark.slow
def test_the_commands_of_the_quick_start_run_one_after_the_other(root, command, tmp_path, monkeypatch, image_folder):
    monkeypatch.chdir(tmp_path)
    image_folder.rename(tmp_path / "photos")
    for words in commands(root / "docs" / "quick-start.md"):
        status, _, errors = command(*words)
        assert (status, errors) == (0, ""), words
    assert len(list((tmp_path / "photos_x4").iterdir())) == 3


@pytest.fixture
def extensions(root, tmp_path, monkeypatch, restored):
    """The examples of the page on extending, in a plug-in mine.py beside a model tiny.py; they are gone after the test."""
    for registry in EXTENSIBLE:
        restored(registry)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("VISIONFW_PLUGINS", raising=False)
    blocks = python_blocks(root / "docs" / "extending.md")
    (model,) = [block for block in blocks if "def tiny" in block]
    (tmp_path / "tiny.py").write_text(model)
    (tmp_path / "mine.py").write_text("\n\n".join(block for block in blocks if block != model))
    yield
    monkeypatch.delenv("VISIONFW_PLUGINS", raising=False)
    sys.modules.pop("visionfw_plugin_mine", None)


def test_the_page_on_extending_has_an_example_for_every_registry_that_is_open(extensions):
    before = {registry.kind: len(registry) for registry in EXTENSIBLE}
    load_plugins(["--plugins=mine.py"])
    assert {registry.kind: len(registry) for registry in EXTENSIBLE} == {kind: count + 1 for kind, count in before.items()}


def test_the_examples_of_the_page_on_extending_train_together(command, extensions):
    status, _, errors = command(
        "train", "--plugins=mine.py", "--model=tiny.py", "--model_args=filters=4", "--loss=l1+0.1*lp:exponent=2", "--sampler=EveryFew:step=3",
        "--optimizer=lion:beta_2=0.98", "--schedule=halfway:factor=0.5", "--degradation=salt:fraction=0.02+bicubic",
        "--augment=dihedral,negative:fraction=0.1", "--steps=2", "--batch_size=2", "--patch_size=8", "--run_dir=run",
    )  # fmt: skip
    assert (status, errors) == (0, "")
    assert "lp " in command("train", "--plugins=mine.py", "--list=losses").output
    status, _, errors = command("evaluate", "--plugins=mine.py", "--run=run", "--metrics=psnr,worst_error")
    assert (status, errors) == (0, "")


def test_the_layer_and_the_block_of_the_page_on_extending_stand_in_a_dictionary(extensions):
    load_plugins(["--plugins=mine.py"])
    d = {"name": "x", "block": [(0, 1)], "block_sub": "first_features", "block_par": {"filters": 3}, "layer": [(1, 2)], "layer_sub": "Shift"}
    assert vf.build(d).count_params() == vf.cost(d).params == 3 * 3 * 3 * 3 + 3


def test_the_gan_loss_and_the_diffusion_members_of_the_page_on_extending_are_used_by_the_text_of_a_flag(extensions):
    load_plugins(["--plugins=mine.py"])
    loss = build_gan_loss(training(adversarial="hinge:margin=0.5").gan.loss)
    assert float(loss.discriminator(np.float32([2, 0]), np.float32([-3, 0]))) == 0.5
    schedule = training(model="sr3", noise_schedule="geometric:steps=10,last=0.01").diffusion.noise_schedule
    np.testing.assert_allclose(schedule.gammas(), 0.01 ** np.linspace(0, 1, 11))
    spec = SAMPLING.parse("resample:noise=0.5")
    assert SAMPLING.load(spec.name)(0.9, 0.25, 0.5, 0.75, 1.0, **spec.options) == pytest.approx(0.75**0.5 * 0.25 + 0.25**0.5 * 0.5)
