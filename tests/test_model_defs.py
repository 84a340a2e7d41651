"""The contract of every architecture in model_defs: one table, one test a promise. A new file is found by itself."""

import ast
import importlib.util
import json
import math
import os
import subprocess
import sys

import keras
import numpy as np
import pytest

import visionfw as vf
from visionfw.graph.checking.check import examine
from visionfw.graph.language import loader as models

NAMES = models.names()
JUDGING = [name for name in NAMES if name.endswith("_discriminator")]
DENOISING = ["sr3"]
ENLARGING = [name for name in NAMES if name not in JUDGING + DENOISING]
#: Architectures for which the quick suite runs the tests that take seconds.
QUICK = ("compact", "edsr", "edsr_small", "espcn", "imdn", "patch_discriminator", "rrdbnet", "sr3", "srcnn", "srresnet", "swinir", "vdsr")
#: Arguments that make an architecture small, for tests that run it.
SMALL = {
    "atd": {"depths": (2,), "heads": (2,), "filters": 16, "window": 4, "tokens": 4, "reduced": 2, "expansion": 1},
    "dat": {"depths": (2,), "heads": (2,), "filters": 32, "window": (2, 4), "expansion": 1},
    "bsrn": {"blocks": 2, "filters": 16},
    "carn": {"filters": 8},
    "compact": {"convolutions": 2, "filters": 8},
    "ecbsr": {"blocks": 1, "filters": 4},
    "drct": {"groups": 1, "heads": 2, "filters": 8, "growth": 4, "window": 4},
    "edsr": {"blocks": 1, "filters": 8},
    "edsr_small": {"blocks": 1, "filters": 8},
    "fsrcnn": {"filters": 8, "shrunk": 4},
    "hat": {"depths": (2,), "heads": 2, "filters": 8, "window": 4, "overlap": 2, "compressed": 4, "squeezed": 2, "features": 8},
    "imdn": {"blocks": 2, "filters": 16},
    "msrn": {"blocks": 1, "filters": 8},
    "pan": {"blocks": 1, "filters": 8, "enlarged_filters": 8},
    "rrdbnet": {"blocks": 1, "filters": 8, "growth": 4},
    "span": {"filters": 8},
    "rcan": {"groups": 1, "blocks": 1, "filters": 16},
    "mosr": {"blocks": 1, "filters": 8, "hidden": 12, "convolved": 8},
    "omnisr": {"groups": 1, "filters": 8},
    "plksr": {"blocks": 1, "filters": 8, "partial": 2, "kernel_size": 5},
    "real_cugan": {"filters": 16},
    "realplksr": {"blocks": 1, "filters": 8, "partial": 2, "kernel_size": 5, "dysample": True},
    "shufflemixer": {"blocks": 1, "filters": 8, "kernel_size": 3},
    "safmn": {"blocks": 1, "filters": 8, "hidden": 8},
    "rdn": {"blocks": 2, "layers": 2, "growth": 8, "filters": 8},
    "rfdn": {"blocks": 2, "filters": 8},
    "rgt": {"depths": (2,), "heads": (2,), "filters": 32, "window": (2, 4), "expansion": 1},
    "rlfn": {"blocks": 1, "filters": 8, "attention_filters": 4},
    "patch_discriminator": {"filters": 4},
    "sr3": {"filters": 8},
    "srgan_discriminator": {"patch_size": 32, "filters": 4, "dense": 8},
    "srformer": {"depths": (2,), "heads": 2, "filters": 8, "window": 4, "features": 8},
    "srresnet": {"blocks": 1, "filters": 8},
    "swin2sr": {"depths": (2,), "heads": 2, "filters": 8, "window": 4, "features": 8},
    "swinir": {"depths": (2,), "heads": 2, "filters": 8, "window": 4, "features": 8},
    "unet_discriminator": {"filters": 4},
    "vdsr": {"layers": 3, "filters": 8},
    "dncnn": {"layers": 4, "filters": 8},
    "drunet": {"blocks": 1, "widths": (4, 6, 8, 10)},
    "dbpn": {"stages": 3, "filters": 4, "features": 6},
    "drrn": {"units": 2, "filters": 8},
    "lapsrn": {"layers": 2, "filters": 8},
    "nafnet": {"filters": 4, "encoders": (1, 1), "middle": 1, "decoders": (1, 1)},
}
#: The scales of an architecture that does not have all of 1, 2, 3, 4 and 8.
SCALES = {"real_cugan": (2, 3, 4), "dncnn": (1,), "drunet": (1,), "nafnet": (1,), "dbpn": (2, 4, 8), "lapsrn": (2, 4, 8)}
#: Of the lightweight models of SwinIR and of those that follow it.
_LIGHT = {"filters": 60, "depths": (6, 6, 6, 6), "upsampler": "pixelshuffledirect"}
#: name, arguments, published count, what is counted, source.
PUBLISHED = [
    ("compact", {}, 621_424, "all", "xinntao/Real-ESRGAN, SRVGGNetCompact of realesr-animevideov3: 621,424 weights in its file"),
    ("compact", {"convolutions": 32}, 1_213_296, "all", "the same, realesr-general-x4v3: 1.21M"),
    (
        "ecbsr",
        {"deployed": True, "scale": 2},
        10_100,
        "all",
        "arithmetic over xindongzhang/ECBSR; table 2 says 10.2K, one value per feature and middle block more",
    ),
    ("ecbsr", {"deployed": True}, 11_840, "all", "the same; 11.9K"),
    ("ecbsr", {"deployed": True, "blocks": 10, "filters": 32}, 97_776, "all", "the same; 98.1K"),
    ("rrdbnet", {}, 16_697_987, "all", "XPixelGroup/BasicSR, RRDBNet: 16.70M"),
    ("rrdbnet", {"blocks": 6}, 4_467_779, "all", "the same with 6 blocks, realesrgan-x4plus-anime: 4.47M"),
    ("span", {}, 1_840_488, "all", "arithmetic over hongyuanyu/SPAN's training form: no figure is published"),
    ("span", {"deployed": True}, 426_288, "all", "0.43M in Wan et al., CVPRW 2024; 426,288 weights in the file of its x4 model"),
    ("span", {"deployed": True, "scale": 2}, 410_700, "all", "0.41M: the same"),
    ("dbpn", {"scale": 2}, 5_953_526, "all", "alterzero/DBPN-Pytorch, dbpn.py, D-DBPN"),
    ("dbpn", {}, 10_426_358, "all", "the same: 10,426,358"),
    ("drrn", {}, 297_216, "all", "297K in Tai et al., CVPR 2017; jt827859032/DRRN-pytorch, drrn.py"),
    ("lapsrn", {"bias": False}, 812_768, "all", "812K in Lai et al., CVPR 2017, without biases"),
    ("lapsrn", {}, 814_242, "all", "phoenix104104/LapSRN, init_LapSRN_model.m, with them"),
    ("lapsrn", {"bias": False, "kernel_size": 4}, 870_112, "all", "twtygqyy/pytorch-LapSRN, lapsrn.py: as many weights in its published file"),
    ("nafnet", {}, 29_159_715, "all", "megvii-research/NAFNet, options of NAFNet-SIDD-width32; 16 G multiply-adds at 256x256, as in its paper"),
    ("nafnet", {"filters": 64}, 115_982_915, "all", "the same, width64: 116M"),
    ("nafnet", {"filters": 64, "encoders": (1, 1, 1, 28), "middle": 1, "decoders": (1, 1, 1, 1)}, 67_888_835, "all", "the same, NAFNet-GoPro-width64: 67.9M"),
    # The paper's convolutions before a normalization have no biases; KAIR's have.
    ("dncnn", {"color": "y", "layers": 17}, 556_032 + 16 * 64 + 1, "all", "Zhang et al., TIP 2017: 556K + biases; cszn/KAIR, network_dncnn.py"),
    ("dncnn", {"norm": False}, 668_227, "all", "the same, dncnn_color_blind: 0.67M"),
    ("dncnn", {"norm": False, "noise_map": True}, 668_803, "all", "the same, fdncnn_color"),
    ("drunet", {}, 32_640_960, "all", "cszn/KAIR, network_unet.py, drunet_color: 32.64M"),
    ("drunet", {"color": "y"}, 32_638_656, "all", "the same, drunet_gray"),
    ("srcnn", {"kernels": (9, 1, 5)}, 8_032, "weights", "Dong et al., TPAMI 2016, section 4.3.2: 8,032 without biases"),
    ("srcnn", {"kernels": (9, 3, 5)}, 24_416, "weights", "the same: 24,416"),
    ("srcnn", {"kernels": (9, 5, 5)}, 57_184, "weights", "the same: 57,184"),
    ("srcnn", {"kernels": (9, 1, 7)}, 8_800, "weights", "arithmetic, 81*64 + 64*32 + 49*32: no figure is published"),
    ("srcnn", {"color": "rgb", "upscale": "last"}, 69_251, "all", "arithmetic, 243*64+64 + 1600*32+32 + 800*3+3: no figure is published"),
    ("fsrcnn", {}, 12_464, "weights", "Dong et al., ECCV 2016, table 1: 12,464 without biases and PReLU"),
    ("espcn", {"scale": 2}, 21_184, "weights", "Zhang et al. (ECBSR), ACM MM 2021, table 2: 21.18K"),
    ("espcn", {"scale": 4}, 24_640, "weights", "the same: 24.64K"),
    ("vdsr", {}, 664_704, "weights", "Kim et al., CVPR 2016; 665K in Lai et al. (LapSRN), CVPR 2017"),
    # Ledig et al. give no count; EDSR's table 1 says 1.5M. With all biases and a PReLU a channel, as Keras' shared_axes makes it:
    ("srresnet", {}, 1_550_659, "all", "arithmetic: 16 x (2 x 36,928 + 2 x 128 + 64) + head, tail and two stages; 1.5M in Lim et al., CVPRW 2017, table 1"),
    ("edsr", {"scale": 2}, 1_369_859, "all", "sanghyun-son/EDSR-PyTorch, edsr.py, baseline"),
    ("edsr", {"scale": 3}, 1_554_499, "all", "the same"),
    ("edsr", {"scale": 4}, 1_517_571, "all", "the same; 1.5M in Lim et al., CVPRW 2017, table 1"),
    ("edsr", {"scale": 2, "blocks": 32, "filters": 256, "residual_scale": 0.1}, 40_729_603, "all", "sanghyun-son/EDSR-PyTorch, edsr.py"),
    ("edsr", {"scale": 4, "blocks": 32, "filters": 256, "residual_scale": 0.1}, 43_089_923, "all", "the same; 43M in table 1"),
    ("imdn", {"scale": 2}, 694_404, "all", "Hui et al., ACM MM 2019, table 5: 694K; Zheng222/IMDN, architecture.py"),
    ("imdn", {"scale": 3}, 703_059, "all", "the same: 703K"),
    ("imdn", {"scale": 4}, 715_176, "all", "the same: 715K"),
    # One body and the upsampling of x2, x3 and x4 together, which are 147,712, 332,352 and 295,424 weights:
    ("carn", {}, 1_591_939 - 147_712 - 332_352, "all", "1,592K in Ahn et al., ECCV 2018; nmhkahn/CARN-pytorch"),
    ("carn", {"scale": 2}, 1_591_939 - 332_352 - 295_424, "all", "the same"),
    # The paper's 412K are of an older CARN-M, whose upsampling has 1x1 convolutions; the published file has 414,811 with 24 of the mean color:
    (
        "carn",
        {"mobile": True, "groups": 4},
        414_811 - 24 - 37_120 - 83_520,
        "all",
        "CARN-M: nmhkahn/CARN-pytorch, carn_m.pth, without the upsampling of x2 and x3",
    ),
    ("pan", {"scale": 2}, 261_403, "all", "261K in Zhao et al., ECCVW 2020; 261,403 weights in the authors' file"),
    ("pan", {"scale": 3}, 261_403, "all", "the same"),
    ("pan", {}, 272_419, "all", "272K: the same, 272,419"),
    ("msrn", {"scale": 2}, 5_930_307, "all", "MIVRC/MSRN-PyTorch, msrn.py; the paper's 6.3M is of an older network"),
    ("msrn", {"scale": 3}, 6_114_947, "all", "the same"),
    ("msrn", {}, 6_078_019, "all", "the same"),
    ("shufflemixer", {"scale": 2}, 393_939, "all", "394K in Sun et al., NeurIPS 2022; sunny2109/ShuffleMixer, shufflemixer_arch.py"),
    ("shufflemixer", {"scale": 3}, 414_739, "all", "415K: the same"),
    ("shufflemixer", {}, 410_579, "all", "411K: the same"),
    ("shufflemixer", {"filters": 32, "kernel_size": 3, "scale": 2}, 108_435, "all", "tiny, 108K: the same"),
    ("shufflemixer", {"filters": 32, "kernel_size": 3, "scale": 3}, 113_715, "all", "tiny, 114K: the same"),
    ("shufflemixer", {"filters": 32, "kernel_size": 3}, 112_659, "all", "tiny, 113K: the same"),
    ("rfdn", {"blocks": 4, "filters": 50}, 433_448, "all", "njulj/RFDN: 433,448 weights in the file of AIM 2020's winner, 0.433M in its report"),
    # The paper's 550K at x4 and 534K at x2 leave out the four 3x3 convolutions of each attention, 6 x 4 x 1,308, which the authors' code has:
    ("rfdn", {}, 550_560 + 31_392, "all", "550K in Liu et al., ECCVW 2020; arithmetic over njulj/RFDN, block.py"),
    ("rfdn", {"scale": 2}, 534_972 + 31_392, "all", "534K: the same"),
    ("rlfn", {"scale": 2}, 526_856, "all", "527K in Kong et al., CVPRW 2022; bytedance/RLFN"),
    ("rlfn", {"scale": 4}, 543_740, "all", "544K: the same"),
    ("rlfn", {"filters": 48, "scale": 2}, 454_620, "all", "RLFN-S, 454K: the same"),
    ("rlfn", {"filters": 48}, 470_208, "all", "RLFN-S, 470K: the same"),
    ("rlfn", {"blocks": 4, "filters": 46, "inner_filters": 48}, 317_218, "all", "0.317M in Li et al. (NTIRE 2022's efficient SR challenge); bytedance/RLFN"),
    ("bsrn", {"scale": 2}, 331_628, "all", "332K in Li et al., CVPRW 2022; xiaom233/BSRN"),
    ("bsrn", {"scale": 3}, 340_283, "all", "340K: the same"),
    ("bsrn", {}, 352_400, "all", "352K: the same"),
    ("atd", {"scale": 2}, 20_113_217, "all", "LabShuHangGU/Adaptive-Token-Dictionary, atd_arch.py; 20.1M in its table of classical SR"),
    ("atd", {}, 20_260_929, "all", "the same; 20.3M"),
    (
        "atd",
        {
            "depths": (6,) * 4,
            "heads": (4,) * 4,
            "filters": 48,
            "expansion": 1,
            "category_size": 128,
            "tokens": 64,
            "reduced": 8,
            "kernel_size": 7,
            "upsampler": "pixelshuffledirect",
        },
        768_792,
        "all",
        "ATD-light: the same; 769K",
    ),
    ("dat", {"scale": 2}, 14_654_339, "all", "zhengchen1999/DAT, dat_arch.py"),
    ("dat", {"scale": 4}, 14_802_051, "all", "the same; 14.80M in its README"),
    ("dat", {"expansion": 2, "window": (8, 16)}, 11_212_131, "all", "DAT-S: the same; 11.21M"),
    ("dat", {"scale": 2, "expansion": 2}, 11_064_419, "all", "DAT-2: the same; 11.06M in table 1 of the supplementary material"),
    (
        "dat",
        {"depths": (18,), "heads": (6,), "filters": 60, "expansion": 2, "residual": "3conv", "upsampler": "pixelshuffledirect"},
        572_766,
        "all",
        "DAT-light: the same; 573K in the table of its README",
    ),
    ("rcan", {"scale": 2}, 15_444_643, "all", "15.44M: yulunzhang/RCAN, issue 56"),
    ("rcan", {"scale": 3}, 15_629_283, "all", "15.63M: the same"),
    ("rcan", {"scale": 4}, 15_592_355, "all", "15.59M: the same"),
    ("rgt", {"scale": 2}, 13_217_831, "all", "zhengchen1999/RGT, rgt_arch.py"),
    ("rgt", {}, 13_365_543, "all", "the same; 13.37M in its README"),
    ("rgt", {"depths": (6,) * 6, "heads": (6,) * 6}, 10_198_767, "all", "RGT-S: the same; 10.20M"),
    ("rdn", {"scale": 2}, 22_123_395, "all", "sanghyun-son/EDSR-PyTorch, rdn.py, configuration B"),
    ("rdn", {"scale": 4}, 22_271_107, "all", "the same; 22.3M in Dai et al. (SAN), CVPR 2019"),
    ("plksr", {"scale": 2}, 7_365_324, "all", "dslisleedh/PLKSR, plksr_arch.py, options of DIV2K_X2_64_28_0.25_17"),
    ("plksr", {"scale": 4}, 7_386_096, "all", "the same, X4"),
    ("plksr", {"blocks": 12, "kernel_size": 13, "attention": False}, 2_370_544, "all", "PLKSR-tiny: the same, options of DIV2K_X4_64_12_0.25_13"),
    ("realplksr", {}, 7_389_680, "all", "spandrel, RealPLKSR.py"),
    ("realplksr", {"dysample": True}, 7_402_243, "all", "the same, dysample=True, without its buffer"),
    ("mosr", {}, 4_287_600, "all", "umzi2/MoSR, mosr_arch.py"),
    ("mosr", {"upsampler": "ensemble"}, 4_481_472, "all", "the same, upsampler='gps'"),
    ("mosr", {"upsampler": "dysample"}, 4_276_611, "all", "the same, upsampler='dys', without its buffer"),
    ("mosr", {"blocks": 5, "filters": 48, "hidden": 72, "convolved": 48}, 609_888, "all", "the same, mosr_t"),
    # The paper leaves out position biases, temperatures and the normalization before convolutions: 9,000 + 40 + 3,840.
    ("omnisr", {"scale": 2}, 784_604, "all", "Wang et al., CVPR 2023, table 1: 772K + 12,880; Francis0625/Omni-SR"),
    ("omnisr", {"scale": 3}, 793_259, "all", "the same: 780K + 12,880"),
    ("omnisr", {"scale": 4}, 805_376, "all", "the same: 792K + 12,880"),
    ("safmn", {"scale": 2}, 227_820, "all", "Sun et al., ICCV 2023, table 1: 228K"),
    ("safmn", {"scale": 4}, 239_520, "all", "the same: 240K"),
    ("safmn", {"blocks": 16, "filters": 128, "hidden": 256}, 5_600_816, "all", "SAFMN-L: sunny2109/SAFMN, options of SAFMN_L_DF2K_x4; 5.60M"),
    ("real_cugan", {"scale": 2}, 1_284_598, "all", "bilibili/ailab, upcunet_v3.py"),
    ("real_cugan", {"scale": 3}, 1_286_326, "all", "the same"),
    ("real_cugan", {"scale": 4}, 1_406_812, "all", "the same"),
    ("real_cugan", {"fast": True}, 1_409_404, "all", "the same, UpCunet2x_fast"),
    ("swin2sr", {"scale": 2}, 12_091_571, "all", "mv-lab/swin2sr, network_swin2sr.py"),
    ("swin2sr", {"upsampler": "pixelshuffle_aux"}, 12_244_598, "all", "compressed images: the same"),
    ("swinir", {"scale": 2}, 11_752_487, "all", "11.75M in Zhou et al. (SRFormer), ICCV 2023"),
    ("swinir", {}, 11_900_199, "all", "JingyunLiang/SwinIR, network_swinir.py; 11.9M in its README"),
    ("swinir", _LIGHT | {"scale": 2}, 910_152, "all", "lightweight: the same; 910K in Zhou et al. (SRFormer), table 5"),
    ("swinir", _LIGHT, 929_628, "all", "the same; 930K"),
    ("swinir", {"upsampler": "nearest+conv"}, 11_715_559, "all", "real-world SR: JingyunLiang/SwinIR, network_swinir.py"),
    ("hat", {"scale": 2}, 20_624_795, "all", "XPixelGroup/HAT, hat_arch.py"),
    ("hat", {}, 20_772_507, "all", "the same; 20.77M in the README of ming053l/DRCT"),
    ("hat", {"filters": 144, "compressed": 6, "squeezed": 6}, 9_621_183, "all", "HAT-S: the same; 9.6M in Chen et al., CVPR 2023"),
    ("hat", {"depths": (6,) * 12}, 40_846_575, "all", "HAT-L: the same; 40.84M in the README of ming053l/DRCT"),
    ("drct", {}, 14_139_579, "all", "ming053l/DRCT, DRCT_arch.py; 14.13M in its README"),
    ("drct", {"groups": 12}, 27_580_719, "all", "DRCT-L: the same; 27.58M"),
    ("srformer", {"scale": 2}, 10_395_791, "all", "HVision-NKU/SRFormer, srformer_arch.py; 10.40M in its README"),
    ("srformer", {}, 10_543_503, "all", "the same"),
    ("srformer", _LIGHT | {"window": 16, "scale": 2}, 853_272, "all", "SRFormer-light: the same; 853K in Zhou et al., ICCV 2023, table 5"),
    ("srformer", _LIGHT | {"window": 16}, 872_748, "all", "the same; 873K"),
    # No count is published; the biases of all convolutions, 6x6x512 -> 1024 -> 1:
    (
        "sr3",
        {"size": 128, "filters": 64, "multiples": (1, 2, 4, 8, 8), "blocks": 2, "attention": (16,), "groups": 32, "prediction_type": "epsilon", "fold": 1},
        97_807_491 + 6 * 3 * 512,
        "all",
        "97,807,491: Janspiry's SR3, 16 -> 128, whose six attentions of 512 features have no biases of query, key and value",
    ),
    ("patch_discriminator", {}, 2_764_737, "all", "2.765 M: junyanz/pytorch-CycleGAN-and-pix2pix, NLayerDiscriminator with instance normalization"),
    ("unet_discriminator", {}, 4_376_897, "all", "xinntao/Real-ESRGAN, UNetDiscriminatorSN"),
    ("srgan_discriminator", {}, 23_565_505, "all", "arithmetic over Ledig et al., CVPR 2017, figure 4"),
]


