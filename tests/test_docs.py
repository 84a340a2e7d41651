"""What the README and the docs say is so."""

import doctest
import importlib
import re

import pytest

import visionfw as vf
from visionfw.graph.checking.layer_catalog import parameter_names
from visionfw.layers import LAYERS, LayerEntry
from visionfw.layers.keras_layers import KERAS_LAYERS


@pytest.mark.parametrize("module", ["errors", "graph.language.parser", "graph.analysis.describe"])
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


def test_the_language_page_lists_visionfws_layers_with_their_parameters(root):
    rows = re.findall(r"^\| `(\w+)(?:\(([^)]*)\))?` \| \S", language_page(root, "Layers of visionfw"), re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(LAYERS)
    for name, parameters in rows:
        taken = parameter_names(LAYERS.load(name))
        assert [one for one in filter(None, parameters.split(", ")) if one != "..." and one not in taken] == [], name


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


def test_the_readmes_table_is_what_the_script_prints(root):
    from benchmarks.model_table import rows

    assert "\n".join(rows()) in (root / "README.md").read_text(encoding="utf-8")


def test_every_page_that_is_linked_exists(root):
    for page in [root / "README.md", *(root / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links {target}"


def test_the_degradations_in_the_data_page_are_read_and_all_steps_are_listed(root):
    from visionfw.cli.listing import listing
    from visionfw.imaging.degradations import DEGRADATION_STEPS
    from visionfw.imaging.degradations.pipeline import Degradation

    page = (root / "docs" / "data.md").read_text(encoding="utf-8").partition("## Degradations")[2].partition("## The cache")[0]
    rows = [re.findall(r"`([^`]+)`", line.split("|")[1]) for line in page.splitlines() if line.startswith("| `")]
    told = [text for row in rows for text in row if not text.startswith("--")]
    assert len(told) > 5
    for text in told:
        Degradation.parse(text, 3)
    assert all(f"  {name} " in listing("degradations", None) for name in DEGRADATION_STEPS)
