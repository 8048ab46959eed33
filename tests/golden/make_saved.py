"""Writes the small networks that `test_saved_before.py` loads.

    python tests/golden/make_saved.py [NAME ...]
    python tests/golden/make_saved.py --configs

Run it only to add a network or a method: what was written by an older version
must stay.
"""

import json
import pathlib
import sys
import zipfile

import keras
import numpy as np

from keras_pain.models.registry import MODELS

FOLDER = pathlib.Path(__file__).parent / "saved"
PREDICTIONS = FOLDER / "predictions.json"
CONFIGS = FOLDER / "method_configs.json"
# One of every family, as small as can be.
NETWORKS = {
    "stacked_lstm": {"input_shape": (12, 30), "units": 2, "num_layers": 1},
    "bi_lstm": {"input_shape": (12, 30), "units": 2, "num_layers": 1},
    "banet": {"input_shape": (12, 30), "units": 3, "num_layers": 1},
    "banet_bodily": {"input_shape": (12, 30), "units": 3, "num_layers": 1},
    "alanet": {"input_shape": (12, 30), "units": 3},
    "alanet_parts": {"input_shape": (12, 30), "units": 2},
    "alanet_parts_autoencoder": {"input_shape": (12, 30), "units": 2},
    "lsfan": {"input_shape": (16, 30), "filters": (1, 1, 1, 2)},
    "l3d_full": {"input_shape": (4, 16, 16, 3), "widths": (2,) * 8},
    "resnet18_lstm": {
        "input_shape": (2, 32, 32, 3),
        "widths": (2, 2, 2, 4),
        "frame_units": 6,
        "units": 4,
        "head_units": (8,),
    },
    "convnext_lstm_c": {"input_shape": (4, 5), "units": 16},
    "stgcn_lstm": {
        "input_shape": (3, 68, 2),
        "filters": 1,
        "graph_filters": 1,
        "temporal_filters": 1,
        "units": (1, 1),
    },
    "aacsfnet": {
        "input_shape": (32, 32, 3),
        "width": 1,
        "blocks": (1, 1, 1, 1),
        "maps": 2,
        "global_layers": 1,
        "ff_units": 2,
        "patch_sizes": (32, 16),
        "embed_dim": 6,
        "vit_layers": 1,
    },
}


def examples(shape: tuple[int, ...]) -> np.ndarray:
    """Three inputs; of windows, the second is padded."""
    x = np.random.default_rng(7).uniform(0, 255, size=(3, *shape))
    if len(shape) == 2:
        x = x / 60 - 2
        x[1, shape[0] // 2 :] = 0
    return x.astype("float32")


def write(name: str) -> list:
    """Saves a network; returns its predictions."""
    keras.utils.set_random_seed(1)
    model = MODELS[name].build(**NETWORKS[name])
    rng = np.random.default_rng(2)
    for weight in model.weights:  # off their starts, which hide mix-ups
        noise = rng.normal(0, 0.05, size=weight.shape)
        weight.assign_add(noise.astype("float32"))
    path = FOLDER / f"{name}.keras"
    model.save(path)
    with zipfile.ZipFile(path) as file:  # Keras compresses nothing
        entries = {entry: file.read(entry) for entry in file.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for entry, content in entries.items():
            file.writestr(entry, content)
    x = examples(model.input_shape[1:])
    return model.predict(x, verbose=0).tolist()


def configs() -> dict:
    """What identifies every method in a fold's configuration."""
    from keras_pain.experiments import method_registry as methods

    found = {
        name: methods.resolve_method(name).config()
        for name in methods.registered_methods()
    }
    return json.loads(json.dumps(found, default=list))


def main(names: list[str]) -> None:
    """Writes the networks named, or all."""
    FOLDER.mkdir(exist_ok=True)
    if names == ["--configs"]:
        known = json.dumps(configs(), indent=1, sort_keys=True)
        CONFIGS.write_text(known)
        return
    known = json.loads(PREDICTIONS.read_text()) if names else {}
    known |= {name: write(name) for name in names or NETWORKS}
    PREDICTIONS.write_text(json.dumps(known, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