def slow_unless_quick(name):
    """Mark what takes seconds for each of many architectures; the quick suite does it for a few of them."""
    return () if name in QUICK else pytest.mark.slow


def weights_alone(d):
    """Count kernels: what the older papers call parameters."""
    return sum(math.prod(weight.shape) for weight in vf.build(d).trainable_weights if len(weight.shape) == 4)


@pytest.mark.parametrize(("name", "arguments", "count", "what", "source"), [pytest.param(*row, marks=slow_unless_quick(row[0])) for row in PUBLISHED])
def test_parameters_are_as_published(name, arguments, count, what, source):
    d = vf.definition(name, **arguments)
    assert (vf.cost(d).params if what == "all" else weights_alone(d)) == count, source


def test_every_architecture_has_a_published_count():
    assert {row[0] for row in PUBLISHED} | {"edsr_small"} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_one_function_with_keyword_arguments_and_a_docstring(name, root):
    path = root / "model_defs" / f"{name}.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported <= {"math"}
    public = [node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    functions = [function for function in public if function.name not in models.BESIDE_THE_MODEL]
    assert [function.name for function in functions] == [name]
    assert not functions[0].args.args
    docstring = ast.get_docstring(tree)
    assert "https://" in docstring or "CVPRW 2017" in docstring
    assert "python train.py" in docstring or "Not trained by itself" in docstring


@pytest.mark.parametrize("name", NAMES)
def test_the_normal_form_is_idempotent_and_survives_json(name):
    normal = vf.canonicalize(vf.definition(name))
    assert vf.canonicalize(normal) == normal
    assert vf.canonicalize(json.loads(json.dumps(normal))) == normal


@pytest.mark.parametrize("name", NAMES)
def test_it_checks_clean_at_every_scale(name):
    scales = SCALES.get(name, (1, 2, 3, 4, 8))
    spelled = {json.dumps(vf.canonicalize(models.load(name, SMALL.get(name, {}), scale=scale).dictionary)) for scale in scales}
    assert len(spelled) == (1 if name in JUDGING else len(scales))
    for dictionary in map(json.loads, spelled):
        vf.check(dictionary)


@pytest.mark.parametrize(("name", "scale"), [(name, scale) for name, scales in SCALES.items() for scale in {1, 2, 3, 4, 8} - set(scales)])
def test_a_scale_that_an_architecture_does_not_have_is_refused(name, scale):
    with pytest.raises(Exception, match=f"scale must be .*, not {scale}"):
        vf.definition(name, scale=scale)


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        pytest.param(name, scale, marks=() if scale == min(2, *SCALES.get(name, (2,))) else slow_unless_quick(name))
        for name in ENLARGING
        for scale in (1, 2, 3)
        if scale in SCALES.get(name, (scale,))
    ],
)
def test_it_enlarges_images_of_any_odd_size(name, scale):
    d = vf.definition(name, **SMALL.get(name, {}), scale=scale)
    channels = examine(d).definition.channels
    made = vf.build(d)(np.random.default_rng(0).random((1, 11, 17, channels), np.float32))
    assert made.shape == (1, 11 * scale, 17 * scale, channels)


