"""bi-LSTM: three LSTM layers that read every window in both directions."""

import keras

from keras_pain.layers import SelectChannels
from keras_pain.models.blocks import check_input, probabilities
from keras_pain.models.recipe import Recipe

BI_LSTM_RECIPE = Recipe(
    learning_rate=3e-3,
    batch_size=40,
    epochs=80,
    loss="binary_crossentropy",
    optimizer="adam",
    monitor="val_accuracy",
    sources={
        "learning_rate": "unsaid: 0.003, as for BANet and the Stacked-LSTM "
        "in the same comparison",
        "batch_size": "BANet paper, comparators, 40",
        "epochs": "unsaid: as in the released BANet code, 80",
        "loss": "unsaid: as in the released BANet code",
        "optimizer": "unsaid: Adam, as for BANet in the same comparison",
        "monitor": "unsaid: as in the released BANet code",
    },
)


def BiLSTM(
    input_shape: tuple[int, int] = (180, 26),
    num_classes: int = 2,
    *,
    channels: int | None = 26,
    units: int = 14,
    num_layers: int = 3,
    dropout: float = 0.5,
    recurrent_activation: str = "sigmoid",
    mask_value: float | None = 0.0,
    name: str = "bi_lstm",
) -> keras.Model:
    """bi-LSTM, a comparator of BANet.

    Wang et al., ACIIW 2019, arXiv 1904.10824, comparison methods: three
    bidirectional LSTM layers of 14 units a direction, dropout 0.5. 14,282
    parameters, as the paper prints, which settles that the directions are
    concatenated.

    Args:
        input_shape: `(time, channels)`.
        num_classes: Number of classes.
        channels: How many channels are used, from the first on: 26 angles and
            energies, as in the paper, also where sEMG follows; None uses all.
        units: Units of every LSTM layer and direction.
        num_layers: Number of bidirectional layers.
        dropout: Dropout rate. Unsaid where: after every layer, as in the
            Stacked-LSTM of the same authors.
        recurrent_activation: Activation of the gates. Unsaid: Keras changed
            its default between the paper's time and ours; any other than
            "sigmoid" loses the cuDNN kernel.
        mask_value: Value of padded frames, which are masked; None feeds them
            to the network. Unsaid: masking keeps the backward direction from
            starting in the padding.
        name: Name of the model.

    Returns:
        A model from `(batch, time, channels)` to `(batch, num_classes)`.

    Raises:
        ConfigurationError: The input shape or number of classes is impossible.
    """
    check_input(name, input_shape, num_classes, channels or 1)
    inputs = keras.Input(input_shape, name="windows")
    x = inputs
    if mask_value is not None:
        x = keras.layers.Masking(mask_value, name="masking")(x)
    x = SelectChannels(0, channels, name="used_channels")(x)
    for i in range(1, num_layers + 1):
        lstm = keras.layers.LSTM(
            units,
            recurrent_activation=recurrent_activation,
            return_sequences=i < num_layers,
            name=f"lstm_{i}",
        )
        x = keras.layers.Bidirectional(lstm, name=f"bi_lstm_{i}")(x)
        x = keras.layers.Dropout(dropout, name=f"dropout_{i}")(x)
    return keras.Model(inputs, probabilities(x, num_classes), name=name)
