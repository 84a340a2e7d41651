"""What is known of the standard sets."""

import pytest

from visionfw.data.datasets import ImageSet
from visionfw.data.datasets.standard import STANDARD_DATASETS, count_mismatch, find_known


def test_the_fields_sets_are_there():
    wanted = "Set5 Set14 BSD100 BSD200 BSDS500 Urban100 Manga109 PIRM DIV2K Flickr2K CLIC_professional CLIC_mobile T91 General100 Kodak Sun-Hays80"
    assert {known.name for known in STANDARD_DATASETS} == set(wanted.split())
    for known in STANDARD_DATASETS:
        assert known.count > 0 and known.use and known.layout and known.license
        assert known.page.startswith("http")
        assert all(archive.address.startswith("http") for archive in known.archives)


@pytest.mark.parametrize(
    ("name", "known", "count"),
    [
        ("Set5", "Set5", 5),
        ("/data/set14", "Set14", 14),
        ("B100", "BSD100", 100),
        ("BSDS500/train", "BSDS500", 200),
        ("train/BSDS500/val", "BSDS500", 100),
        ("BSDS500", "BSDS500", 500),
        ("DIV2K", "DIV2K", 800),
        ("DIV2K/DIV2K_valid_HR", "DIV2K", 100),
        ("DIV2K_train_HR", "DIV2K", 800),
        ("SunHays80", "Sun-Hays80", 80),
    ],
)
def test_a_folder_is_recognized_by_its_name(name, known, count):
    found = find_known(name)
    assert (found[0].name, found[1]) == (known, count)


@pytest.mark.parametrize("name", ["train", "mine", "embedded/train", "Set50", "val"])
def test_other_names_are_nobodys(name):
    assert find_known(name) is None


def test_another_count_is_told():
    assert count_mismatch(ImageSet("Kodak", tuple(range(24)))) == []
    assert count_mismatch(ImageSet("Kodak", tuple(range(23)))) == ["Kodak: 23 images, but Kodak has 24; figures will not compare with published ones"]
