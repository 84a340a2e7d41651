"""Make the README's pictures: the newest run's comparison and curve, and SRResNet's graph.

make demo && .venv/bin/python benchmarks/readme_pictures.py
"""

import os
import shutil
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import visionfw as vf  # noqa: E402
from visionfw.runs import directory as runs  # noqa: E402

if __name__ == "__main__":
    images = ROOT / "docs" / "images"
    images.mkdir(exist_ok=True)
    run = runs.find("latest")
    shutil.copy(run.comparison, images / "comparison.png")
    shutil.copy(run.curve, images / "curve.png")
    vf.draw(vf.definition("srresnet"), images / "srresnet.png")
