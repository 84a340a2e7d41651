"""Which precision 'auto' means on which hardware."""

import pytest

from visionfw.backend import precision


def test_a_precision_that_is_named_is_taken():
    assert precision.choose_precision("float32") == "float32"
    assert precision.choose_precision("mixed_bfloat16") == "mixed_bfloat16"


@pytest.mark.parametrize(
    ("accelerator", "processor", "expected"),
    [(None, False, "float32"), (None, True, "mixed_bfloat16"), (True, False, "mixed_bfloat16"), (False, True, "float32")],
)
def test_auto_is_bfloat16_only_where_hardware_has_it(monkeypatch, accelerator, processor, expected):
    monkeypatch.setattr(precision, "accelerator_has_bfloat16", lambda: accelerator)
    monkeypatch.setattr(precision, "processor_has_bfloat16", lambda: processor)
    assert precision.choose_precision("auto") == expected


@pytest.mark.parametrize(
    ("platform", "capability", "expected"),
    [
        ("gpu", "7.0", False),  # V100
        ("gpu", "7.5", False),  # T4
        ("gpu", "8.0", True),  # A100
        ("gpu", "9.0", True),
        ("gpu", "12.0", True),
        ("GPU", (7, 5), False),
        ("GPU", (8, 6), True),
        ("GPU", None, False),
        ("gpu", "gfx1030", False),
        ("tpu", None, True),
        ("TPU", None, True),
    ],
)
def test_gpus_have_bfloat16_units_from_ampere_on_and_tpus_always(platform, capability, expected):
    assert precision.has_bfloat16_units(platform, capability) is expected
