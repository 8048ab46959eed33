"""What the simulators of the three face corpora have in common."""

import pytest

from keras_pain.corpora import biovid, pemf, unbc_mcmaster
from keras_pain.errors import ConfigurationError
from keras_pain.simulate import simulate as simulate_corpus

FRAMES, SIZE = 4, (48, 64)
# Further arguments, where the layout begins, what is odd about a short clip.
CORPORA = {
    "biovid": (biovid, {"clips": 1}, "biovid/PartA", ["unusual_frame_count"]),
    "pemf": (pemf, {"landmarks": True}, "pemf", ["frame_count"]),
    "unbc_mcmaster": (
        *(unbc_mcmaster, {"sequences": 2}, "unbc_mcmaster"),
        ["doubled_folder", "stray_files"],
    ),
}


def simulate(name, out, **options):
    corpus, further, _, _ = CORPORA[name]
    options = {"subjects": 1, "frames": FRAMES, "size": SIZE} | options
    return simulate_corpus(
        name, out, jobs=1, progress=False, **further, **options
    )


@pytest.fixture(scope="module", params=CORPORA)
def made(request, tmp_path_factory):
    """Name of a corpus, and a simulated folder of it."""
    out = tmp_path_factory.mktemp("raw")
    return request.param, out, simulate(request.param, out)


def test_simulated_clips_are_read_and_say_so(made):
    name, out, _ = made
    corpus, _, base, odd = CORPORA[name]
    for layout in corpus.LAYOUTS:
        file = corpus.find_files(out, layout)[0]
        recording, findings = corpus.read_file(file)
        assert file.root == out / base and recording.simulated
        assert [f.rule for f in findings if f.action != "checked"] == odd
        assert recording.frames()[0].shape == (*SIZE, 3)
        if name != "unbc_mcmaster":  # its sequences differ in length
            assert recording.num_frames == FRAMES
    note = (out / base / "SIMULATED.txt").read_text()
    assert note.startswith("SIMULATED")


def test_same_seed_gives_the_same_bytes_and_another_does_not(made, tmp_path):
    name, out, paths = made
    again = simulate(name, tmp_path / "0")
    other = simulate(name, tmp_path / "1", seed=1)
    assert [p.relative_to(out) for p in paths] == [
        p.relative_to(tmp_path / "0") for p in again
    ]
    assert [p.read_bytes() for p in paths] == [p.read_bytes() for p in again]
    if name == "unbc_mcmaster":  # whose seeds draw other names and lengths
        paths = [path for path in paths if path.suffix == ".png"]
        other = [path for path in other if path.suffix == ".png"]
    for one, two in zip(paths, other, strict=name != "unbc_mcmaster"):
        assert one.read_bytes() != two.read_bytes()
    for path in out.rglob("samples.csv"):
        twin = tmp_path / "0" / path.relative_to(out)
        assert path.read_bytes() == twin.read_bytes()


def test_simulator_never_mixes_with_other_files(made, tmp_path):
    name, out, _ = made
    with pytest.raises(ConfigurationError, match="already holds other files"):
        simulate(name, out, frames=2, seed=3)
    base = tmp_path / CORPORA[name][2]
    base.mkdir(parents=True)
    (base / "mine.txt").write_text("x")
    with pytest.raises(ConfigurationError, match="already holds other files"):
        simulate(name, tmp_path)


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        *(("biovid", "subjects", n) for n in (0, 88)),
        *(("biovid", "clips", 21), ("biovid", "layout", "part_b")),
        *(("biovid", "frames", 0), ("biovid", "seed", -1)),
        *(("biovid", "size", (65, 86)), ("pemf", "size", (20, 20))),
        *(("pemf", "subjects", 69), ("pemf", "layout", "x")),
        ("pemf", "frames", 0),
    ],
)
def test_unfit_arguments_are_refused(tmp_path, name, argument, value):
    with pytest.raises(ConfigurationError, match=argument):
        simulate_corpus(name, tmp_path, **{argument: value})
    assert not any(tmp_path.iterdir())
