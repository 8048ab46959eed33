"""AACSFNet and its ResNet-50 against PyTorch networks built here."""

import keras
import model_checks
import numpy as np
import pytest
from small_aacsfnet import RESNET, SMALL, frames, outputs

from keras_pain.errors import BadFileError, ConfigurationError
from keras_pain.layers import TransformerEncoder
from keras_pain.models import resnet
from keras_pain.models.aacsfnet import MEAN, STD, AACSFNet, BiScaleCrossViT
from keras_pain.models.resnet import ResNet50

try:
    import torch
    from aacsfnet_torch import (
        TorchAACSFNet,
        TorchResNet,
        copy_network,
        randomise,
        without_weights,
    )
except ImportError:
    torch = None

needs_torch = pytest.mark.skipif(
    torch is None, reason='no PyTorch: pip install "keras-pain[torch]"'
)


# --- Equality with PyTorch ---


@pytest.fixture
def pair(tmp_path):
    """A PyTorch network, ours with its weights, and faces for each."""
    shape, sizes = (32, 224, 3), (32, 16, 8)
    # 1 x 7 places: PyTorch's seven heads must divide them.
    network = TorchAACSFNet(shape[:2], sizes, 4, (1, 2, 1, 1), 12, 10, 12, 2)
    randomise(network, seed=3)
    torch.save(network.resnet.state_dict(), tmp_path / "resnet.pth")
    small = {"blocks": (1, 2, 1, 1), "global_layers": 2, "vit_layers": 2}
    model = AACSFNet(
        **{**SMALL, **small, "input_shape": shape, "patch_sizes": sizes},
        mode="as_coded",
        resnet_weights=tmp_path / "resnet.pth",
    )
    copy_network(network, model)
    x = frames(4, shape)
    normalised = (x / 255 - np.float32(MEAN)) / np.float32(STD)
    return network, model, x, torch.from_numpy(normalised).movedim(-1, 1)


@needs_torch
def test_network_as_coded_equals_torch(pair):
    network, model, x, y = pair
    with torch.no_grad():
        maps = network.resnet(y)
        for layer, expected in (
            ("spatial_attention", network.ham.where(maps).movedim(1, -1)),
            ("channel_means", network.ham(maps)),
            ("scales", network.vit(y)),
            ("intensity", network(y)),
        ):
            expected = expected.numpy()
            assert np.ptp(expected, axis=0).max() > 2e-3  # faces do differ
            actual = outputs(model, x, layer)
            np.testing.assert_allclose(actual, expected, atol=1e-4)


@needs_torch
@pytest.mark.parametrize("part", ["whole", "vit"])
def test_nothing_without_weights_is_missing(pair, part):
    network, model, *_ = pair
    if part == "vit":
        network, small = network.vit, {"embed_dim": 12, "vit_layers": 2}
        model = BiScaleCrossViT((32, 224, 3), patch_sizes=(32, 16, 8), **small)
    expected = without_weights(network)
    assert expected["dropout", 0.1] > 20
    assert model_checks.without_weights(model) == expected


@needs_torch
def test_the_reference_has_the_released_size():
    with torch.device("meta"):
        sizes = 64, (3, 4, 6, 3), 512, 2048, 192, 3
        network = TorchAACSFNet((224, 224), (32, 16, 8), *sizes)
        classes = sum(p.numel() for p in network.resnet.fc.parameters())
        count = sum(p.numel() for p in network.parameters())
        assert count - classes == 31_162_845


@needs_torch
def test_torch_starts_as_we_think():
    torch.manual_seed(0)
    block = torch.nn.Transformer(28, 4, 1, 0, 40).encoder.layers[0]
    keras.utils.set_random_seed(0)
    layer = TransformerEncoder(4, 7, 40, torch_init="xavier")
    layer.build((None, 5, 28))
    theirs = dict(block.named_parameters())
    for name, ours in (
        ("self_attn.in_proj_", layer.in_proj),
        ("self_attn.out_proj.", layer.out_proj),
        ("linear1.", layer.linear1),
        ("linear2.", layer.linear2),
    ):
        for kind, weight in (("weight", ours.kernel), ("bias", ours.bias)):
            limit = pytest.approx(np.abs(weight.numpy()).max(), rel=0.2)
            assert theirs[name + kind].abs().max().item() == limit


# --- Weights of the residual network ---


@needs_torch
def test_weights_of_torchvision_and_of_keras(tmp_path):
    network = randomise(TorchResNet(**RESNET), 5)
    torch.save(network.state_dict(), tmp_path / "net.pth")
    shape = (64, 96, 3)
    model = ResNet50(shape, **RESNET, weights=tmp_path / "net.pth")
    x = frames(2, shape, seed=4) / 100 - 1
    with torch.no_grad():
        expected = network(torch.from_numpy(x).movedim(-1, 1)).movedim(1, -1)
    np.testing.assert_allclose(outputs(model, x), expected, atol=1e-4)

    # Once saved by Keras, also without PyTorch, and at another size.
    model.save_weights(tmp_path / "net.weights.h5")
    other = ResNet50(**RESNET, weights=tmp_path / "net.weights.h5")
    np.testing.assert_equal(other.get_weights(), model.get_weights())


@needs_torch
def test_weights_that_do_not_fit(tmp_path):
    state = TorchResNet(**RESNET).state_dict()
    torch.save({**state, "layer9.weight": state["fc.bias"]}, tmp_path / "a.pth")
    del state["layer2.0.bn2.running_var"]
    torch.save(state, tmp_path / "b.pth")
    (tmp_path / "c.weights.h5").write_bytes(b"nothing")
    (tmp_path / "d.txt").write_text("nothing")
    other = ResNet50(width=4, blocks=(2, 1, 1, 1))
    other.save_weights(tmp_path / "e.weights.h5")
    for name, message in (
        ("a.pth", "unexpected tensors: 'layer9.weight'"),
        ("b.pth", "missing tensors: 'layer2.0.bn2.running_var'"),
        ("c.weights.h5", "does not hold the weights"),
        ("d.txt", "is no .pth or .weights.h5 file"),
        ("e.weights.h5", "does not hold the weights"),
        ("f.pth", "no such file"),
    ):
        with pytest.raises(BadFileError, match=message) as error:
            ResNet50(**RESNET, weights=tmp_path / name)
        assert "\n" not in str(error.value)


def test_imagenet_weights(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))

    def offline(*args, **kwargs):
        raise Exception("URL fetch failure")

    with monkeypatch.context() as patch:
        patch.setattr(keras.utils, "get_file", offline)
        with pytest.raises(ConfigurationError) as error:
            ResNet50(**RESNET, weights="imagenet")
    assert str(tmp_path / "models") in str(error.value)
    assert resnet.IMAGENET_URL in str(error.value)
    # A file that somebody put there is taken, but not any.
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / resnet.IMAGENET_FILE).write_bytes(b"else")
    with pytest.raises(BadFileError, match="not the file that its name says"):
        ResNet50(**RESNET, weights="imagenet")
