"""AACSFNet in PyTorch, written from the description of the released network.

Sizes are arguments; names of the residual network are torchvision's, the
others ours. The decoders that the released code never calls are left out.
"""

import collections

import torch
from torch import nn


class Bottleneck(nn.Module):
    """Strides in the 3x3 convolution: version 1.5."""

    def __init__(self, channels, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(
            width, width, 3, stride=stride, padding=1, bias=False
        )
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.downsample = None
        if stride > 1 or channels != 4 * width:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, 4 * width, 1, stride, bias=False),
                nn.BatchNorm2d(4 * width),
            )

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        x = torch.relu(self.bn1(self.conv1(x)))
        x = torch.relu(self.bn2(self.conv2(x)))
        return torch.relu(self.bn3(self.conv3(x)) + shortcut)


class TorchResNet(nn.Module):
    """Feature maps `(batch, 32 * width, h, w)`; classes are not called."""

    def __init__(self, width=64, blocks=(3, 4, 6, 3)):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = width
        for i, count in enumerate(blocks):
            stage = []
            for j in range(count):
                stride = 2 if i and not j else 1
                stage.append(Bottleneck(channels, width * 2**i, stride))
                channels = 4 * width * 2**i
            setattr(self, f"layer{i + 1}", nn.Sequential(*stage))
        self.fc = nn.Linear(channels, 10)

    def forward(self, x):
        x = self.pool(torch.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


def transformer_encoder(width, heads, layers, hidden):
    """As `nn.Transformer` holds one: sequence first, a norm at the end."""
    return nn.Transformer(width, heads, layers, 0, hidden, dropout=0.1).encoder


class TorchHAM(nn.Module):
    """Hybrid attention, `(batch, channels, h, w)` to `(batch, maps)`."""

    def __init__(self, channels, places, maps, layers, hidden, heads):
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // 16, bias=False)
        self.excite = nn.Linear(channels // 16, channels, bias=False)
        self.spatial = nn.Conv2d(2, 1, 7, padding=3)
        self.maps = nn.Conv2d(channels, maps, 1)
        self.norm = nn.BatchNorm2d(maps)
        self.encoder = transformer_encoder(places, heads, layers, hidden)

    def weighted(self, x):
        weights = self.excite(torch.relu(self.squeeze(x.mean(dim=(2, 3)))))
        return x * torch.sigmoid(weights)[:, :, None, None]

    def where(self, x):
        x = self.weighted(x)
        two = torch.stack([x.mean(dim=1), x.amax(dim=1)], dim=1)
        return torch.sigmoid(self.spatial(two))

    def forward(self, x):
        x = self.weighted(x) * self.where(x)
        x = torch.relu(self.norm(self.maps(x))).flatten(2)
        # (batch, maps, places), where the encoder takes the first axis for
        # the sequence.
        return self.encoder(x).mean(dim=2)


class TorchViT(nn.Module):
    """Concatenated answers `(batch, scales * width)`."""

    def __init__(self, image, sizes, width, layers, heads):
        super().__init__()
        self.heads = heads
        self.patches, self.encoders = nn.ModuleDict(), nn.ModuleDict()
        self.tokens, self.positions = nn.ParameterDict(), nn.ParameterDict()
        for size in map(str, sizes):
            self.patches[size] = nn.Conv2d(3, width, int(size), int(size))
            rows, columns = (side // int(size) for side in image)
            count = rows * columns + 1
            self.tokens[size] = nn.Parameter(torch.zeros(1, 1, width))
            self.positions[size] = nn.Parameter(torch.zeros(1, count, width))
            self.encoders[size] = nn.ModuleList(
                nn.TransformerEncoderLayer(
                    width,
                    heads,
                    4 * width,
                    activation="gelu",
                    batch_first=True,
                    norm_first=True,
                )
                for _ in range(layers)
            )
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(0.1)
        self.attention_dropout = nn.Dropout(0.1)
        self.proj_dropout = nn.Dropout(0.1)
        for name in ("query", "key", "value", "proj"):
            setattr(self, name, nn.Linear(width, width))

    def forward(self, x):
        classes = []
        for size, embed in self.patches.items():
            t = embed(x).flatten(2).transpose(1, 2)
            token = self.tokens[size].expand(len(t), -1, -1)
            t = torch.cat([token, t], dim=1) + self.positions[size]
            t = self.dropout(t)
            for encoder in self.encoders[size]:
                t = encoder(t)
            classes.append(self.norm(t)[:, :1])
        answers = []
        for i, asking in enumerate(classes):
            others = torch.cat(classes[:i] + classes[i + 1 :], dim=1)
            answers.append(self._cross(asking, others)[:, 0])
        return torch.cat(answers, dim=1)

    def _cross(self, asking, others):
        query, key, value = (
            part(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part, x in (
                (self.query, asking),
                (self.key, others),
                (self.value, others),
            )
        )
        scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        mixed = self.attention_dropout(torch.softmax(scores, dim=-1)) @ value
        return self.proj_dropout(self.proj(mixed.transpose(1, 2).flatten(2)))


class TorchAACSFNet(nn.Module):
    """The whole network; RGB from 0 to 1, normalised by the caller."""

    def __init__(
        self, image, sizes, width, blocks, maps, hidden, embed, layers
    ):
        super().__init__()
        places = (image[0] // 32) * (image[1] // 32)
        self.resnet = TorchResNet(width, blocks)
        self.ham = TorchHAM(32 * width, places, maps, layers, hidden, 7)
        self.reduction = nn.Sequential(
            *self._reduced(maps, 256), *self._reduced(256, 128)
        )
        self.channels = nn.Linear(128, 16)
        self.vit = TorchViT(image, sizes, embed, layers, 6)
        self.spatial = nn.Linear(len(sizes) * embed, 16)
        self.fusion = transformer_encoder(16, 1, 2, hidden)
        self.head = nn.Sequential(*self._reduced(64, 32, 0.5))
        self.intensity = nn.Linear(32, 1)

    def _reduced(self, inputs, units, dropout=0.1):
        return (
            nn.Linear(inputs, units),
            nn.BatchNorm1d(units),
            nn.ReLU(),
            nn.Dropout(dropout),
        )

    def forward(self, x):
        channels = self.channels(self.reduction(self.ham(self.resnet(x))))
        spatial = self.spatial(self.vit(x))
        x = torch.stack([channels, spatial], dim=1)
        x = torch.cat([x, self.fusion(x)], dim=-1).flatten(1)
        return self.intensity(self.head(x))


def randomise(network, seed):
    """As after some training: no bias zero, no scale or variance one."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith("num_batches_tracked"):
                value.fill_(687)
            elif name.endswith("running_var"):
                value.uniform_(0.5, 2.0)
            elif name.endswith("weight") and value.ndim == 1:
                value.uniform_(0.5, 1.5)
            elif value.ndim == 1 or not name.endswith("weight"):
                value.normal_(0.0, 0.3)
            elif value.ndim == 4:
                value.mul_(2.5)  # else what tells faces apart fades away
    return network.eval()


def without_weights(network):
    """What no comparison of weights or of predictions sees, counted.

    Pairs of kind and rate or epsilon, as `model_checks.without_weights` has
    them of a Keras model.
    """
    found = collections.Counter()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            found["dropout", module.p] += 1
        elif isinstance(module, nn.MultiheadAttention):
            found["dropout", module.dropout] += 1
        elif isinstance(module, nn.LayerNorm):
            found["layer norm", module.eps] += 1
        elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            kind = f"batch norm {1 - module.momentum:g}"
            found[kind, module.eps] += 1
    return found


# --- Weights of a Keras model from them ---


def to_keras(value):
    """An array with a dense layer's or convolution's axes as in Keras."""
    axes = {1: (0,), 2: (1, 0), 4: (2, 3, 1, 0)}
    return value.detach().numpy().transpose(axes[value.ndim])


def copy_layer(source, layer):
    """Weights of a linear layer, convolution or normalisation."""
    values = [source.weight, source.bias]
    if hasattr(source, "running_mean"):
        values += [source.running_mean, source.running_var]
    layer.set_weights([to_keras(v) for v in values if v is not None])


def copy_encoder(source, layer):
    """Weights of a `TransformerEncoderLayer`."""
    attention = source.self_attn
    layer.in_proj.set_weights(
        [to_keras(attention.in_proj_weight), to_keras(attention.in_proj_bias)]
    )
    copy_layer(attention.out_proj, layer.out_proj)
    for name in ("linear1", "linear2", "norm1", "norm2"):
        copy_layer(getattr(source, name), getattr(layer, name))


def copy_encoders(sources, model, name):
    """To the layers `name_1`, `name_2`, ..."""
    for i, source in enumerate(sources, start=1):
        copy_encoder(source, model.get_layer(f"{name}_{i}"))


def copy_ham(source, model):
    """A `TorchHAM`'s weights to the layers of `hybrid_attention`."""
    attention = model.get_layer("channel_attention")
    copy_layer(source.squeeze, attention.squeeze)
    copy_layer(source.excite, attention.excite)
    copy_layer(source.spatial, model.get_layer("spatial_attention").conv)
    copy_layer(source.maps, model.get_layer("maps"))
    copy_layer(source.norm, model.get_layer("maps_norm"))
    copy_encoders(source.encoder.layers, model, "global_attention")
    copy_layer(source.encoder.norm, model.get_layer("global_norm"))


def copy_vit(source, model):
    """A `TorchViT`'s weights to the layers of `spatial_branch`."""
    for size, embed in source.patches.items():
        copy_layer(embed, model.get_layer(f"patches_{size}"))
        model.get_layer(f"tokens_{size}").set_weights(
            [
                source.tokens[size].detach().numpy(),
                source.positions[size].detach().numpy(),
            ]
        )
        copy_encoders(source.encoders[size], model, f"encoder_{size}")
    copy_layer(source.norm, model.get_layer("token_norm"))
    cross = model.get_layer("cross_attention")
    for name in ("query", "key", "value", "proj"):
        copy_layer(getattr(source, name), getattr(cross, name))


def copy_network(source, model):
    """A `TorchAACSFNet`'s weights, those of the residual network excepted."""
    copy_ham(source.ham, model)
    copy_vit(source.vit, model)
    copy_encoders(source.fusion.layers, model, "fusion")
    copy_layer(source.fusion.norm, model.get_layer("fusion_norm"))
    for name, stack in (
        ("reduction_1", source.reduction[:2]),
        ("reduction_2", source.reduction[4:6]),
        ("head", source.head[:2]),
    ):
        copy_layer(stack[0], model.get_layer(name))
        copy_layer(stack[1], model.get_layer(f"{name}_norm"))
    copy_layer(source.channels, model.get_layer("channel_features"))
    copy_layer(source.spatial, model.get_layer("spatial_features"))
    copy_layer(source.intensity, model.get_layer("intensity"))
