"""What the README and the docs say is so."""

import doctest
import importlib
import re

import pytest

import visionfw as vf


@pytest.mark.parametrize("module", ["errors", "graph.language.parser", "graph.analysis.describe"])
def test_examples_in_docstrings_run(module):
    assert doctest.testmod(importlib.import_module(f"visionfw.{module}")).attempted > 0
    assert doctest.testmod(importlib.import_module(f"visionfw.{module}")).failed == 0


def test_examples_in_the_language_page_run(root):
    result = doctest.testfile(str(root / "docs" / "model-dictionary.md"), module_relative=False)
    assert result.attempted > 2
    assert result.failed == 0


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
