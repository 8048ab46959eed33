"""L-SFAN in PyTorch, written from the description of the released network."""

import torch
from aacsfnet_torch import randomise
from torch import nn


class TorchLSFAN(nn.Module):
    """Logits from `(batch, 1, 180, 30)`; names and order as released."""

    def __init__(self):
        super().__init__()
        stack, channels = [], 1
        for i, filters in enumerate((2, 4, 8, 16)):
            stack += [
                nn.Conv2d(channels, filters, 3, padding=(0, 1)),
                nn.BatchNorm2d(filters),
                nn.ReLU(),
            ]
            if i % 2:
                stack.append(nn.MaxPool2d((2, 1), (2, 1)))
            channels = filters
        self.FrameFeatureExtractor = nn.Sequential(*stack)
        # Registered, then copied into the encoder, and never called.
        self.encoderlayer = nn.TransformerEncoderLayer(
            d_model=30,
            nhead=5,
            dim_feedforward=30,
            dropout=0.2,
            batch_first=True,
        )
        self.encoder = nn.TransformerEncoder(self.encoderlayer, num_layers=1)
        self.Classifier = nn.Sequential(nn.Flatten(), nn.Linear(480, 2))

    def forward(self, x):
        maps = self.FrameFeatureExtractor(x)
        return self.Classifier(self.encoder(maps.mean(dim=2)))


def random_network(seed: int) -> TorchLSFAN:
    torch.manual_seed(seed)
    return randomise(TorchLSFAN(), seed)
