"""Dual-stream LSTM: movement and muscle activity, each its own LSTM stack."""

import keras

from keras_pain.errors import ConfigurationError
from keras_pain.layers import SelectChannels
from keras_pain.models.blocks import check_input, probabilities
from keras_pain.models.recipe import Recipe
from keras_pain.signals.kinematics import ANGLE_NAMES

DUAL_STREAM_LSTM_RECIPE = Recipe(
    learning_rate=1e-3,
    batch_size=20,
    epochs=80,
    loss="categorical_crossentropy",
    optimizer="adam",
    monitor="val_accuracy",
    sources={
        "learning_rate": "unsaid: 0.001, as for the Stacked-LSTM in ISWC 2019",
        "batch_size": "unsaid: 20, as for the Stacked-LSTM in arXiv "
        "1902.08990v4",
        "epochs": "unsaid: as many as the released BANet code trains, which "
        "comes from the same group and data",
        "loss": "unsaid: cross-entropy is what its softmax output calls for",
        "optimizer": "unsaid: Adam, as for the Stacked-LSTM in ISWC 2019",
        "monitor": "unsaid: as in the released BANet code",
    },
)

_MOCAP = 2 * len(ANGLE_NAMES)  # angles and energies


def DualStreamLSTM(
    input_shape: tuple[int, int] = (180, 30),
    num_classes: int = 2,
    *,
    semg: int = 4,
    mocap_units: int = 24,
    semg_units: int = 8,
    num_layers: int = 3,
    dropout: float = 0.5,
    recurrent_activation: str = "sigmoid",
    mask_value: float | None = 0.0,
    name: str = "dual_stream_lstm",
) -> keras.Model:
    """Dual-stream LSTM, a comparator of the Stacked-LSTM.

    Wang et al., "Recurrent network based automatic detection of chronic pain
    protective behavior using MoCap and sEMG data", ISWC 2019: three LSTM
    layers of 24 units on movement, three of 8 on sEMG, each with dropout 0.5;
    their last states are concatenated before the softmax layer. 15,874
    parameters at 26 and 4 channels; the paper prints no count.

    Args:
        input_shape: `(time, channels)`: angles and energies, then sEMG.
        num_classes: Number of classes.
        semg: How many of the channels, from the end, are sEMG.
        mocap_units: Units of every LSTM layer on movement.
        semg_units: Units of every LSTM layer on sEMG.
        num_layers: Number of LSTM layers of each stream.
        dropout: Dropout rate after every LSTM layer.
        recurrent_activation: Activation of the gates. Unsaid: Keras changed
            its default between the paper's time and ours; any other than
            "sigmoid" loses the cuDNN kernel.
        mask_value: Value of padded frames, which are masked in both streams;
            None feeds them to the network. Unsaid, see `StackedLSTM`.
        name: Name of the model.

    Returns:
        A model from `(batch, time, channels)` to `(batch, num_classes)`.

    Raises:
        ConfigurationError: The input has no sEMG, or the number of classes is
            impossible.
    """
    check_input(name, input_shape, num_classes)
    if semg < 1 or input_shape[1] < _MOCAP + semg:
        raise ConfigurationError(
            f"{name} needs sEMG: input_shape must have {_MOCAP} channels of "
            f"movement and semg={semg} (at least 1) after them, not "
            f"{input_shape[1]} in all; without sEMG take stacked_lstm"
        )
    inputs = keras.Input(input_shape, name="windows")
    x = inputs
    if mask_value is not None:
        # On all channels: sEMG alone can be zero in a real frame.
        x = keras.layers.Masking(mask_value, name="masking")(x)
    ends = []
    for stream, units, start, stop in (
        ("mocap", mocap_units, 0, -semg),
        ("semg", semg_units, -semg, None),
    ):
        y = SelectChannels(start, stop, name=f"{stream}_channels")(x)
        for i in range(1, num_layers + 1):
            y = keras.layers.LSTM(
                units,
                recurrent_activation=recurrent_activation,
                return_sequences=i < num_layers,
                name=f"{stream}_lstm_{i}",
            )(y)
            y = keras.layers.Dropout(dropout, name=f"{stream}_dropout_{i}")(y)
        ends.append(y)
    x = keras.layers.Concatenate(name="both_streams")(ends)
    return keras.Model(inputs, probabilities(x, num_classes), name=name)
