"""Does a map depend on what the network has learned?

Adebayo et al., "Sanity checks for saliency maps", NeurIPS 2018: a map that
stays the same while the weights of the network, or the labels it was trained
on, become random, cannot tell anything about either. Similarity is the rank
correlation and the SSIM of both maps of a window, see `similarity.py`.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np

from keras_pain.data.windows import WindowSet
from keras_pain.experiments.methods import resolve_method
from keras_pain.experiments.seeds import set_seeds
from keras_pain.interpret.maps import Explanation
from keras_pain.interpret.similarity import Similarity, similarity, stack


@dataclasses.dataclass(frozen=True)
class CascadeStep:
    """One step of the cascade.

    Args:
        layer: The layer whose weights were drawn anew in this step, besides
            those of all steps before; "" where none has been.
        similarity: `(draws, n)` to the maps of the trained network.
    """

    layer: str
    similarity: Similarity


@dataclasses.dataclass(frozen=True)
class LabelCheck:
    """Of the networks that were trained anew, to the maps of the given one.

    Args:
        permuted: `(n,)` of the network trained on permuted labels.
        epochs: How long both were trained.
        true: `(n,)` of the network trained as long on the true labels, which
            says how much of the difference is only a shorter training; None
            where it was left out.
    """

    permuted: Similarity
    epochs: int
    true: Similarity | None = None


def cascading_randomisation(
    model: keras.Model,
    x: np.ndarray,
    explanation: Explanation,
    *,
    length: np.ndarray | None = None,
    class_index: int | np.ndarray | None = None,
    draws: int = 3,
    seed: int = 0,
    on_step: Callable[[str], None] | None = None,
) -> list[CascadeStep]:
    """Weights drawn anew layer after layer, from the output down.

    Every layer's weights come from its own initialisers, and stay drawn while
    the next layer's turn comes; batch normalisation loses its statistics. The
    given model is left alone. Sets Keras' global seeds.

    Args:
        model: A trained functional model.
        x: `(n, T, C)` scaled windows.
        explanation: The kind of map.
        length: `(n,)` real frames of each window; of maps over time, later
            ones are left out.
        class_index: Class to explain, as for `grad_cam`. None is the one that
            the trained network predicts, in every step.
        draws: How often the whole cascade is repeated with other weights.
        seed: Seed of the new weights.
        on_step: Called with the name of each layer before its turn.

    Returns:
        The steps; the first has changed nothing yet. Layers without weights
        have none.
    """
    explain = _explain(model, x, explanation, class_index)
    original = explain(model)
    length = length if explanation.over_time else None
    layers = [part.name for part in reversed(model.layers) if part.weights]
    found: dict[str, list[Similarity]] = {name: [] for name in ("", *layers)}
    set_seeds(seed)
    # One network for all steps: what an explanation traces is traced once.
    changed = keras.models.clone_model(model)
    for _ in range(draws):
        fresh = keras.models.clone_model(model)
        changed.set_weights(model.get_weights())
        for name, parts in found.items():
            if on_step is not None:
                on_step(name)
            if name:
                drawn = fresh.get_layer(name).get_weights()
                changed.get_layer(name).set_weights(drawn)
            parts.append(similarity(original, explain(changed), length))
    return [CascadeStep(name, stack(parts)) for name, parts in found.items()]


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
    on_training: Callable[[str], None] | None = None,
) -> dict[str, LabelCheck]:
    """The same network, trained by its recipe on permuted labels.

    It starts from the initial state that `seed` gave the trained one. The
    labels that choose its epoch are permuted, too: else the epoch would be
    kept that knows most of the true ones.

    Args:
        model: The trained network.
        x: `(n, T, C)` scaled windows to compare maps on.
        explanations: The kinds of maps.
        method: Name of the network's method, for `resolve_method`.
        train: What the network was trained on; with augmented copies where
            its method is.
        validation: What chose its epoch.
        seed: The seed that it was trained with, which also permutes.
        epochs: Epochs of every training stage.
        length: As for `cascading_randomisation`.
        class_index: As for `cascading_randomisation`.
        arguments: Of the method, besides the epochs.
        reference: Whether to train on the true labels, too. With the epochs
            that the network had, that only repeats it.
        on_training: Called with what is trained, before each training.

    Returns:
        One comparison for the name of each explanation.

    Raises:
        ConfigurationError: There is no such method.
    """
    rng = np.random.default_rng(seed)
    permuted = [
        dataclasses.replace(part, y=rng.permutation(part.y))
        for part in (train, validation)
    ]
    explains = [_explain(model, x, e, class_index) for e in explanations]
    originals = [explain(model) for explain in explains]
    found: dict[str, dict[str, Similarity]] = {}
    trainings = {"permuted": permuted}
    if reference:
        trainings["true"] = (train, validation)
    for kind, parts in trainings.items():
        if on_training is not None:
            on_training(f"training on {kind} labels")
        # Both trainings share one traced network: its maps are made before
        # the next one starts.
        network = resolve_method(
            method, epochs=epochs, reuse=True, **(arguments or {})
        )
        network.fit(*parts, seed)
        for explanation, explain, original in zip(
            explanations, explains, originals, strict=True
        ):
            real = length if explanation.over_time else None
            found.setdefault(explanation.name, {})[kind] = similarity(
                original, explain(network.model), real
            )
    return {name: LabelCheck(**f, epochs=epochs) for name, f in found.items()}


def _explain(model, x, explanation, class_index) -> Callable:
    """From another network to its maps of the same windows and classes."""
    if class_index is None:
        scores = model.predict(x, verbose=0)
        class_index = scores.argmax(axis=-1)
    return lambda network: explanation.compute(network, x, class_index)
