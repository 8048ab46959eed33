"""BiScaleCrossViT: a vision transformer for each patch size, and an exchange.

The spatial sub-network of Gao et al., "Enhancing pain intensity evaluation via
an attention-driven channel-spatial fusion network" (AACSFNet). Sizes and
defects are those of the released code; the paper's text was not at hand.
"""

import math

import keras

from keras_pain.errors import ConfigurationError
from keras_pain.layers import TransformerEncoder
from keras_pain.layers.cross_attention import (
    ClassTokenAndPositions,
    CrossAttention,
)
from keras_pain.layers.torch_init import torch_uniform
from keras_pain.models.aacsfnet_parts import frames_input, linear, switch

TWO_SCALES = (32, 16)  # figure and name
THREE_SCALES = (32, 16, 8)  # released code

_MLP_RATIO = 4  # released code
_LAST = "channels_last"  # whatever the user's Keras configuration says


def BiScaleCrossViT(
    input_shape: tuple[int, int, int] = (224, 224, 3),
    *,
    patch_sizes: tuple[int, ...] = TWO_SCALES,
    mode: str = "corrected",
    class_token_keys: bool | None = None,
    embed_dim: int = 192,
    vit_layers: int = 3,
    vit_heads: int = 6,
    dropout: float = 0.1,
    name: str = "biscale_cross_vit",
) -> keras.Model:
    """Pain intensity from a face, by the spatial sub-network alone.

    3,603,649 trained parameters at the defaults, in either mode. As in the
    released code's stand-alone network, a single dense unit follows the
    exchange.

    Args:
        input_shape: `(height, width, 3)`, multiples of every patch size.
        patch_sizes: Sides of the square patches in pixels, at least two.
        mode: `"corrected"`, or `"as_coded"`, which turns the switch below on.
        class_token_keys: The class token of a scale asks nothing but the class
            tokens of the others. With two scales this is one key, of weight
            one: no attention, and query and key are never trained. Mended, it
            asks all tokens of the others, as in CrossViT.
        embed_dim: Width of the tokens.
        vit_layers: Encoder layers of each scale.
        vit_heads: Heads of all attention, a divisor of `embed_dim`.
        dropout: Dropout rate inside the encoders.
        name: Name of the model.

    Returns:
        A model from `(batch, height, width, 3)`, RGB from 0 to 255, to
        `(batch, 1)`. Its layer `"cross_attention"` also puts out what each
        scale asks of the others, see `CrossAttention`.

    Raises:
        ConfigurationError: An argument is impossible.
    """
    inputs, x = frames_input(name, input_shape)
    x = spatial_branch(
        x,
        name,
        patch_sizes=patch_sizes,
        class_token_keys=switch(name, mode, class_token_keys),
        embed_dim=embed_dim,
        layers=vit_layers,
        heads=vit_heads,
        dropout=dropout,
    )
    x = linear(x, 1, "intensity", dtype="float32")
    return keras.Model(inputs, x, name=name)


def spatial_branch(
    x: keras.KerasTensor,
    name: str,
    *,
    patch_sizes: tuple[int, ...],
    class_token_keys: bool,
    embed_dim: int,
    layers: int,
    heads: int,
    dropout: float,
) -> keras.KerasTensor:
    """The scales and what they answer each other.

    Args:
        x: Normalised frames `(batch, height, width, 3)`.
        name: Model to name in messages.
        patch_sizes: See `BiScaleCrossViT`, as all that follow.
        class_token_keys: See there.
        embed_dim: See there.
        layers: `vit_layers`.
        heads: `vit_heads`.
        dropout: See there.

    Returns:
        `(batch, scales * embed_dim)`.

    Raises:
        ConfigurationError: The patches or heads do not fit.
    """
    check_patches(name, x.shape[1:3], patch_sizes)
    if embed_dim % heads:
        raise ConfigurationError(
            f"{name}: embed_dim must be a multiple of the {heads} heads, not "
            f"{embed_dim}"
        )
    norm = keras.layers.LayerNormalization(epsilon=1e-5, name="token_norm")
    scales = []
    for size in patch_sizes:
        tokens = _patches(x, size, embed_dim)
        for i in range(1, layers + 1):
            tokens = TransformerEncoder(
                num_heads=heads,
                key_dim=embed_dim // heads,
                ff_units=_MLP_RATIO * embed_dim,
                dropout=dropout,
                norm="pre",
                activation="gelu",
                torch_init="linear",
                name=f"encoder_{size}_{i}",
            )(tokens)
        scales.append(norm(tokens))
    answers, *_ = CrossAttention(
        heads,
        keys="class_tokens" if class_token_keys else "tokens",
        name="cross_attention",
    )(scales)
    return keras.layers.Flatten(name="scales")(answers)


def check_patches(
    name: str, image: tuple[int, int], patch_sizes: tuple[int, ...]
) -> None:
    """Refuses patches that the image cannot be cut into.

    Args:
        name: Model to name in the message.
        image: Height and width in pixels.
        patch_sizes: Sides of the patches in pixels.

    Raises:
        ConfigurationError: Less than two sizes, one twice, or one that does
            not divide the image.
    """
    sizes = tuple(patch_sizes)
    if len(set(sizes)) < 2 or len(set(sizes)) < len(sizes) or min(sizes) < 1:
        raise ConfigurationError(
            f"{name}: patch_sizes must be two or more different sizes in "
            f"pixels, not {sizes}"
        )
    height, width = image
    for size in sizes:
        if min(image) < size:
            problem = f"is smaller than a patch of {size} x {size}"
        elif height % size or width % size:
            problem = f"cannot be cut into patches of {size} x {size}"
        else:
            continue
        raise ConfigurationError(
            f"{name}: an image of {height} x {width} {problem}; take multiples "
            f"of {math.lcm(*sizes)} pixels, or other patch_sizes than {sizes}"
        )


def _patches(x, size, embed_dim):
    """Tokens of one scale, `(batch, 1 + patches, embed_dim)`."""
    fan_in = size**2 * x.shape[-1]
    x = keras.layers.Conv2D(
        embed_dim,
        size,
        size,
        data_format=_LAST,
        kernel_initializer=torch_uniform(fan_in),
        bias_initializer=torch_uniform(fan_in),
        name=f"patches_{size}",
    )(x)
    patches = x.shape[1] * x.shape[2]
    x = keras.layers.Reshape((patches, embed_dim), name=f"flat_{size}")(x)
    return ClassTokenAndPositions(name=f"tokens_{size}")(x)
