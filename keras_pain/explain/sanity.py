"""Does a map depend on what the network has learned?

Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018: a map that
stays the same while the weights of the network, or the labels it was trained
on, become random, cannot tell anything about either.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np
from scipy import ndimage, stats

from keras_pain.data.windows import WindowSet
from keras_pain.experiments.method_registry import resolve_method
from keras_pain.experiments.optim import set_seeds
from keras_pain.explain.figures import CheckPanel, evenly_spread
from keras_pain.explain.maps import TITLES, Explanation

CHECK_WINDOWS = 24  # our choice: enough for a mean, few enough to be quick

# Wang et al. 2004, section III.C.
_SIGMA, _TRUNCATE = 1.5, 3.5  # an 11-tap Gaussian, as theirs
_C1, _C2 = 0.01**2, 0.03**2


class Similarity(NamedTuple):
    """Of each window's two maps: `(..., n)`.

    Rank correlations, -1 to 1, 0 where the second map is constant, and
    structural similarities, at most 1; NaN where the first map is constant.
    """

    spearman: np.ndarray
    ssim: np.ndarray

    @property
    def mean_spearman(self) -> float:
        """Mean over all windows whose map shows something."""
        return float(np.nanmean(self.spearman))


def cascading_randomisation(
    model: keras.Model,
    x: np.ndarray,
    explanation: Explanation,
    *,
    length: np.ndarray | None = None,
    class_index: int | np.ndarray | None = None,
    draws: int = 3,
    most: int | None = None,
) -> dict[str, Similarity]:
    """Weights drawn anew layer after layer, from the output down.

    They come from the layers' own initialisers and stay drawn; batch
    normalisation loses its statistics. The given model is left alone. Sets
    Keras' global seeds.

    The model is a trained functional one, `x` `(n, T, C)` scaled windows, or
    clips, `length` `(n,)` real frames of each window, which maps over time
    keep. The class is as for `grad_cam`; None is the one that the trained
    network predicts, in every step. The whole cascade is repeated with other
    weights; of `most` layers, spread evenly, maps are compared, None is all.

    Returns, in order, for each such layer with weights, `(draws, n)` to the
    maps of the trained network; first, for "", where none are drawn anew yet.
    """
    compare = _comparison(model, x, explanation, length, class_index)
    layers = [part.name for part in reversed(model.layers) if part.weights]
    names = ["", *layers]
    compared = evenly_spread(len(names), most or len(names))
    found = {names[i]: [] for i in compared}
    set_seeds(0)
    # One network for all steps: what an explanation traces is traced once.
    changed = keras.models.clone_model(model)
    for _ in range(draws):
        fresh = keras.models.clone_model(model)
        changed.set_weights(model.get_weights())
        for name in names:
            if name:
                drawn = fresh.get_layer(name).get_weights()
                changed.get_layer(name).set_weights(drawn)
            if name in found:
                found[name].append(compare(changed))
    return {k: Similarity(*np.stack(v, axis=1)) for k, v in found.items()}


def label_randomisation(
    model: keras.Model,
    x: np.ndarray,
    explanations: Sequence[Explanation],
    method: str,
    train: WindowSet,
    validation: WindowSet,
    *,
    seed: int,
    epochs: int,
    length: np.ndarray | None = None,
    class_index: int | np.ndarray | None = None,
    arguments: Mapping | None = None,
    reference: bool = True,
    on_training: Callable[[str], None] = lambda text: None,
) -> dict[str, dict[str, Similarity]]:
    """The same network, trained by its recipe on permuted labels.

    It starts from the initial state that `seed` gave the trained one; the
    labels that choose its epoch are permuted, too.

    What is not said here is as for `cascading_randomisation`; `method` and
    `arguments` are for `resolve_method`, as the network's. It was trained on
    `train`, with augmented copies if so; `validation` chose its epoch, and its
    seed also permutes. A `reference` is trained as long on the true labels: how
    much of the difference is only a shorter training? `on_training` is called
    with what is trained, before each training.

    Returns, for the name of each explanation, by what a network was trained on,
    e.g. `"permuted labels, 5 epochs"`, the similarity `(n,)` of its maps to
    those of the given one.
    """
    rng = np.random.default_rng(seed)
    trainings = {"true": (train, validation)} if reference else {}
    trainings["permuted"] = tuple(
        dataclasses.replace(part, y=rng.permutation(part.y))
        for part in (train, validation)
    )
    found, compare = {}, {}
    for kind in explanations:
        found[kind.name] = {}
        compare[kind.name] = _comparison(model, x, kind, length, class_index)
    for labels, parts in trainings.items():
        on_training(f"training on {labels} labels")
        # Both trainings share one traced network: its maps are made before
        # the next one starts.
        recipe = {"epochs": epochs, "reuse": True, **(arguments or {})}
        network = resolve_method(method, **recipe)
        network.fit(*parts, seed)
        what = f"{labels} labels, {epochs} epoch{'s' * (epochs != 1)}"
        for name, similar in found.items():
            similar[what] = compare[name](network.model)
    return found


def _comparison(model, x, explanation, length, class_index):
    """From another network to how alike its maps and this one's are."""
    if class_index is None:
        class_index = model.predict(x, verbose=0).argmax(axis=-1)
    original = explanation.compute(model, x, class_index)
    if explanation.axes[0] != "time":
        length = None
    return lambda network: similarity(
        original, explanation.compute(network, x, class_index), length
    )


