"""Aligned columns, as text and as Markdown."""

from visionfw.reports.text_tables import markdown_table, plain_table

ROWS = [("layer", "parameters"), ("Conv2D", "1,234"), ("Add", "")]


def test_columns_are_aligned_in_text():
    assert plain_table(ROWS, (False, True)) == ["layer   parameters", "------  ----------", "Conv2D       1,234", "Add"]


def test_columns_are_aligned_in_markdown():
    assert markdown_table(ROWS, (False, True)) == [
        "| layer  | parameters |",
        "|--------|-----------:|",
        "| Conv2D |      1,234 |",
        "| Add    |            |",
    ]


def test_columns_are_aligned_after_escaping():
    assert markdown_table([("a",), ("b|c",)], (False,))[1:] == ["|------|", "| b\\|c |"]
