"""Build small models on the backend of this process, load their weights, enlarge an image: `python enlarge.py FOLDER MODEL...`."""

import json
import sys
from pathlib import Path

import numpy as np

import visionfw as vf


def main() -> None:
    """Write each model's output to FOLDER/MODEL.npy; FOLDER holds MODEL.json, MODEL.weights.h5 and MODEL-lr.npy."""
    folder = Path(sys.argv[1])
    for name in sys.argv[2:]:
        model = vf.build(json.loads((folder / f"{name}.json").read_text()))
        model.load_weights(folder / f"{name}.weights.h5")
        output = model.predict_on_batch(np.load(folder / f"{name}-lr.npy"))  # compiled as a whole: JAX would compile every operation by itself
        np.save(folder / f"{name}.npy", output)


if __name__ == "__main__":
    main()
