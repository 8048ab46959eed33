"""STGCN-LSTM: graph convolutions over facial landmarks, then LSTM layers.

Ridouan et al., "Improving pain classification using spatio-temporal deep
learning approaches with facial expressions", arXiv 2501.06787, second model.
The sizes are those of the released code.
"""

import functools

from keras import Model, layers

from keras_pain.layers import GraphAttention, GraphMean, NormalizeLandmarks
from keras_pain.layers.base import check_choice, require
from keras_pain.models import registry
from keras_pain.models.blocks import LAST, Sizes, classifier, lstm_layers
from keras_pain.models.registry import LANDMARKS, Recipe, register
from keras_pain.signals.face_graph import GRAPHS
from keras_pain.signals.landmarks import NUM_POINTS

AGGREGATIONS = {"mean": GraphMean, "attention": GraphAttention}

# Frames that the convolutions along time span; released code.
_FIRST_KERNEL = 9
_LAST_KERNELS = (9, 15, 20)
_BLOCKS = 3
_HOPS = (1, 2)

STGCN_LSTM_RECIPE = Recipe.of(
    learning_rate=(1e-4, "released code, 0.0001"),
    batch_size=(10, "released code, 10"),
    epochs=(1000, "released code, 1000 by its command line, 200 by its class"),
    loss=("categorical_crossentropy", "released code, cross-entropy"),
    optimizer=("adam", "released code, Adam"),
    monitor=(
        "val_loss",
        "unsaid: the released code tests the last epoch, and its "
        "validation share is synthetic",
    ),
    class_weights=(
        "balanced",
        "unsaid: the released code balances the classes by "
        "interpolated clips (SMOTE) before it splits off its validation "
        "share; weights balance them without made-up clips",
    ),
    schedule=(
        ("exponential", 0.96, 1000),
        "released code, times 0.96 after every 1000 steps, in stairs",
    ),
)

_ENTRY = {"paper": registry.PEMF_2025, "task": registry.PAIN}
_ENTRY["recipe"] = STGCN_LSTM_RECIPE


@register("stgcn_lstm", LANDMARKS, **_ENTRY)
@register(
    "stgcn_lstm_as_coded",
    LANDMARKS,
    arguments={"graph": "as_released", "aggregation": "attention"},
    note="of these, 5745456 of the GRUs have no effect",
    version=2,  # 1 had another graph than the released
    **_ENTRY,
)
def STGCNLSTM(
    input_shape: Sizes = (20, 68, 2),
    num_classes: int = 2,
    *,
    graph: str = "corrected",
    aggregation: str = "mean",
    normalise: bool = True,
    filters: int = 64,
    graph_filters: int = 68,
    temporal_filters: int = 16,
    units: Sizes = (15, 20),
    dropout: float = 0.25,
    name: str = "stgcn_lstm",
) -> Model:
    """STGCN-LSTM on 68 landmarks of 20 frames.

    Three blocks, the second and third with a residual around them: a
    convolution along time; its features and the block's input, averaged over
    neighbourhoods of one and of two steps in the graph; three convolutions
    along time, one after the other. Then two LSTM layers over frames.

    406,162 parameters at the defaults. As coded, with `graph="as_released"` and
    `aggregation="attention"`, 6,151,618, of which 5,745,456 have no effect:
    those of the GRUs, see `GraphAttention`.

    Args:
        input_shape: `(time, 68, 2)`.
        graph: `"corrected"` or `"as_released"`, see
            `keras_pain.signals.face_graph`.
        aggregation: `"mean"`, or `"attention"` with the released code's GRUs,
            the same function with more parameters.
        normalise: Whether the first layer, `"normalised"`, takes the face's
            place and size in the clip away, see `NormalizeLandmarks`. The
            released code instead standardises all clips beforehand.
        filters: Of the convolutions before a neighbourhood is averaged.
        graph_filters: Features that are averaged. The released code has as
            many as points.

    Returns a model from `(batch, time, 68, 2)`, x and y in pixels, to
    `(batch, num_classes)`.
    """
    shape = tuple(input_shape)
    fits = len(shape) == 3 and shape[0] and shape[1:] == (NUM_POINTS, 2)
    text = f"(frames, {NUM_POINTS}, 2) with a fixed number of frames"
    require(fits, name, f"input_shape must be {text}, not {shape}")
    text = "needs 2 or more classes and the units of 2 LSTM layers, not "
    given = f"num_classes={num_classes}, units={tuple(units)}"
    require(num_classes != 1 and len(units) == 2, name, text + given)
    check_choice(name, "graph", graph, GRAPHS)
    check_choice(name, "aggregation", aggregation, AGGREGATIONS)
    kind = functools.partial(AGGREGATIONS[aggregation], graph)
    sizes = (filters, graph_filters, temporal_filters)
    x = inputs = layers.Input(shape, name="landmarks")
    if normalise:
        x = NormalizeLandmarks(name="normalised")(x)
    for i in range(1, _BLOCKS + 1):
        y = _block(x, f"block{i}", kind, sizes, dropout)
        x = y if i == 1 else layers.Add(name=f"block{i}_residual")([y, x])
    time, points, features = x.shape[1:]
    x = layers.Reshape((time, points * features), name="frames")(x)
    x = lstm_layers(x, units, dropout)
    return classifier(inputs, x, num_classes, name, "classes")


def _block(x, name, neighbours, sizes, dropout):
    """`(batch, time, 68, features)` to `(batch, time, 68, 3 * filters)`."""
    filters, graph_filters, temporal_filters = sizes
    k = _convolution(filters, _FIRST_KERNEL, f"{name}_time")(x)
    k = layers.Concatenate(name=f"{name}_with_input")([x, k])
    near = []
    for hops in _HOPS:
        part = f"{name}_hop{hops}"
        y = _convolution(filters, 1, f"{part}_hidden")(k)
        y = _convolution(graph_filters, 1, f"{part}_features")(y)
        near.append(neighbours(hops, name=f"{part}_neighbours")(y))
    x = layers.Concatenate(name=f"{name}_hops")(near)
    scales = []
    for frames in _LAST_KERNELS:
        x = _convolution(temporal_filters, frames, f"{name}_scale{frames}")(x)
        x = layers.Dropout(dropout, name=f"{name}_dropout{frames}")(x)
        scales.append(x)
    return layers.Concatenate(name=f"{name}_scales")(scales)


def _convolution(filters, frames, name):
    """Along time, the same for every point."""
    options = {"padding": "same", "activation": "relu", "data_format": LAST}
    return layers.Conv2D(filters, (frames, 1), name=name, **options)