@pytest.mark.parametrize("name", [pytest.param(name, marks=slow_unless_quick(name)) for name in ENLARGING])
def test_a_few_steps_lower_the_loss(name, photograph):
    scale = 2 if 2 in SCALES.get(name, (2,)) else 1
    d = vf.definition(name, **SMALL.get(name, {}), scale=scale)
    channels = examine(d).definition.channels
    hr = photograph[None, 192:224, 192:224, :channels].astype("float32") / 255
    lr = vf.imresize(hr[0], 1 / 2)[None]
    lr = lr if scale == 2 else vf.imresize(lr[0], 2)[None]
    keras.utils.set_random_seed(0)
    model = vf.build(d)
    model.compile(keras.optimizers.Adam(1e-3), loss="mse", jit_compile=False, run_eagerly=True)
    losses = [float(np.ravel(model.train_on_batch(lr, hr))[0]) for _ in range(6)]
    assert min(losses[1:]) < losses[0]


@pytest.mark.parametrize("name", [pytest.param(name, marks=slow_unless_quick(name)) for name in NAMES])
def test_it_saves_and_loads(name, tmp_path):
    model = vf.build(vf.definition(name, **SMALL.get(name, {})))
    model.save(tmp_path / "model.keras")
    loaded = vf.load(tmp_path / "model.keras")
    x = keras.tree.map_structure(lambda tensor: np.random.default_rng(0).random([size or 16 for size in tensor.shape], np.float32), model.input)
    if name in DENOISING:
        x["noisy"] = np.random.default_rng(1).random((16, 64, 64, 3), np.float32)
    for ours, theirs in zip(keras.tree.flatten(model(x, training=False)), keras.tree.flatten(loaded(x, training=False)), strict=True):
        np.testing.assert_allclose(theirs, ours, atol=1e-6)