def similarity(
    maps: np.ndarray, others: np.ndarray, length: np.ndarray | None = None
) -> Similarity:
    """Compares the maps `(n, ...)` of the same windows, one by one.

    Of maps over time `length` `(n,)` frames are compared, of others None: all.
    """
    rows = []
    for index, (a, b) in enumerate(zip(maps, others, strict=True)):
        if length is not None:
            a, b = a[: length[index]], b[: length[index]]
        if np.ptp(a) == 0:
            rows.append((np.nan, np.nan))
            continue
        rank = 0.0
        if np.ptp(b):
            rank = stats.spearmanr(np.ravel(a), np.ravel(b)).statistic
        rows.append((rank, ssim(_scaled(a), _scaled(b))))
    return Similarity(*np.array(rows).T)


def ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Mean structural similarity of two maps, whose values are 0 to 1.

    Wang et al., "Image quality assessment: from error visibility to structural
    similarity", IEEE TIP 13(4), 2004, section III: a Gaussian of standard
    deviation 1.5 and 11 taps, K1 = 0.01 and K2 = 0.03. A shorter map is
    mirrored at its ends. At most 1, which equal maps have.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    mean_a, mean_b, square_a, square_b, product = (
        ndimage.gaussian_filter(values, _SIGMA, truncate=_TRUNCATE)
        for values in (a, b, a * a, b * b, a * b)
    )
    variance_a, variance_b = square_a - mean_a**2, square_b - mean_b**2
    covariance = product - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
    structure = (2 * covariance + _C2) / (variance_a + variance_b + _C2)
    return float(np.mean(luminance * structure))


def _scaled(values):
    """Largest magnitude 1; zero, which is "nothing here", stays zero."""
    largest = np.abs(values).max()
    return values / largest if largest else values


def check_windows(y: np.ndarray, num_classes: int) -> np.ndarray:
    """Positions of `CHECK_WINDOWS` windows, as many of each class."""
    of_class = [np.flatnonzero(y == c) for c in range(num_classes)]
    most = -(-CHECK_WINDOWS // sum(len(places) > 0 for places in of_class))
    chosen = [p[evenly_spread(len(p), most)] for p in of_class]
    return np.sort(np.concatenate(chosen))


def check_panel(
    name: str,
    cascade: Mapping[str, Similarity],
    labels: Mapping[str, Similarity] | None = None,
) -> CheckPanel:
    """The checks of a kind of map; `labels` are of `label_randomisation`."""
    names = [layer.replace("_", " ") or "as trained" for layer in cascade]
    steps = dict(zip(names, cascade.values(), strict=True))
    return CheckPanel(TITLES[name], steps, labels or {})
