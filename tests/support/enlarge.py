"""Build small models on the backend of this process, load their weights, enlarge an image: `python enlarge.py FOLDER MODEL...`."""

import json
import sys
from pathlib import Path

import keras
import numpy as np

import visionfw as vf


def main() -> None:
    """Write each model's output to FOLDER/MODEL.npy; FOLDER holds MODEL.json, MODEL.weights.h5 and MODEL-lr.npy."""
    folder = Path(sys.argv[1])
    for name in sys.argv[2:]:
        model = vf.build(json.loads((folder / f"{name}.json").read_text()))
        model.load_weights(folder / f"{name}.weights.h5")
        np.save(folder / f"{name}.npy", keras.ops.convert_to_numpy(model(np.load(folder / f"{name}-lr.npy"), training=False)))


if __name__ == "__main__":
    main()
