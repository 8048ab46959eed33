"""The published form of BANet: one branch a body part, stock layers only.

Thirteen branches through one shared encoder are slow to trace and to train,
which is why the package folds them into one pass. They live here as the
reference that the folded models must equal.
"""

import keras
from keras import layers, ops

PARTS = 13


def branch_model(
    input_shape: tuple[int, int],
    *,
    units: int = 8,
    attention: str = "both",
    own_encoders: bool = False,
) -> keras.Model:
    """BANet (shared encoder of three LSTMs) or ALANet per body part.

    Args:
        input_shape: `(time, channels)`.
        units: Units of the LSTM layers.
        attention: "both", "temporal" or "bodily".
        own_encoders: One LSTM a part, as in ALANet, instead of BANet's stack.

    Returns:
        The model; its layers are named after the folded model's, with the
        part's number behind.
    """
    inputs = keras.Input(input_shape)
    mask = ops.any(ops.not_equal(inputs, 0.0), axis=-1)
    shared = [_lstm(units, f"lstm_{i}") for i in (1, 2, 3)]
    pooled = []
    for c in range(PARTS):
        x = ops.stack([inputs[:, :, c], inputs[:, :, PARTS + c]], axis=-1)
        encoder = [_lstm(units, f"encoder_{c}")] if own_encoders else shared
        for lstm in encoder:
            x = lstm(x, mask=mask)
        seen = ops.expand_dims(mask, -1)
        if attention == "bodily":
            weights = ops.cast(seen, "float32")
        else:
            scores = layers.Conv1D(1, 1, name=f"temporal_attention_{c}")(x)
            weights = layers.Softmax(axis=1)(scores, mask=seen)
        pooled.append(ops.sum(weights * x, axis=1))
    x = ops.stack(pooled, axis=-1)
    if attention != "temporal":
        hidden = layers.Dense(PARTS, "tanh", name="bodily_hidden")(x)
        weights = layers.Dense(PARTS, "softmax", name="bodily_attention")
        x = x * weights(hidden)
    x = layers.Flatten(name="flatten")(x)
    return keras.Model(inputs, layers.Dense(2, "softmax", name="out")(x))


def copy_weights(folded: keras.Model, branches: keras.Model) -> None:
    """Gives the branch form the folded model's weights."""
    for layer in branches.layers:
        if not layer.weights:
            continue
        name, _, part = layer.name.rpartition("_")
        if layer.name == "out":
            values = folded.get_layer("probabilities").get_weights()
        elif name == "encoder":
            values = [w[int(part)] for w in _lstm_weights(folded)]
        elif name == "temporal_attention":
            kernel, bias = folded.get_layer(name).get_weights()
            c = int(part)
            values = [kernel[c][None, :, None], bias[c : c + 1]]
        else:
            values = folded.get_layer(layer.name).get_weights()
        layer.set_weights(values)


def _lstm(units: int, name: str) -> keras.layers.Layer:
    return layers.LSTM(units, return_sequences=True, name=name)


def _lstm_weights(folded: keras.Model) -> list:
    """Of the grouped encoder, in the order of `keras.layers.LSTM`."""
    layer = folded.get_layer("encoder")
    cell = layer.loop.cell
    variables = (layer.kernel, cell.recurrent_kernel, layer.bias)
    return [keras.ops.convert_to_numpy(v) for v in variables]
