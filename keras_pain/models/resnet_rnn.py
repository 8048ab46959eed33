"""ResNet-18 on every frame, then an LSTM or a GRU over the frames."""

import keras

from keras_pain.errors import ConfigurationError
from keras_pain.layers import FoldFrames, UnfoldFrames
from keras_pain.models.clip_blocks import (
    LAST,
    clip_input,
    feature_maps,
    hidden,
    intensity,
)
from keras_pain.models.resnet18 import WIDTHS, resnet18_maps


def ResNetLSTM(
    input_shape: tuple[int, int, int, int] = (32, 224, 224, 3),
    *,
    widths: tuple[int, int, int, int] = WIDTHS,
    frame_units: int = 1000,
    units: int = 150,
    head_units: tuple[int, ...] = (500, 500),
    name: str = "resnet18_lstm",
) -> keras.Model:
    """ResNet18-LSTM, a comparator of the L3D paper.

    The paper names the two parts and prints 15.03 M parameters and 58.79 G
    (table 4). A plain LSTM with one output behind the network's 512 features
    cannot have so many; among 57,456 heads one meets this sum and the GRU's:
    ResNet-18 with its layer of 1000, an LSTM of 150 whose steps are all kept,
    500 - 500 - 1. Here 15,031,613 trained parameters, and 9,600 statistics of
    batch normalisations. The operations fit 32 frames, a multiply-add as one.
    Fitted, not known; so is that weights are not pretrained.

    All frames of a batch pass the residual network at once, so that its batch
    normalisation averages over clips and frames.

    Args:
        input_shape: `(time, height, width, 3)`.
        widths: Filters of the four stages of the residual network.
        frame_units: Features of a frame, ResNet-18's own last layer.
        units: Of the recurrent layer.
        head_units: Of the layers between it and the output.
        name: Name of the model.

    Returns:
        A model from `(batch, time, height, width, 3)`, RGB from 0 to 255, to
        `(batch, 1)`. Its layer `"feature_maps"` puts out the residual
        network's last maps, `(batch, time, height / 32, width / 32, 512)`.

    Raises:
        ConfigurationError: An argument is impossible.
    """
    return _build(
        keras.layers.LSTM,
        name,
        input_shape,
        widths,
        frame_units,
        units,
        head_units,
    )


def ResNetGRU(
    input_shape: tuple[int, int, int, int] = (32, 224, 224, 3),
    *,
    widths: tuple[int, int, int, int] = WIDTHS,
    frame_units: int = 1000,
    units: int = 150,
    head_units: tuple[int, ...] = (500, 500),
    name: str = "resnet18_gru",
) -> keras.Model:
    """ResNet18-GRU, a comparator of the L3D paper.

    As `ResNetLSTM`, with a GRU: 14,859,413 trained parameters (paper 14.86 M).

    Args:
        input_shape: See `ResNetLSTM`.
        widths: See `ResNetLSTM`.
        frame_units: See `ResNetLSTM`.
        units: See `ResNetLSTM`.
        head_units: See `ResNetLSTM`.
        name: Name of the model.

    Returns:
        See `ResNetLSTM`.

    Raises:
        ConfigurationError: An argument is impossible.
    """
    return _build(
        keras.layers.GRU,
        name,
        input_shape,
        widths,
        frame_units,
        units,
        head_units,
    )


def _build(kind, name, input_shape, widths, frame_units, units, head_units):
    if len(widths) != 4 or min(*widths, frame_units, units, *head_units) < 1:
        raise ConfigurationError(
            f"{name}: widths must be four positive numbers, frame_units, units "
            f"and head_units positive, not {widths}, {frame_units}, {units} "
            f"and {head_units}"
        )
    inputs, x = clip_input(name, input_shape)

    # --- Frames on their own ---
    x = FoldFrames(name="frames")(x)
    x = resnet18_maps(x, tuple(widths))
    time = input_shape[0]
    x = feature_maps(UnfoldFrames(time, name="clip")(x))
    x = FoldFrames(name="frame_maps")(x)
    x = keras.layers.GlobalAveragePooling2D(
        data_format=LAST, name="frame_pool"
    )(x)
    x = UnfoldFrames(time, name="frame_features")(x)
    x = keras.layers.Dense(frame_units, name="frame_fc")(x)

    # --- Frames together ---
    x = kind(units, return_sequences=True, name=kind.__name__.lower())(x)
    x = keras.layers.Flatten(name="flatten")(x)
    for number, width in enumerate(head_units, start=1):
        x = hidden(x, width, f"fc_{number}")
    return keras.Model(inputs, intensity(x), name=name)