def test_srgans_discriminator_returns_one_probability_per_image():
    outputs = vf.build(vf.definition("srgan_discriminator", filters=8))(np.random.default_rng(0).random((2, 96, 96, 3), np.float32))
    assert outputs["probability"].shape == outputs["logits"].shape == (2, 1)
    np.testing.assert_allclose(outputs["probability"], 1 / (1 + np.exp(-np.asarray(outputs["logits"]))), rtol=1e-5)


@pytest.mark.parametrize(("name", "shape"), [("patch_discriminator", (2, 12, 12, 1)), ("unet_discriminator", (2, 96, 96, 1))])
def test_other_discriminators_judge_many_places(name, shape):
    assert vf.build(vf.definition(name, filters=4))(np.zeros((2, 96, 96, 3), np.float32)).shape == shape


def test_the_papers_sr3_has_about_the_parameters_that_it_states():
    """550M for 16x16 -> 128x128 (table A.1); what its blocks, after BigGAN's, have more than DDPM's is not stated: ours are 6% fewer."""
    d = vf.definition(
        "sr3", size=128, filters=128, multiples=(1, 2, 4, 8, 8), blocks=3, attention=(16,), groups=32, dropout=0.2, prediction_type="epsilon", fold=1
    )
    assert vf.cost(d).params == pytest.approx(550e6, rel=0.07)


