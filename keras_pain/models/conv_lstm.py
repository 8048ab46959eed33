"""Conv-LSTM, bi-LSTM and dual-stream LSTM: rivals of BANet and Stacked-LSTM."""

import dataclasses

from keras import Model, layers

from keras_pain.layers import SelectChannels
from keras_pain.layers.base import require
from keras_pain.models import blocks, registry
from keras_pain.models.registry import Recipe, register
from keras_pain.models.stacked_lstm import STACKED_LSTM_RECIPE

CONV_LSTM_RECIPE = Recipe.of(
    learning_rate=(3e-3, "unsaid: 0.003, as BANet and Stacked-LSTM there"),
    batch_size=(50, "BANet paper, comparators, 50"),
    epochs=(80, "unsaid: as in the released BANet code, 80"),
    loss=("binary_crossentropy", "unsaid: as in the released BANet code"),
    optimizer=("adam", "unsaid: Adam, as for BANet in the same comparison"),
    monitor=(
        "val_accuracy",
        "unsaid, no code was released: assumed as in the released BANet code",
    ),
)
BI_LSTM_RECIPE = dataclasses.replace(
    CONV_LSTM_RECIPE,
    batch_size=40,
    sources=CONV_LSTM_RECIPE.sources
    | {"batch_size": "BANet paper, comparators, 40"},
)
DUAL_STREAM_LSTM_RECIPE = dataclasses.replace(
    STACKED_LSTM_RECIPE,
    sources=STACKED_LSTM_RECIPE.sources
    | {
        "learning_rate": "unsaid: 0.001, as for the Stacked-LSTM in ISWC 2019",
        "batch_size": "unsaid: 20, as for Stacked-LSTM, arXiv 1902.08990v4",
        "optimizer": "unsaid: Adam, as for the Stacked-LSTM in ISWC 2019",
    },
)

_MOCAP = 2 * blocks.NUM_PARTS  # angles and energies


