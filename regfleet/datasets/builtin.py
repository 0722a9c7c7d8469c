"""The data sets that scikit-learn ships, so that everything works offline."""

import hashlib
from typing import TYPE_CHECKING

from regfleet.records import Dataset

if TYPE_CHECKING:
    import numpy as np

BUILTIN = {
    "iris": "150 flowers, 4 measurements, 3 species (Fisher 1936)",
    "wine": "178 wines, 13 chemical measurements, 3 cultivars",
    "breast_cancer": "569 tumours, 30 measurements of cell nuclei, benign or malignant",
    "digits": "1,797 handwritten digits, 8 x 8 grey values, 10 classes",
    "digits_images": "the same digits as 8 x 8 x 1 images, for convolutions",
}


def load_builtin(name: str) -> Dataset:
    """The built-in data set ``name``, one of `BUILTIN`."""
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name.removesuffix('_images')}")()
    features, target = bunch.data.astype("float64"), bunch.target.astype("int64")
    if name == "digits_images":
        features = bunch.images[..., None].astype("float64")
    return Dataset(name, features, target, tuple(map(str, bunch.target_names)), _fingerprint(features, target))


def _fingerprint(features: "np.ndarray", target: "np.ndarray") -> str:
    digest = hashlib.sha256(repr((features.shape, target.shape)).encode())
    digest.update(features.tobytes())
    digest.update(target.tobytes())
    return digest.hexdigest()