@pytest.mark.parametrize(("continuous", "level"), [(True, "noise_level"), (False, "step")])
@pytest.mark.parametrize("fold", [1, 2, 4])
def test_sr3_predicts_noise_for_images_of_any_size_that_its_strides_divide(continuous, level, fold):
    model = vf.build(vf.definition("sr3", filters=8, continuous=continuous, fold=fold, scale=2))
    given = {"lr": np.zeros((2, 8, 16, 3), np.float32), "noisy": np.ones((2, 16, 32, 3), np.float32), level: np.full((2, 1), 0.5, np.float32)}
    assert model(given).shape == (2, 16, 32, 3)


def test_srresnet_can_end_in_tanh():
    model = vf.build(vf.definition("srresnet", tanh=True, blocks=1, filters=8))
    model.get_layer("conv_unbounded").bias.assign([50.0, -50.0, 0.0])
    made = np.asarray(model(np.random.default_rng(0).random((1, 8, 8, 3), np.float32)))
    assert made.min() >= 0 and made.max() <= 1
    assert made[..., 0].min() > 0.9 and made[..., 1].max() < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_jax_enlarges_the_same(part, tmp_path, root):
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed")
    outputs = {}
    for name in ENLARGING[part::4]:
        d = vf.canonicalize(vf.definition(name, **SMALL.get(name, {})))
        model = vf.build(d)
        lr = np.random.default_rng(0).random((1, 11, 17, model.input_shape[-1]), np.float32)
        outputs[name] = np.asarray(model(lr, training=False))
        (tmp_path / f"{name}.json").write_text(json.dumps(d))
        model.save_weights(tmp_path / f"{name}.weights.h5")
        np.save(tmp_path / f"{name}-lr.npy", lr)
    environment = os.environ | {"KERAS_BACKEND": "jax", "PYTHONPATH": str(root), "CUDA_VISIBLE_DEVICES": ""}
    script = root / "tests" / "support" / "enlarge.py"
    subprocess.run([sys.executable, str(script), str(tmp_path), *outputs], env=environment, check=True, capture_output=True, timeout=400)
    for name, expected in outputs.items():
        np.testing.assert_allclose(np.load(tmp_path / f"{name}.npy"), expected, atol=1e-4 * np.ptp(expected), err_msg=name)
