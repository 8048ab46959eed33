"""`keras-pain convert lsfan` against a PyTorch network built here."""

import os
import pickle
import sys
import types

import keras
import model_checks
import numpy as np
import pytest
from scripts import load_script

from keras_pain import cli
from keras_pain.errors import ConfigurationError, KerasPainError
from keras_pain.models import checkpoints as checkpoint
from keras_pain.models.lsfan import LSFAN

try:
    import torch
    from aacsfnet_torch import randomise, without_weights
    from torch import nn
except ImportError:
    torch = None

torch_lsfan = load_script("references", "benchmarks").torch_lsfan
needs_torch = pytest.mark.skipif(
    torch is None, reason='no PyTorch: pip install "keras-pain[torch]"'
)


def random_network(seed):
    torch.manual_seed(seed)
    return randomise(torch_lsfan(), seed)


def run(*argv):
    return cli.main(["convert", "lsfan", *map(str, argv)])


def windows(count=8):
    """Each with a posture of its own, without which they look alike."""
    rng = np.random.default_rng(5)
    posture = rng.normal(0.0, 2.0, size=(count, 1, 30))
    x = posture + rng.normal(size=(count, 180, 30))
    return x.astype(np.float32)


@pytest.fixture
def state():
    return random_network(seed=3).state_dict()


@pytest.fixture
def save(tmp_path):
    def save(content, name="model0_segment0.pth"):
        torch.save(content, tmp_path / name)
        return tmp_path / name

    return save


# --- Equality ---


@needs_torch
def test_the_reference_is_the_released_network():
    state = torch_lsfan().state_dict()
    assert len(state) == 54
    assert sum(value.numel() for value in state.values()) == 14_046
    parameters = sum(p.numel() for p in torch_lsfan().parameters())
    assert parameters == 13_982
    network = torch_lsfan()
    del network.encoderlayer  # never called
    expected = without_weights(network)
    assert expected["dropout", 0.2] == 4
    assert model_checks.without_weights(LSFAN()) == expected


@needs_torch
@pytest.mark.parametrize("seed", range(3))
def test_outputs_equal_the_original(seed, save, tmp_path):
    network, x = random_network(seed), windows()
    target = tmp_path / "lsfan.keras"
    assert run(save(network.state_dict()), target) == 0
    model = keras.models.load_model(target)
    with torch.no_grad():
        logits = network(torch.from_numpy(x[:, None]))
        expected = torch.softmax(logits, dim=1).numpy()
    actual = keras.ops.convert_to_numpy(model(x))
    assert np.ptp(expected[:, 0]) > 0.05  # the windows do differ
    np.testing.assert_allclose(actual, expected, atol=1e-5)

    # Before the softmax, which may hide a difference.
    classes = model.get_layer("probabilities")
    flat = keras.Model(model.input, classes.input)(x)
    kernel, bias = classes.get_weights()
    ours = keras.ops.convert_to_numpy(flat) @ kernel + bias
    np.testing.assert_allclose(ours, logits.numpy(), atol=1e-4)


@needs_torch
def test_encoder_attends_as_the_original(save):
    network, x = random_network(seed=1), windows()
    model, _ = checkpoint.convert_lsfan(save(network.state_dict()))
    with torch.no_grad():
        maps = network.FrameFeatureExtractor(torch.from_numpy(x[:, None]))
        tokens = maps.mean(dim=2)
        _, expected = network.encoder.layers[0].self_attn(
            tokens, tokens, tokens, average_attn_weights=False
        )
    scores = keras.Model(model.input, model.get_layer("encoder").output[1])(x)
    np.testing.assert_allclose(scores, expected.numpy(), atol=1e-5)
    features = keras.Model(model.input, model.get_layer("feature_maps").output)
    np.testing.assert_allclose(
        np.transpose(features(x), (0, 3, 1, 2)), maps.numpy(), atol=1e-4
    )


@needs_torch
def test_summary_says_what_was_done(state, save, tmp_path, capsys):
    target = tmp_path / "lsfan.keras"
    assert run(save(state), target) == 0
    out = capsys.readouterr().out
    assert out.startswith(f"{target}: 38 tensors mapped, 16 ignored")
    assert "8,282 trained parameters, 60 batch-norm statistics" in out
    assert "licence" in out and "fold 0" in out
    names = ["lsfan.keras", "model0_segment0.pth"]
    assert sorted(os.listdir(tmp_path)) == names


@needs_torch
def test_files_without_the_unused_tensors_and_in_the_old_format(
    state, tmp_path
):
    needed = {k: v for k, v in state.items() if k not in checkpoint.IGNORED}
    assert len(needed) == 38 == len(state) - len(checkpoint.IGNORED)
    path = tmp_path / "old.pth"
    torch.save(needed, path, _use_new_zipfile_serialization=False)
    _, summary = checkpoint.convert_lsfan(path)
    assert summary.startswith("38 tensors mapped, 0 ignored (")


# --- Refused files: nothing is written, one line is said ---


