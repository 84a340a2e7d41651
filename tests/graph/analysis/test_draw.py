"""Pictures of graphs."""

import pytest
import zoo
from PIL import Image

import visionfw as vf
from visionfw.errors import RequestError


@pytest.mark.parametrize("suffix", ["svg", "png"])
def test_a_graph_is_drawn_with_repeats_folded(tmp_path, suffix):
    path = tmp_path / f"srresnet.{suffix}"
    vf.draw(vf.definition("srresnet"), path)
    if suffix == "png":
        with Image.open(path) as picture:
            width, height = picture.size
        assert 500 < width < 3000 and 500 < height < 2000
    else:
        text = path.read_text()
        assert text.count("<!-- residual  x 16 -->") == 1
        assert text.count("<!-- PReLU -->") == 3


@pytest.mark.parametrize("name", ["unet", "lapsrn", "carn_m", "drrn"])
def test_every_kind_of_graph_can_be_drawn(tmp_path, name):
    vf.draw(getattr(zoo, name)() if hasattr(zoo, name) else vf.definition(name), tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 10_000


def test_another_kind_of_file_is_refused(tmp_path):
    with pytest.raises(RequestError, match=r"drawn as \.svg or \.png, not 'x\.jpg'"):
        vf.draw(vf.definition("edsr"), tmp_path / "x.jpg")


def test_padding_to_a_multiple_is_drawn(tmp_path):
    d = {"name": "x", "scale": 1, "multiple": 8, "links": [(0, "Conv2D", "sr", {"filters": 3})]}
    vf.draw(d, tmp_path / "x.svg")
    text = (tmp_path / "x.svg").read_text()
    assert "<!-- padded to multiples of 8 -->" in text and "<!-- padding cropped -->" in text
