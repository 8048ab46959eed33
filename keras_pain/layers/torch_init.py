"""How PyTorch starts convolutions and linear layers."""

import math

import keras


def torch_uniform(fan_in: int) -> keras.initializers.Initializer:
    """PyTorch's start of a linear layer or convolution, and of its bias.

    U(-b, b) with b = 1 / sqrt(fan_in), for the weight and for the bias. One
    initializer repeats its numbers, so that every weight needs its own.

    Source: `torch.nn.Linear.reset_parameters`, `torch.nn.modules.conv`.

    Args:
        fan_in: Inputs of one unit: features, or channels times kernel size.

    Returns:
        A new initializer.
    """
    bound = 1.0 / math.sqrt(fan_in)
    return keras.initializers.RandomUniform(-bound, bound)
