"""How many of the models that the community publishes are of an architecture that opens."""

from visionfw.interchange.references import installed_references

#: Models on OpenModelDB by architecture, counted over its 671 entries; the model file that opens them.
PUBLISHED = {
    "ESRGAN": (371, "rrdbnet"),
    "Compact": (85, "compact"),
    "SPAN": (34, "span"),
    "DAT": (34, "dat"),
    "SwinIR": (22, "swinir"),
    "RealPLKSR": (21, "realplksr"),
    "OmniSR": (20, "omnisr"),
    "SRFormer": (9, "srformer"),
    "HAT": (7, "hat"),
    "RGT": (7, "rgt"),
    "Real-CUGAN": (7, "real_cugan"),
    "DRCT": (6, "drct"),
    "ATD": (5, "atd"),
    "MoSR": (5, "mosr"),
    "RCAN": (4, "rcan"),
}
MODELS = 671


def test_at_least_94_percent_of_the_communitys_models_are_of_an_architecture_that_opens():
    detecting = {reference.name for reference in installed_references() if reference.detect is not None}
    open_models = sum(count for count, name in PUBLISHED.values() if name in detecting)
    missing = [architecture for architecture, (_, name) in PUBLISHED.items() if name not in detecting]
    assert open_models / MODELS >= 0.94, f"{open_models / MODELS:.1%}; missing: {', '.join(missing)}"
