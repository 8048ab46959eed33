"""STGCN-LSTM: graph convolutions over facial landmarks, then LSTM layers.

Ridouan et al., "Improving pain classification using spatio-temporal deep
learning approaches with facial expressions", arXiv 2501.06787, second model.
The sizes are those of the released code.
"""

import keras

from keras_pain.errors import ConfigurationError
from keras_pain.layers import GraphAttention, GraphMean, NormalizeLandmarks
from keras_pain.models.recipe import Recipe
from keras_pain.signals.landmarks.graph import GRAPHS
from keras_pain.signals.landmarks.points import NUM_POINTS

AGGREGATIONS = {"mean": GraphMean, "attention": GraphAttention}

# Frames that the convolutions along time span; released code.
_FIRST_KERNEL = 9
_LAST_KERNELS = (9, 15, 20)
_BLOCKS = 3
_HOPS = (1, 2)

STGCN_LSTM_RECIPE = Recipe(
    learning_rate=1e-4,
    batch_size=10,
    epochs=1000,
    loss="categorical_crossentropy",
    optimizer="adam",
    monitor="val_loss",
    class_weights="balanced",
    schedule=("exponential", 0.96, 1000),
    sources={
        "learning_rate": "released code, 0.0001",
        "batch_size": "released code, 10",
        "epochs": "released code, default of its command line, 1000; that of "
        "its class is 200",
        "loss": "released code, cross-entropy",
        "optimizer": "released code, Adam",
        "monitor": "unsaid: the released code tests the last epoch, and its "
        "validation share is synthetic",
        "class_weights": "unsaid: the released code balances the classes by "
        "interpolated clips (SMOTE) before it splits off its validation "
        "share; weights balance them without made-up clips",
        "schedule": "released code, times 0.96 after every 1000 steps, in "
        "stairs",
    },
)


def STGCNLSTM(
    input_shape: tuple[int, int, int] = (20, 68, 2),
    num_classes: int = 2,
    *,
    graph: str = "corrected",
    aggregation: str = "mean",
    normalise: bool = True,
    filters: int = 64,
    graph_filters: int = 68,
    temporal_filters: int = 16,
    units: tuple[int, int] = (15, 20),
    dropout: float = 0.25,
    name: str = "stgcn_lstm",
) -> keras.Model:
    """STGCN-LSTM on 68 landmarks of 20 frames.

    Three blocks, the second and third with a residual around them: a
    convolution along time; its features and the block's input, averaged over
    neighbourhoods of one and of two steps in the graph; three convolutions
    along time, one after the other. Then two LSTM layers over frames.

    406,162 parameters at the defaults. As coded, with `graph="as_coded"` and
    `aggregation="attention"`, 6,151,618, of which 5,745,456 have no effect:
    those of the GRUs, see `GraphAttention`.

    Args:
        input_shape: `(time, 68, 2)`.
        num_classes: Number of classes.
        graph: `"corrected"` or `"as_coded"`, see
            `keras_pain.signals.landmarks.graph`.
        aggregation: `"mean"`, or `"attention"` with the released code's GRUs,
            the same function with more parameters.
        normalise: Whether the first layer, `"normalised"`, takes the face's
            place and size in the clip away, see `NormalizeLandmarks`. The
            released code instead standardises all clips beforehand.
        filters: Of the convolutions before a neighbourhood is averaged.
        graph_filters: Features that are averaged. The released code has as
            many as points.
        temporal_filters: Of each of a block's last three convolutions.
        units: Of both LSTM layers.
        dropout: Dropout rate after these convolutions and LSTM layers.
        name: Name of the model.

    Returns:
        A model from `(batch, time, 68, 2)`, x and y in pixels, to
        `(batch, num_classes)`.

    Raises:
        ConfigurationError: An argument is impossible.
    """
    _check(name, input_shape, num_classes, graph, aggregation, units)
    sizes = (filters, graph_filters, temporal_filters)
    inputs = keras.Input(input_shape, name="landmarks")
    x = inputs
    if normalise:
        x = NormalizeLandmarks(name="normalised")(x)

    # --- Graph convolutions ---
    for i in range(1, _BLOCKS + 1):
        y = _block(x, f"block{i}", graph, aggregation, sizes, dropout)
        residual = keras.layers.Add(name=f"block{i}_residual")
        x = y if i == 1 else residual([y, x])

    # --- LSTM layers over frames ---
    time, points, features = x.shape[1:]
    x = keras.layers.Reshape((time, points * features), name="frames")(x)
    for i, width in enumerate(units, start=1):
        x = keras.layers.LSTM(
            width, return_sequences=i < len(units), name=f"lstm_{i}"
        )(x)
        x = keras.layers.Dropout(dropout, name=f"dropout_{i}")(x)
    outputs = keras.layers.Dense(
        num_classes, activation="softmax", dtype="float32", name="classes"
    )(x)
    return keras.Model(inputs, outputs, name=name)


def _block(x, name, graph, aggregation, sizes, dropout):
    """`(batch, time, 68, features)` to `(batch, time, 68, 3 * filters)`."""
    filters, graph_filters, temporal_filters = sizes
    k = _convolution(filters, _FIRST_KERNEL, f"{name}_time")(x)
    k = keras.layers.Concatenate(name=f"{name}_with_input")([x, k])
    near = []
    for hops in _HOPS:
        part = f"{name}_hop{hops}"
        y = _convolution(filters, 1, f"{part}_hidden")(k)
        y = _convolution(graph_filters, 1, f"{part}_features")(y)
        kind = AGGREGATIONS[aggregation]
        near.append(kind(graph, hops, name=f"{part}_neighbours")(y))
    x = keras.layers.Concatenate(name=f"{name}_hops")(near)
    scales = []
    for frames in _LAST_KERNELS:
        x = _convolution(temporal_filters, frames, f"{name}_scale{frames}")(x)
        x = keras.layers.Dropout(dropout, name=f"{name}_dropout{frames}")(x)
        scales.append(x)
    return keras.layers.Concatenate(name=f"{name}_scales")(scales)


def _convolution(filters, frames, name):
    """Along time, the same for every point."""
    return keras.layers.Conv2D(
        filters,
        (frames, 1),
        padding="same",
        activation="relu",
        data_format="channels_last",  # whatever Keras' configuration says
        name=name,
    )


def _check(name, input_shape, num_classes, graph, aggregation, units):
    shape = tuple(input_shape)
    fits = len(shape) == 3 and shape[0] and shape[1:] == (NUM_POINTS, 2)
    if not fits:
        raise ConfigurationError(
            f"{name}: input_shape must be (frames, {NUM_POINTS}, 2) with a "
            f"fixed number of frames, not {shape}"
        )
    if num_classes < 2 or len(units) != 2:
        raise ConfigurationError(
            f"{name}: needs 2 or more classes and the units of 2 LSTM layers, "
            f"not num_classes={num_classes}, units={tuple(units)}"
        )
    for argument, value, allowed in (
        ("graph", graph, GRAPHS),
        ("aggregation", aggregation, AGGREGATIONS),
    ):
        if value not in allowed:
            raise ConfigurationError(
                f"{name}: {argument} must be one of {', '.join(allowed)}, "
                f"not {value!r}"
            )
