"""The page of a benchmark: whole in one file, and alive in a real browser."""

import base64
import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from visionfw.reports.html.components import line_chart, sortable_table
from visionfw.reports.html.evaluation import EvaluationPage, Example

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)


@pytest.fixture
def page(photograph):
    import visionfw as vf

    hr = photograph[:96, :128]
    bicubic = vf.imresize(vf.imresize(hr, 1 / 4), 4)
    made = ((hr.astype(int) + bicubic) // 2).astype(np.uint8)
    images = [("baby", 32.5, 3.5), ("bird", 30.25, 1.25), ("a<b>", 28.0, -0.5)]
    per_image = [{"dataset": "Set5", "image": name, "psnr": psnr, "ssim": 0.9, "gain": gain} for name, psnr, gain in images]
    figures = {"psnr": 32.5, "ssim": 0.9, "bicubic_psnr": 29.0, "bicubic_ssim": 0.8, "gain": 3.5}
    return EvaluationPage(
        title="EDSR x4",
        about={"weights": "raw"},
        protocol={"channel": "Y", "crop": 4},
        rows=[{"model": "EDSR", "dataset": "Set5", "psnr": 30.25, "gain": 1.42}],
        per_image=per_image,
        examples=[Example("Set5", "baby", True, bicubic, made, hr, figures), Example("Set5", "a<b>", False, bicubic, made, hr, figures | {"gain": -0.5})],
        model="conv | 3x3",
        drawing='<svg id="graph"></svg>',
        history=[{"step": step, "loss": 1 / step, "val_gain": step / 10} for step in (1, 2, 3)],
        data=json.dumps({"rows": []}),
    ).html()


def test_it_needs_nothing_but_itself(page):
    assert not re.search(r"https?://", page.replace("http://www.w3.org/2000/svg", ""))
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page
    assert "a&lt;b&gt;" in page and "a<b>" not in page


def test_it_shows_all_there_is(page):
    for text in ("EDSR x4", "Set5", "+1.420", "smallest gain", "29.00 dB / 0.8000", 'id="graph"', "conv | 3x3", "training loss", "crop"):
        assert text in page
    assert page.count('<div class="slider">') == 2
    content = re.search(r"data:application/json;base64,([^\"]+)", page).group(1)
    assert json.loads(base64.b64decode(content)) == {"rows": []}


def test_what_is_infinite_is_shown_and_sorts_as_such():
    html_table = sortable_table([{"image": "a", "psnr": float("inf")}, {"image": "b", "psnr": 30.0}], "x")
    assert 'data-value="Infinity">\u221e' in html_table
    assert 'data-value="-Infinity">\u2212\u221e' in sortable_table([{"image": "a", "gain": -float("inf")}], "x")


def test_a_curve_leaves_out_what_is_not_finite():
    assert "nan" not in line_chart([1, 2, 3], [1.0, float("nan"), 2.0], "loss", "")
    assert line_chart([1], [1.0], "loss", "") == ""


def in_browser(tmp_path, page, script):
    """Return what a script finds on the page in a headless browser."""
    result = f"<script>const result = (() => {{ {script} }})(); document.body.dataset.result = JSON.stringify(result);</script></body>"
    (tmp_path / "x.html").write_text(page.replace("</body>", result), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
    flags += ["--disable-component-update", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", (tmp_path / "x.html").as_uri()]
    done = subprocess.run([BROWSER, *flags], capture_output=True, text=True, timeout=120)
    result = re.search(r'data-result="([^"]*)"', done.stdout)
    assert result, done.stderr[-2000:]
    return json.loads(html.unescape(result.group(1)))


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_columns_sort_and_the_slider_moves(tmp_path, page):
    script = """
    const names = () => [...document.querySelectorAll("#images tbody tr")].map(row => row.cells[1].textContent);
    const heads = [...document.querySelectorAll("#images th")], found = {before: names()};
    heads[2].click(); found.down = names();
    heads[2].click(); found.up = names();
    heads[1].click(); heads[1].click(); found.byName = names();
    const slider = document.querySelector(".slider"), input = slider.querySelector("input");
    found.at = getComputedStyle(slider).getPropertyValue("--at");
    input.value = 20; input.dispatchEvent(new Event("input"));
    const over = slider.querySelector(".over");
    found.clip = getComputedStyle(over).clipPath; found.moved = getComputedStyle(slider).getPropertyValue("--at");
    found.wide = document.documentElement.scrollWidth <= window.innerWidth;
    return found;
    """
    found = in_browser(tmp_path, page, script)
    assert found["before"] == ["baby", "bird", "a<b>"]
    assert found["down"] == ["baby", "bird", "a<b>"]
    assert found["up"] == ["a<b>", "bird", "baby"]
    assert found["byName"] == ["a<b>", "baby", "bird"]
    assert (found["at"], found["moved"]) == ("50%", "20%")
    assert "80%" in found["clip"]
    assert found["wide"]
