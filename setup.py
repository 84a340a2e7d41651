"""Package metadata, and where the architectures live once installed."""

from pathlib import Path

from setuptools import find_packages, setup

setup(
    name="visionfw",
    version="0.1.0",
    description="Declarative single-image super-resolution on Keras 3: an architecture is a plain dictionary",
    long_description=Path("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11,<3.14",
    packages=[*find_packages(include=["visionfw", "visionfw.*"]), "visionfw.model_defs"],
    package_dir={"visionfw": "visionfw", "visionfw.model_defs": "model_defs"},
    package_data={"visionfw.model_defs": ["*.json"]},
    install_requires=[
        "absl-py>=2.1",
        "filelock>=3.12",  # locks on Linux, macOS and Windows; pure Python, 2 MB, no dependencies
        "h5py>=3.10",  # Keras needs it too
        "imagecodecs>=2023.1.23",  # LZW in TIFF files of 16 bits, for tifffile; 26 MB, no dependencies but NumPy
        "keras>=3.14",
        "numpy>=1.26",
        "pillow>=10.3",
        "platformdirs>=4.0",  # the user's cache folder on each system; pure Python, 0.5 MB, no dependencies
        "pooch>=1.8",  # downloads of image sets, checked by their hashes
        "pypng>=0.20220715",  # colors of 16 bits, of which Pillow keeps 8
        "safetensors>=0.4.3",  # reads weight files and checks their headers; a compiled wheel of 1.4 MB, no dependencies
        "scikit-image>=0.24",
        "scipy>=1.11",
        "tensorboard>=2.18",  # TensorFlow writes its summaries only where this is installed
        "tensorflow>=2.18",
        "tifffile>=2023.1",
        "tomli-w>=1.0",  # config.toml; pure Python, 20 kB
    ],
    extras_require={
        "plots": ["matplotlib>=3.8"],
        "gpu": ["tensorflow[and-cuda]>=2.18"],
        "jax": ["jax>=0.4.35"],
        "torch": ["torch>=2.4"],
        "ray": ["ray>=2.30"],
        "quality": ["torch>=2.4", "torchmetrics>=1.4"],
        "dev": [
            "build>=1.2",  # with setuptools: a test builds the wheel without downloading anything
            "hypothesis>=6.100",
            "jax>=0.4.35",
            "jsonschema>=4.21",  # the schema of model dictionaries is checked with it
            "matplotlib>=3.8",
            "mypy>=1.11",
            "pytest>=8.2",
            "pytest-xdist>=3.6",
            "ruff>=0.6",
            "setuptools>=70.1",  # builds wheels by itself
        ],
        "docs": ["mkdocs>=1.6", "mkdocs-material>=9.8", "mkdocstrings-python>=2.0"],
        # For the tests of the PyTorch backend and of PyTorch's files. Pinned to the release that CI has as a CPU-only wheel (0.2 GB); the
        # default Linux wheels bring gigabytes of CUDA.
        "interop": ["torch==2.13.0", "torchmetrics>=1.4", "einops>=0.8"],
    },
    entry_points={"console_scripts": ["visionfw = visionfw.cli:main"]},
)
