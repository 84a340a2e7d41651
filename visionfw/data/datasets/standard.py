"""The field's standard image sets: how many images they have, what they are used for, and where they can be downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from visionfw.data.datasets.image_set import ImageSet

_HUGGING_FACE = "https://huggingface.co/datasets/eugenesiow"
_ETH = "https://data.vision.ee.ethz.ch/cvl"
_BSDS = "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/resources.html"


@dataclass(frozen=True)
class Archive:
    """A file with images of a set.

    Attributes:
        address: where it is.
        member: only files whose name in the archive contains this belong to the set.
        folder: the folder of the set that they go into; '' for the set's own.
        sha256: of the file, as TensorFlow Datasets publishes it; '' where none is published.
    """

    address: str
    member: str = ""
    folder: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class StandardDataset:
    """A standard set.

    Attributes:
        name: as papers call it.
        images: how many there are; of sets with several parts, by folder: {'train': 200, ...}.
        use: 'train', 'test', or 'train, test'.
        layout: how its files usually lie.
        license: the terms, as far as its page or its papers state them.
        page: where it comes from.
        archives: public addresses; none where there is no open one.
        aliases: other names of the same images.
        warning: a known pitfall.
    """

    name: str
    images: int | dict[str, int]
    use: str
    layout: str
    license: str
    page: str
    archives: tuple[Archive, ...] = ()
    aliases: tuple[str, ...] = ()
    warning: str = ""

    @property
    def count(self) -> int:
        """Images in all parts."""
        return self.images if isinstance(self.images, int) else sum(self.images.values())

    @property
    def names(self) -> set[str]:
        """The name and the aliases, in lower case."""
        return {name.lower() for name in (self.name, *self.aliases)}


def _tar(name: str, file: str, folder: str = "") -> Archive:
    return Archive(f"{_HUGGING_FACE}/{name}/resolve/main/data/{file}.tar.gz", folder=folder)


_UNSTATED = "not stated"
_PARTS = {"train": 200, "val": 100, "test": 200}

STANDARD_DATASETS = (
    StandardDataset("Set5", 5, "test", "HR", _UNSTATED, "http://people.rennes.inria.fr/Aline.Roumy/results/SR_BMVC12.html", (_tar("Set5", "Set5_HR"),)),
    StandardDataset("Set14", 14, "test", "HR", _UNSTATED, "https://sites.google.com/site/romanzeyde/research-interests", (_tar("Set14", "Set14_HR"),)),
    StandardDataset(
        "BSD100",
        100,
        "test",
        "HR",
        "research and education, not commercial",
        _BSDS,
        (_tar("BSD100", "BSD100_HR"),),
        ("B100", "BSDS100"),
        "its images are BSDS500/val: do not train on those",
    ),
    StandardDataset("BSD200", 200, "train", "HR", "research and education, not commercial", _BSDS, (), ("BSDS200",), "its images are BSDS500/train"),
    StandardDataset(
        "BSDS500",
        _PARTS,
        "train",
        "train/, val/, test/ of HR",
        "research and education, not commercial",
        _BSDS,
        tuple(
            Archive("https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/BSR/BSR_bsds500.tgz", f"BSDS500/data/images/{part}/", part)
            for part in _PARTS
        ),
        ("BSD500",),
        "val is BSD100",
    ),
    StandardDataset("Urban100", 100, "test", "HR", _UNSTATED, "https://github.com/jbhuang0604/SelfExSR", (_tar("Urban100", "Urban100_HR"),)),
    StandardDataset("Manga109", 109, "test", "HR", "academic, on application; not to be passed on", "http://www.manga109.org/en/"),
    StandardDataset(
        "PIRM",
        {"val": 100, "test": 100},
        "test",
        "val/, test/ of HR",
        "CC BY-NC-SA 4.0",
        "https://pirm.github.io",
        (_tar("PIRM", "PIRM_valid_HR", "val"), _tar("PIRM", "PIRM_test_HR", "test")),
    ),
    StandardDataset(
        "DIV2K",
        {"DIV2K_train_HR": 800, "DIV2K_valid_HR": 100},
        "train, test",
        "DIV2K_train_HR/, DIV2K_train_LR_bicubic/X4/",
        "academic research only",
        f"{_ETH}/DIV2K/",
        tuple(
            Archive(f"{_ETH}/DIV2K/DIV2K_{part}_HR.zip", folder=f"DIV2K_{part}_HR", sha256=sha256)
            for part, sha256 in (
                ("train", "9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335"),
                ("valid", "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc"),
            )
        ),
    ),
    StandardDataset(
        "Flickr2K",
        2650,
        "train",
        "HR",
        _UNSTATED,
        "https://github.com/LimBee/NTIRE2017",
        (Archive("https://cv.snu.ac.kr/research/EDSR/Flickr2K.tar", "Flickr2K_HR/"),),
    ),
    StandardDataset(
        "CLIC_professional",
        {"train": 585, "valid": 41},
        "train, test",
        "train/, valid/ of HR",
        "Unsplash license",
        "https://archive.compression.cc",
        tuple(
            Archive(f"{_ETH}/clic/professional_{part}_2020.zip", folder=part, sha256=sha256)
            for part, sha256 in (
                ("train", "54a2a684b5cbd0db91770a8695efb774fed1f612194fee68bceaf6b1c48e5d5f"),
                ("valid", "00be38092ade2ab5163b65f7f6523d46c7bca147007f559adbb02c0afc236b7d"),
            )
        ),
    ),
    StandardDataset(
        "CLIC_mobile",
        {"train": 1048, "valid": 61},
        "train, test",
        "train/, valid/ of HR",
        _UNSTATED,
        "https://archive.compression.cc",
        tuple(
            Archive(f"{_ETH}/clic/mobile_{part}_2020.zip", folder=part, sha256=sha256)
            for part, sha256 in (
                ("train", "4bf9d890e6785426fb41cb4f43df3d8cd6db25fafcc76fc1eb629141166d6529"),
                ("valid", "ff0280382eeb32fdceb28c81a7f47ac9ad86d933ebe901680845635d04e47a10"),
            )
        ),
    ),
    StandardDataset("T91", 91, "train", "HR", _UNSTATED, "http://www.ifp.illinois.edu/~jyang29/ScSR.htm", (), ("91-image", "Yang91")),
    StandardDataset("General100", 100, "train", "HR, BMP", _UNSTATED, "http://mmlab.ie.cuhk.edu.hk/projects/FSRCNN.html", (), ("General-100",)),
    StandardDataset(
        "Kodak",
        24,
        "test",
        "HR",
        "released for unrestricted use",
        "https://r0k.us/graphics/kodak/",
        tuple(Archive(f"https://r0k.us/graphics/kodak/kodak/kodim{number:02}.png") for number in range(1, 25)),
        ("Kodak24",),
    ),
    StandardDataset("Sun-Hays80", 80, "test", "HR", _UNSTATED, "http://cs.brown.edu/~lbsun/SRproj2012/SR_iccp2012.html", (), ("SunHays80", "Sun_Hays80")),
)


_LONG_NAME = 8  # letters: the name of a part that is longer is a set's own even without the set's folder above it (DIV2K_train_HR)


def find_standard(name: str) -> tuple[StandardDataset, int] | None:
    """Return the standard set that a data name or folder is named after, and how many images it should have; None where there is none.

    'BSDS500/train' is a part of BSDS500; '/data/Set5' is Set5.
    """
    *parents, last = [part.lower() for part in Path(name).parts] or [""]
    for dataset in STANDARD_DATASETS:
        parts = {} if isinstance(dataset.images, int) else dataset.images
        for part, count in parts.items():
            if last == part.lower() and (len(part) > _LONG_NAME or dataset.names & set(parents)):
                return dataset, count
        if last in dataset.names:
            return dataset, parts["DIV2K_train_HR"] if dataset.name == "DIV2K" else dataset.count  # DIV2K alone means its training images
    return None


def count_mismatch(images: ImageSet) -> list[str]:
    """Return a line where a set is named like a standard one and has another number of images."""
    standard = find_standard(images.name)
    if standard is None or len(images.hr) == standard[1]:
        return []
    return [f"{images.name}: {len(images.hr)} images, but {standard[0].name} has {standard[1]}; scores will not compare with published ones"]
