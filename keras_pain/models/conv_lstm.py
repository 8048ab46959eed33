"""Conv-LSTM: convolutions along time on every channel, then two LSTM layers."""

import keras

from keras_pain.errors import ConfigurationError
from keras_pain.layers import SelectChannels
from keras_pain.models.blocks import check_input, probabilities
from keras_pain.models.recipe import Recipe

CONV_LSTM_RECIPE = Recipe(
    learning_rate=3e-3,
    batch_size=50,
    epochs=80,
    loss="binary_crossentropy",
    optimizer="adam",
    monitor="val_accuracy",
    sources={
        "learning_rate": "unsaid: 0.003, as for BANet and the Stacked-LSTM "
        "in the same comparison",
        "batch_size": "BANet paper, comparators, 50",
        "epochs": "unsaid: as in the released BANet code, 80",
        "loss": "unsaid: as in the released BANet code",
        "optimizer": "unsaid: Adam, as for BANet in the same comparison",
        "monitor": "unsaid: as in the released BANet code",
    },
)


def ConvLSTM(
    input_shape: tuple[int, int] = (180, 26),
    num_classes: int = 2,
    *,
    channels: int | None = 26,
    num_convolutions: int = 3,
    filters: int = 10,
    kernel_size: int = 10,
    pool_size: int = 2,
    units: int = 28,
    num_layers: int = 2,
    dropout: float = 0.5,
    recurrent_activation: str = "sigmoid",
    name: str = "conv_lstm",
) -> keras.Model:
    """Conv-LSTM, a comparator of BANet.

    Wang et al., ACIIW 2019, arXiv 1904.10824, comparison methods: three
    convolutions of 10 filters, 10 frames by one channel, with max-pooling by
    two, then LSTM layers of 28 units. The filters are the same for all
    channels; 10 features of each of 26 channels enter the first LSTM layer.
    40,940 parameters, as the paper prints, which settles that there are two
    LSTM layers.

    Padded frames are not masked: every step that reaches the LSTM layers mixes
    71 frames, so that a window with fewer real ones would have no step left.

    Args:
        input_shape: `(time, channels)`, at the defaults at least 71 frames.
        num_classes: Number of classes.
        channels: How many channels are used, from the first on: 26 angles and
            energies, as in the paper, also where sEMG follows; None uses all.
        num_convolutions: Number of convolutions.
        filters: Of every convolution.
        kernel_size: Frames that a filter spans.
        pool_size: Frames that a max-pooling joins. Unsaid where: after every
            convolution, as usual.
        units: Units of every LSTM layer.
        num_layers: Number of LSTM layers.
        dropout: Dropout rate after every LSTM layer. Unsaid: 0.5, as in the
            LSTM layers of the other networks in the same comparison.
        recurrent_activation: Activation of the gates. Unsaid: Keras changed
            its default between the paper's time and ours; any other than
            "sigmoid" loses the cuDNN kernel.
        name: Name of the model.

    Returns:
        A model from `(batch, time, channels)` to `(batch, num_classes)`.

    Raises:
        ConfigurationError: An argument is impossible.
    """
    check_input(name, input_shape, num_classes, channels or 1)
    frames = input_shape[0]
    least = 1
    for _ in range(num_convolutions):
        least = least * pool_size + kernel_size - 1
    if frames is None or frames < least:
        raise ConfigurationError(
            f"{name}: input_shape must fix the number of frames, at least "
            f"{least}, not {tuple(input_shape)}"
        )
    inputs = keras.Input(input_shape, name="windows")
    x = SelectChannels(0, channels, name="used_channels")(inputs)

    # --- Convolutions along time; channels stay apart ---
    x = keras.layers.Reshape((*x.shape[1:], 1), name="image")(x)
    last = "channels_last"  # whatever the user's Keras configuration says
    for i in range(1, num_convolutions + 1):
        # ReLU is unsaid: the usual one. No padding is unsaid: it would put
        # zeros at the borders of every window.
        x = keras.layers.Conv2D(
            filters,
            (kernel_size, 1),
            activation="relu",
            data_format=last,
            name=f"conv_{i}",
        )(x)
        x = keras.layers.MaxPooling2D(
            (pool_size, 1), data_format=last, name=f"max_pool_{i}"
        )(x)

    # --- LSTM layers ---
    steps, used, _ = x.shape[1:]
    x = keras.layers.Reshape((steps, used * filters), name="steps")(x)
    for i in range(1, num_layers + 1):
        x = keras.layers.LSTM(
            units,
            recurrent_activation=recurrent_activation,
            return_sequences=i < num_layers,
            name=f"lstm_{i}",
        )(x)
        x = keras.layers.Dropout(dropout, name=f"dropout_{i}")(x)
    return keras.Model(inputs, probabilities(x, num_classes), name=name)
