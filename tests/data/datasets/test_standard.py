"""Facts about the standard sets."""

import pytest

from visionfw.data.datasets import ImageSet
from visionfw.data.datasets.standard import STANDARD_DATASETS, count_mismatch, find_standard


def test_the_fields_sets_are_there():
    names = "Set5 Set14 BSD100 BSD200 BSDS500 Urban100 Manga109 PIRM DIV2K Flickr2K CLIC_professional CLIC_mobile T91 General100 Kodak Sun-Hays80"
    assert {dataset.name for dataset in STANDARD_DATASETS} == set(names.split())
    for dataset in STANDARD_DATASETS:
        assert dataset.count > 0 and dataset.use and dataset.layout and dataset.license
        assert dataset.page.startswith("http")


def test_downloads_are_encrypted_and_the_large_ones_have_a_hash():
    archives = {dataset.name: dataset.archives for dataset in STANDARD_DATASETS}
    assert all(archive.address.startswith("https://") for own in archives.values() for archive in own)
    assert all(len(archive.sha256) in (0, 64) for own in archives.values() for archive in own)
    for name in ("DIV2K", "CLIC_professional", "CLIC_mobile"):
        assert len({archive.sha256 for archive in archives[name]} - {""}) == 2


@pytest.mark.parametrize(
    ("name", "standard", "count"),
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
def test_a_folder_is_recognized_by_its_name(name, standard, count):
    dataset, images = find_standard(name)
    assert (dataset.name, images) == (standard, count)


@pytest.mark.parametrize("name", ["train", "mine", "embedded/train", "Set50", "val"])
def test_other_names_are_no_standard_sets(name):
    assert find_standard(name) is None


def test_another_count_is_reported():
    assert count_mismatch(ImageSet("Kodak", tuple(range(24)))) == []
    assert count_mismatch(ImageSet("Kodak", tuple(range(23)))) == ["Kodak: 23 images, but Kodak has 24; scores will not compare with published ones"]
