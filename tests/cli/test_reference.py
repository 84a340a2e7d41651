"""The reference page says what the configurations and the registries say."""

from visionfw.cli.reference import reference, with_layers_table


def test_the_page_is_what_its_command_writes(root):
    page = (root / "docs" / "reference.md").read_text(encoding="utf-8")
    assert page == reference(), "run: python -m visionfw.cli.reference --write"


def test_the_language_page_lists_every_layer(root):
    page = (root / "docs" / "model-dictionary.md").read_text(encoding="utf-8")
    assert page == with_layers_table(page), "run: python -m visionfw.cli.reference --write"
