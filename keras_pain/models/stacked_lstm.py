"""Stacked-LSTM: three LSTM layers over movement and muscle activity."""

import keras

from keras_pain.models.blocks import check_input, probabilities
from keras_pain.models.recipe import Recipe

STACKED_LSTM_RECIPE = Recipe(
    learning_rate=1e-3,
    batch_size=20,
    epochs=80,
    loss="categorical_crossentropy",
    optimizer="adam",
    monitor="val_accuracy",
    sources={
        "learning_rate": "ISWC 2019, fixed at 0.001",
        "batch_size": 'arXiv 1902.08990v4, "initial" batch size of 20',
        "epochs": "unsaid: as many as the released BANet code trains, which "
        "comes from the same group and data",
        "loss": "unsaid: cross-entropy is what its softmax output calls for",
        "optimizer": "ISWC 2019, Adam",
        "monitor": "unsaid: as in the released BANet code",
    },
)


def StackedLSTM(
    input_shape: tuple[int, int] = (180, 30),
    num_classes: int = 2,
    *,
    units: int = 32,
    num_layers: int = 3,
    dropout: float = 0.5,
    recurrent_activation: str = "sigmoid",
    mask_value: float | None = 0.0,
    name: str = "stacked_lstm",
) -> keras.Model:
    """Stacked-LSTM for protective behaviour detection.

    Wang et al., "Recurrent network based automatic detection of chronic pain
    protective behavior using MoCap and sEMG data", ISWC 2019: LSTM and dropout
    three times, then a softmax layer. 24,770 parameters at the defaults. The
    copy that BANet is compared with has 26 channels, 28 units and 18,986
    parameters (`input_shape=(180, 26), units=28`).

    Args:
        input_shape: `(time, channels)`.
        num_classes: Number of classes.
        units: Units of every LSTM layer.
        num_layers: Number of LSTM layers; the paper tried 1 to 5.
        dropout: Dropout rate after every LSTM layer.
        recurrent_activation: Activation of the gates. Unsaid: Keras changed
            its default between the paper's time and ours; any other than
            "sigmoid" loses the cuDNN kernel.
        mask_value: Value of padded frames, which are masked; None feeds them
            to the network. Unsaid: the paper pads with zeros and names no
            masking layer; masking keeps padding from shifting the state.
        name: Name of the model.

    Returns:
        A model from `(batch, time, channels)` to `(batch, num_classes)`.

    Raises:
        ConfigurationError: The input shape or number of classes is impossible.
    """
    check_input(name, input_shape, num_classes)
    inputs = keras.Input(input_shape, name="windows")
    x = inputs
    if mask_value is not None:
        x = keras.layers.Masking(mask_value, name="masking")(x)
    for i in range(1, num_layers + 1):
        x = keras.layers.LSTM(
            units,
            recurrent_activation=recurrent_activation,
            return_sequences=i < num_layers,
            name=f"lstm_{i}",
        )(x)
        x = keras.layers.Dropout(dropout, name=f"dropout_{i}")(x)
    return keras.Model(inputs, probabilities(x, num_classes), name=name)
