"""C3D: the 3D convolutional network that L3D makes lighter."""

import keras

from keras_pain.errors import ConfigurationError
from keras_pain.models.clip_blocks import (
    clip_input,
    convolution,
    feature_maps,
    hidden,
    intensity,
    max_pool,
)

# Tran et al., ICCV 2015, figure 3: filters of each block of convolutions.
BLOCKS: tuple[tuple[int, ...], ...] = (
    (64,),
    (128,),
    (256, 256),
    (512, 512),
    (512, 512),
)


def C3D(
    input_shape: tuple[int, int, int, int] = (32, 224, 224, 3),
    *,
    blocks: tuple[tuple[int, ...], ...] = BLOCKS,
    units: tuple[int, ...] = (1000, 150),
    dropout: float = 0.5,
    batch_norm: bool = False,
    name: str = "c3d",
) -> keras.Model:
    """C3D with one output, as the L3D paper compares with it.

    Tran et al., "Learning spatiotemporal features with 3D convolutional
    networks", ICCV 2015: eight 3x3x3 convolutions, five max-poolings, of which
    the first leaves time as it is. 77,983,237 parameters, as the L3D paper's
    table 4 prints (77.98 M).

    The usual layers 4096 - 4096 - 1 on clips of 16 frames and 112 pixels have
    78.00 M. On the paper's 224 pixels, where 512 x 2 x 7 x 7 features leave the
    last pooling, layers of 1000 and 150 meet its number; the paper does not
    name them. Four other pairs do too, so that they are fitted, not known.

    Args:
        input_shape: `(time, height, width, 3)`. Every pooling leaves at least
            one place, so that small clips run.
        blocks: Filters of the convolutions, a pooling after each block.
        units: Of the layers before the last.
        dropout: Rate after each of these; unsaid in the L3D paper, 0.5 in
            C3D's.
        batch_norm: Whether convolutions are followed by batch normalisation;
            L3D's figure 2 shows C3D without.
        name: Name of the model.

    Returns:
        A model from `(batch, time, height, width, 3)`, RGB from 0 to 255, to
        `(batch, 1)`. Its layer `"feature_maps"` puts out the last maps before
        the last pooling.

    Raises:
        ConfigurationError: An argument is impossible.
    """
    if min((*units, *(f for block in blocks for f in block)), default=0) < 1:
        raise ConfigurationError(
            f"{name}: blocks and units must hold positive numbers, not "
            f"{blocks} and {units}"
        )
    inputs, x = clip_input(name, input_shape)
    for number, block in enumerate(blocks, start=1):
        for part, filters in enumerate(block):
            # conv_1, conv_3a, conv_3b, ...: as the paper's figure has them.
            tag = f"{number}{'ab'[part] if len(block) == 2 else part or ''}"
            x = convolution(x, filters, tag, batch_norm)
        if number == len(blocks):
            x = feature_maps(x)
        x = max_pool(x, (1 if number == 1 else 2, 2, 2), f"pool_{number}")
    x = keras.layers.Flatten(name="flatten")(x)
    for number, width in enumerate(units, start=1):
        x = hidden(x, width, f"fc_{number}", dropout)
    return keras.Model(inputs, intensity(x), name=name)
