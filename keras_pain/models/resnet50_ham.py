"""ResNet50-HAM: a residual network and three kinds of attention over its maps.

The channel sub-network of Gao et al., "Enhancing pain intensity evaluation via
an attention-driven channel-spatial fusion network" (AACSFNet). Sizes and
defects are those of the released code; the paper's text was not at hand.
"""

import math
import os

import keras

from keras_pain.layers import TransformerEncoder
from keras_pain.layers.hybrid_attention import (
    ChannelAttention,
    SpatialAttention,
)
from keras_pain.layers.torch_init import torch_uniform
from keras_pain.models.aacsfnet_parts import (
    check_residual_input,
    frames_input,
    intensity,
    linear,
    norm_relu,
    switch,
)
from keras_pain.models.resnet50 import BLOCKS, ResNet50

FEATURE_UNITS = 16  # what each branch gives to the fusion; released code
_REDUCED_UNITS = (256, 128)  # released code
_HEADS = 7  # released code; a head for each row of its 7 x 7 maps
_LAST = "channels_last"  # whatever the user's Keras configuration says


def ResNet50HAM(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    *,
    mode: str = "corrected",
    resnet_weights: str | os.PathLike | None = None,
    channels_across_batch: bool | None = None,
    mean_of_normed: bool | None = None,
    width: int = 64,
    blocks: tuple[int, int, int, int] = BLOCKS,
    maps: int = 512,
    global_layers: int = 3,
    ff_units: int = 2048,
    dropout: float = 0.1,
    name: str = "resnet50_ham",
) -> keras.Model:
    """Pain intensity from a face, by the channel sub-network alone.

    25,888,237 trained parameters at the defaults as coded (ResNet-50
    23,508,032, hybrid attention 2,212,988, reduction 167,056, head 161), and
    98 less as corrected: no final normalisation.

    Args:
        input_shape: `(height, width, 3)`, at least 32 x 32.
        mode: `"corrected"`, or `"as_coded"`, which turns both switches below
            on.
        resnet_weights: See `weights` of `keras_pain.models.resnet50.ResNet50`.
        channels_across_batch: The global attention sees the batch as its
            tokens, so that a face's score depends on the faces beside it.
            Mended, the tokens are the channels, each described by its map.
        mean_of_normed: Layer normalisations over a channel's map are the
            last step before the mean over the same map: exactly zero until
            their scales and offsets differ, so that the branch is mute at
            first. Leaving the final one out would not do, since the
            encoder's own come last in every layer. Mended, its
            normalisations come before attention ("pre-norm") and there is no
            final one.
        width: Of the residual network, see `ResNet50`.
        blocks: Of the residual network, see `ResNet50`.
        maps: Channels that the global attention compares.
        global_layers: Encoder layers of the global attention.
        ff_units: Hidden units of its feed-forward parts.
        dropout: Dropout rate inside it and in the reduction.
        name: Name of the model.

    Returns:
        A model from `(batch, height, width, 3)`, RGB from 0 to 255, to
        `(batch, 1)`. Its layer `"spatial_attention"` puts out a map
        `(batch, height / 32, width / 32, 1)` over the face,
        `"channel_attention"` `(batch, 1, 1, channels)`.

    Raises:
        ConfigurationError: An argument is impossible.
        BadFileError: The weights do not fit.
    """
    inputs, x = frames_input(name, input_shape)
    x = channel_branch(
        x,
        name,
        resnet_weights=resnet_weights,
        across_batch=switch(name, mode, channels_across_batch),
        mean_of_normed=switch(name, mode, mean_of_normed),
        width=width,
        blocks=blocks,
        maps=maps,
        global_layers=global_layers,
        ff_units=ff_units,
        dropout=dropout,
    )
    return keras.Model(inputs, intensity(x, FEATURE_UNITS // 2), name=name)


def channel_branch(
    x: keras.KerasTensor,
    name: str,
    *,
    resnet_weights: str | os.PathLike | None,
    across_batch: bool,
    mean_of_normed: bool,
    width: int,
    blocks: tuple[int, int, int, int],
    maps: int,
    global_layers: int,
    ff_units: int,
    dropout: float,
) -> keras.KerasTensor:
    """The residual network, hybrid attention and reduction.

    Args:
        x: Normalised frames `(batch, height, width, 3)`.
        name: Model to name in messages.
        resnet_weights: See `ResNet50HAM`, as all that follow.
        across_batch: `channels_across_batch`.
        mean_of_normed: The other switch.
        width: See there.
        blocks: See there.
        maps: See there.
        global_layers: See there.
        ff_units: See there.
        dropout: See there.

    Returns:
        `(batch, 16)`.
    """
    check_residual_input(name, x.shape[1:])
    backbone = ResNet50(
        x.shape[1:], width=width, blocks=blocks, weights=resnet_weights
    )
    x = backbone(x)
    x = hybrid_attention(
        x, maps, global_layers, ff_units, dropout, across_batch, mean_of_normed
    )
    for i, units in enumerate(_REDUCED_UNITS, start=1):
        x = norm_relu(linear(x, units, f"reduction_{i}"), f"reduction_{i}")
        x = keras.layers.Dropout(dropout, name=f"reduction_{i}_dropout")(x)
    return linear(x, FEATURE_UNITS, "channel_features")


def hybrid_attention(
    x: keras.KerasTensor,
    maps: int,
    global_layers: int,
    ff_units: int,
    dropout: float,
    across_batch: bool = False,
    mean_of_normed: bool = False,
) -> keras.KerasTensor:
    """Which channels, which places, and how the channels go together.

    Args:
        x: Feature maps `(batch, height, width, channels)`.
        maps: See `ResNet50HAM`, as all that follow.
        global_layers: See there.
        ff_units: See there.
        dropout: See there.
        across_batch: `channels_across_batch`.
        mean_of_normed: The other switch.

    Returns:
        `(batch, maps)`.
    """
    weights = ChannelAttention(name="channel_attention")(x)
    x = keras.layers.Multiply(name="channel_weighting")([x, weights])
    weights = SpatialAttention(name="spatial_attention")(x)
    x = keras.layers.Multiply(name="spatial_weighting")([x, weights])
    fan_in = x.shape[-1]
    x = keras.layers.Conv2D(
        maps,
        1,
        data_format=_LAST,
        kernel_initializer=torch_uniform(fan_in),
        bias_initializer=torch_uniform(fan_in),
        name="maps",
    )(x)
    x = norm_relu(x, "maps")
    places = x.shape[1] * x.shape[2]
    x = keras.layers.Reshape((places, maps), name="places")(x)
    x = keras.layers.Permute((2, 1), name="channel_tokens")(x)
    for i in range(1, global_layers + 1):
        x = TransformerEncoder(
            num_heads=_HEADS,
            key_dim=math.ceil(places / _HEADS),
            ff_units=ff_units,
            dropout=dropout,
            norm="post" if mean_of_normed else "pre",
            torch_init="xavier",
            across_batch=across_batch,
            name=f"global_attention_{i}",
        )(x)
    if mean_of_normed:
        x = keras.layers.LayerNormalization(epsilon=1e-5, name="global_norm")(x)
    # The last axis is what "channels first" calls steps.
    return keras.layers.GlobalAveragePooling1D(
        data_format="channels_first", name="channel_means"
    )(x)