@register(
    "conv_lstm",
    paper=registry.BANET_2019,
    task=registry.PROTECTIVE,
    recipe=CONV_LSTM_RECIPE,
    published_parameters=40_940,
    note="uses channels 0-25",
)
def ConvLSTM(
    input_shape: blocks.Sizes = (180, 26),
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
) -> Model:
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
        channels: How many channels are used, from the first on: 26 angles and
            energies, as in the paper, also where sEMG follows; None uses all.
        kernel_size: Frames that a filter spans.
        pool_size: Frames that a max-pooling joins. Unsaid where: after every
            convolution, as usual.
        dropout: Dropout rate after every LSTM layer. Unsaid: 0.5, as in the
            LSTM layers of the other networks in the same comparison.
        recurrent_activation: See `StackedLSTM`.

    Returns a model from `(batch, time, channels)` to `(batch, num_classes)`.
    """
    least = 1
    for _ in range(num_convolutions):
        least = least * pool_size + kernel_size - 1
    blocks.check_input(name, input_shape, num_classes, channels or 1, least)
    inputs = layers.Input(input_shape, name="windows")
    x = SelectChannels(0, channels, name="used_channels")(inputs)
    # Convolutions along time; channels stay apart.
    x = layers.Reshape((*x.shape[1:], 1), name="image")(x)
    for i in range(1, num_convolutions + 1):
        # ReLU is unsaid: the usual one. No padding is unsaid: it would put
        # zeros at the borders of every window.
        options = {"data_format": blocks.LAST, "name": f"conv_{i}"}
        window = (kernel_size, 1)
        x = layers.Conv2D(filters, window, activation="relu", **options)(x)
        options["name"] = f"max_pool_{i}"
        x = layers.MaxPooling2D((pool_size, 1), **options)(x)
    steps, used, _ = x.shape[1:]
    x = layers.Reshape((steps, used * filters), name="steps")(x)
    widths = [units] * num_layers
    x = blocks.lstm_layers(x, widths, dropout, recurrent_activation)
    return blocks.classifier(inputs, x, num_classes, name)


@register(
    "bi_lstm",
    paper=registry.BANET_2019,
    task=registry.PROTECTIVE,
    recipe=BI_LSTM_RECIPE,
    published_parameters=14_282,
    note="uses channels 0-25",
)
def BiLSTM(
    input_shape: blocks.Sizes = (180, 26),
    num_classes: int = 2,
    *,
    channels: int | None = 26,
    units: int = 14,
    num_layers: int = 3,
    dropout: float = 0.5,
    recurrent_activation: str = "sigmoid",
    mask_value: float | None = 0.0,
    name: str = "bi_lstm",
) -> Model:
    """bi-LSTM, a comparator of BANet.

    Wang et al., ACIIW 2019, arXiv 1904.10824, comparison methods: three
    bidirectional LSTM layers of 14 units a direction, dropout 0.5. 14,282
    parameters, as the paper prints, which settles that the directions are
    concatenated.

    Args:
        input_shape: `(time, channels)`.
        channels: See `ConvLSTM`.
        dropout: Dropout rate. Unsaid where: after every layer, as in the
            Stacked-LSTM of the same authors.
        recurrent_activation: See `StackedLSTM`.
        mask_value: See `StackedLSTM`. Unsaid: masking keeps the backward
            direction from starting in the padding.

    Returns a model from `(batch, time, channels)` to `(batch, num_classes)`.
    """
    given = name, input_shape, num_classes, mask_value, channels or 1
    inputs, x = blocks.masked_input(*given)
    x = SelectChannels(0, channels, name="used_channels")(x)
    options = ([units] * num_layers, dropout, recurrent_activation)
    x = blocks.lstm_layers(x, *options, both_directions=True)
    return blocks.classifier(inputs, x, num_classes, name)


@register(
    "dual_stream_lstm",
    paper=registry.ISWC_2019,
    task=registry.PROTECTIVE,
    recipe=DUAL_STREAM_LSTM_RECIPE,
    note="26 channels of movement, 4 of sEMG",
    min_channels=30,
)
def DualStreamLSTM(
    input_shape: blocks.Sizes = (180, 30),
    num_classes: int = 2,
    *,
    semg: int | None = None,
    mocap_units: int = 24,
    semg_units: int = 8,
    num_layers: int = 3,
    dropout: float = 0.5,
    recurrent_activation: str = "sigmoid",
    mask_value: float | None = 0.0,
    name: str = "dual_stream_lstm",
) -> Model:
    """Dual-stream LSTM, a comparator of the Stacked-LSTM.

    Wang et al., "Recurrent network based automatic detection of chronic pain
    protective behavior using MoCap and sEMG data", ISWC 2019: three LSTM
    layers of 24 units on movement, three of 8 on sEMG, each with dropout 0.5;
    their last states are concatenated before the softmax layer. 15,874
    parameters at 26 and 4 channels; the paper prints no count.

    Args:
        input_shape: `(time, channels)`: angles and energies, then sEMG.
        semg: How many of the channels, from the end, are sEMG; None is 4 behind
            at least 26 of movement, as in the paper.
        recurrent_activation: See `StackedLSTM`.
        mask_value: See `StackedLSTM`; of both streams.

    Returns a model from `(batch, time, channels)` to `(batch, num_classes)`.
    Raises ConfigurationError where the input has no sEMG, or the number of
    classes is impossible.
    """
    inputs, x = blocks.masked_input(name, input_shape, num_classes, mask_value)
    mocap, semg = (_MOCAP, 4) if semg is None else (1, semg)
    require(
        semg >= 1 and input_shape[1] >= mocap + semg,
        name,
        f"needs sEMG beside movement: input_shape must have {mocap} channels "
        f"of movement and semg={semg} (at least 1) after them, not "
        f"{input_shape[1]} in all; "
        "without one of them take stacked_lstm",
    )
    ends = []
    options = (dropout, recurrent_activation)
    for stream, units, start, stop in (
        ("mocap", mocap_units, 0, -semg),
        ("semg", semg_units, -semg, None),
    ):
        y = SelectChannels(start, stop, name=f"{stream}_channels")(x)
        widths, prefix = [units] * num_layers, f"{stream}_"
        ends.append(blocks.lstm_layers(y, widths, *options, prefix=prefix))
    x = layers.Concatenate(name="both_streams")(ends)
    return blocks.classifier(inputs, x, num_classes, name)
