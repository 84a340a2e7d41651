"""The reference page says what the configurations and the registries say."""

from visionfw.cli.reference import reference


def test_the_page_is_what_its_command_writes(root):
    page = (root / "docs" / "reference.md").read_text(encoding="utf-8")
    assert page == reference(), "run: python -m visionfw.cli.reference > docs/reference.md"