def refused(capsys, source, target, *words):
    assert run(source, target) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith(f"keras-pain: {source}: ")
    for word in words:
        assert word in line
    assert "weights_only" not in line  # PyTorch's own, unsafe advice
    assert not target.exists()


def _without(state, name):
    return {k: v for k, v in state.items() if k != name}


_KEY = "encoder.layers.0.linear1.weight"


@needs_torch
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: _without(s, _KEY), ("missing tensors", _KEY)),
        (
            lambda s: {**s, "Classifier.3.bias": s["Classifier.1.bias"]},
            ("unexpected tensors", "Classifier.3.bias"),
        ),
        (
            lambda s: {f"module.{k}": v for k, v in s.items()},
            ("missing", "unexpected", "module.", "35 more", "51 more"),
        ),
        (
            lambda s: {**s, "encoderlayer.norm3.bias": s[_KEY]},
            ("unexpected", "encoderlayer.norm3.bias"),
        ),
        (
            lambda s: {**s, "Classifier.1.weight": torch.zeros(2, 672)},
            ("Classifier.1.weight", "(2, 672)", "(2, 480)"),
        ),
        (
            lambda s: {**s, "FrameFeatureExtractor.3.weight": s[_KEY]},
            ("FrameFeatureExtractor.3.weight", "(4, 2, 3, 3)"),
        ),
        (lambda s: {**s, _KEY: s[_KEY] * torch.nan}, (_KEY, "not finite")),
        (lambda s: {**s, _KEY: "thirty"}, (_KEY, "no dense tensor")),
        (lambda s: {**s, _KEY: s[_KEY].to_sparse()}, (_KEY, "no dense")),
        (lambda s: {**s, _KEY: s[_KEY].int()}, (_KEY, "real numbers")),
        (lambda s: list(s.values()), ("a list, no state dict",)),
        (lambda s: {"epoch": 1, "model": s}, ("missing", "'epoch', 'model'")),
        (lambda s: {}, ("missing tensors", "35 more")),
    ],
)
def test_other_tensors_are_refused(
    change, words, state, save, tmp_path, capsys
):
    refused(capsys, save(change(state)), tmp_path / "x.keras", *words)


class _Touch:
    """Unpickled carelessly, it makes a file."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@needs_torch
@pytest.mark.parametrize("zipped", [True, False])
def test_code_in_a_file_is_not_run(zipped, state, tmp_path, capsys):
    trace, path = tmp_path / "was_run", tmp_path / "evil.pth"
    content = {**state, "Classifier.1.bias": _Touch(trace)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    refused(capsys, path, tmp_path / "x.keras", "mkdir", "could run code")
    path.write_bytes(pickle.dumps(_Touch(trace)))
    refused(capsys, path, tmp_path / "x.keras", "cannot be read")
    assert not trace.exists()
    pickle.loads(path.read_bytes())  # the file does what it should not
    assert trace.exists()


@needs_torch
def test_files_that_hold_no_tensors(state, save, tmp_path, capsys):
    target = tmp_path / "x.keras"
    refused(capsys, tmp_path / "no.pth", target, "no such file")
    refused(capsys, tmp_path, target, "no such file")
    whole = save(nn.Linear(2, 2), "whole.pth")
    refused(capsys, whole, target, "Linear", "state_dict()")
    path = save(state)
    half = path.read_bytes()[: path.stat().st_size // 2]
    for content in (b"", b"text, not tensors", b"PK\3\4", half):
        path.write_bytes(content)
        refused(capsys, path, target, "cannot be read")


# --- The output file ---


def test_impossible_outputs_are_refused_before_reading(tmp_path, capsys):
    there = tmp_path / "there.keras"
    there.write_text("mine")
    for target, words in (
        (there, "is there already"),
        (tmp_path / "lsfan.h5", "must end with .keras"),
        (tmp_path / "no" / "x.keras", "folder does not exist"),
    ):
        assert run(tmp_path / "nowhere.pth", target) == 1
        (line,) = capsys.readouterr().err.strip().splitlines()
        assert line.startswith(f"keras-pain: {target}: ") and words in line
    assert there.read_text() == "mine"


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    model = LSFAN()

    def full(path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(model, "save", full)
    with pytest.raises(KerasPainError, match="No space left"):
        checkpoint.save_new(model, tmp_path / "x.keras")
    assert not list(tmp_path.iterdir())


# --- PyTorch itself ---


def test_without_torch_one_line_says_what_to_install(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(sys.modules, "torch", None)
    source = tmp_path / "model.pth"
    source.write_bytes(b"")
    assert run(source, tmp_path / "x.keras") == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert 'pip install "keras-pain[torch]"' in line


def test_torch_that_reads_unsafely_is_refused(tmp_path, monkeypatch):
    old = types.ModuleType("torch")
    old.__version__ = (2, 5)
    monkeypatch.setitem(sys.modules, "torch", old)
    with pytest.raises(ConfigurationError, match="safely"):
        checkpoint.convert_lsfan(tmp_path / "model.pth")
