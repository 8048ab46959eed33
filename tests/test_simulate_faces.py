"""Simulated faces: identities, action units, curves."""

import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator

from keras_pain.corpora.unbc_mcmaster.reader import pspi
from keras_pain.errors import ConfigurationError
from keras_pain.simulate import face as marks
from keras_pain.simulate import simulate
from keras_pain.simulate.expressions import intensity_curve, pain_units
from keras_pain.simulate.face import ACTION_UNITS, FaceRenderer, draw_identity

SIZE = (120, 160)
# Unit to the points around which it must show.
SEEN_AT = {
    **{4: (21, 22, 27), 6: (40, 41, 46, 47), 7: (37, 38, 43, 44)},
    **{9: (27, 28, 29), 10: (50, 51, 52), 12: (48, 54)},
    **{25: (61, 62, 63), 26: (8, 57, 66), 43: (37, 38, 43, 44)},
}


def person(mirrored=False):
    return marks.Identity(**{**vars(draw_identity(3)), "mirrored": mirrored})


@pytest.fixture(scope="module")
def renderer():
    return FaceRenderer(person(), SIZE)


def strongest(unit):
    return {unit: marks.MAX_INTENSITY[unit]}


def opening(points):
    """Height of the eyes, mean over both."""
    return np.mean([points[low] - points[up] for up, low in marks.LIDS], 0)[1]


def test_same_seed_same_face_other_seed_other_face():
    assert draw_identity(3) == draw_identity(3)
    first, again, other = (
        FaceRenderer(draw_identity(seed), SIZE).draw({4: 2}, seed=5)
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert np.abs(first[0].astype(int) - other[0]).mean() > 10
    assert np.abs(first[1] - other[1]).max() > 2
    assert first[0].shape == (*SIZE, 3) and first[0].dtype == np.uint8
    assert first[1].shape == (68, 2) and first[1].dtype == np.float32


@pytest.mark.parametrize("unit", ACTION_UNITS)
def test_each_unit_shows_where_it_should(renderer, unit):
    rest, points = renderer.draw({})
    _, half_points = renderer.draw({unit: marks.MAX_INTENSITY[unit] / 2})
    full, full_points = renderer.draw(strongest(unit))
    change = np.abs(full.astype(int) - rest).mean(axis=-1)
    near = np.zeros(SIZE, bool)
    for x, y in points[list(SEEN_AT[unit])].round().astype(int):
        near[y - 5 : y + 6, x - 5 : x + 6] = True
    assert change[near].mean() > 5
    assert change[near].mean() > 4 * change[~near].mean()
    moved = np.abs(full_points - points).max()
    assert moved > 0.7
    # What is half as strong moves half as far.
    half_moved = np.abs(half_points - points).max()
    assert half_moved == pytest.approx(moved / 2, rel=0.1)


def test_units_move_the_points_that_faces_move(renderer):
    _, rest = renderer.draw({})

    def moves(unit):
        return renderer.draw(strongest(unit))[1] - rest

    assert (moves(4)[[20, 21, 22, 23], 1] > 1).all()  # brows down
    assert moves(4)[21, 0] > 0 > moves(4)[22, 0]  # and together
    assert (moves(9)[[31, 33, 35], 1] < -0.5).all()  # nose up
    assert (moves(10)[[50, 51, 52], 1] < -1.5).all()  # upper lip up
    assert moves(12)[48, 0] < -2 and moves(12)[54, 0] > 2  # corners apart
    assert (moves(12)[[48, 54], 1] < -1.5).all()  # and up
    assert moves(26)[8, 1] > 4 and abs(moves(26)[27, 1]) < 0.1  # jaw alone
    gap = (moves(25)[66] - moves(25)[62])[1]
    assert gap > 1.5
    eyes = {u: opening(renderer.draw(strongest(u))[1]) for u in (6, 7, 43)}
    assert eyes[43] < 0.1 * opening(rest)
    assert 0.4 < eyes[7] / opening(rest) < 0.7
    assert 0.6 < eyes[6] / opening(rest) < 0.9


def test_lids_and_lips_never_cross():
    strengths = marks.shares({u: marks.MAX_INTENSITY[u] for u in ACTION_UNITS})
    for seed in range(40):
        face = marks.express(draw_identity(seed).rest(), strengths)
        for upper, lower in marks.LIDS:
            assert face[upper, 1] <= face[lower, 1]
        assert (face[[61, 62, 63], 1] < face[[67, 66, 65], 1]).all()
        assert face[51, 1] > face[33, 1]  # the lip stays below the nose


def test_landmarks_lie_on_what_they_name(renderer):
    for units, shift in (({}, (0, 0)), ({26: 5, 25: 5}, (0.05, -0.04))):
        picture, points = renderer.draw(units, shift=shift)
        grey = picture.mean(axis=-1)

        def at(point, grey=grey):
            x, y = np.round(point).astype(int)
            return grey[y - 1 : y + 2, x - 1 : x + 2].mean()

        cheek = at((points[41] + points[31]) / 2)
        for eye in (slice(36, 42), slice(42, 48)):
            assert at(points[eye].mean(axis=0)) < 0.8 * cheek  # the iris
    inside = at(points[[61, 62, 63, 65, 66, 67]].mean(axis=0))
    assert inside < 0.5 * cheek  # the open mouth is dark


def test_shift_and_roll_of_the_head(renderer):
    _, rest = renderer.draw({})
    _, moved = renderer.draw({}, shift=(0.05, -0.1))
    expected = np.tile((8.0, -12.0), (68, 1))
    np.testing.assert_allclose(moved - rest, expected, atol=1e-3)
    _, turned = renderer.draw({}, roll=10)

    def slope(points):
        across = points[42:48].mean(axis=0) - points[36:42].mean(axis=0)
        return np.degrees(np.arctan2(across[1], across[0]))

    assert slope(turned) - slope(rest) == pytest.approx(10, abs=1e-3)


def test_mirrored_people_are_drawn_and_marked_mirrored(renderer):
    mirrored = FaceRenderer(person(mirrored=True), SIZE)
    picture, points = renderer.draw({12: 3}, roll=5)
    other, found = mirrored.draw({12: 3}, roll=-5)
    np.testing.assert_array_equal(other, picture[:, ::-1])
    expected = points[marks.MIRROR] * (-1, 1) + (SIZE[1] - 1, 0)
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_any_size_and_wrong_arguments(renderer):
    for size in ((64, 64), (300, 250)):
        picture, points = FaceRenderer(person(), size).draw({10: 5})
        assert picture.shape == (*size, 3)
        assert (points > 0).all() and (points < size[::-1]).all()
    with pytest.raises(ValueError, match="action unit 5 is not drawn"):
        renderer.draw({5: 1})
    with pytest.raises(ValueError, match="from 0 to 1, got 2"):
        renderer.draw({43: 2})
    with pytest.raises(ValueError, match="32 x 32"):
        FaceRenderer(person(), (20, 40))


def test_landmark_orders():
    assert len(marks.AAM_66) == 66 and not {60, 64} & set(marks.AAM_66.tolist())
    np.testing.assert_array_equal(marks.MIRROR[marks.MIRROR], np.arange(68))
    # Jaw, brows and mouth run from left to right, the mirror turns them.
    assert (marks.BASE[marks.MIRROR[:17], 0][::-1] == marks.BASE[:17, 0]).all()


def test_warp_equals_scipys_thin_plate_spline():
    rng = np.random.default_rng(0)
    here = rng.uniform(0, 60, (15, 2))
    there = here + rng.normal(0, 3, here.shape)
    # Nodes at every pixel, no ridge.
    places = marks.thin_plate_map(here, there, (40, 60), step=1, stiffness=0.0)
    y, x = np.mgrid[0:40, 0:60]
    spline = RBFInterpolator(here, there, kernel="thin_plate_spline")
    expected = spline(np.stack([x.ravel(), y.ravel()], axis=1))
    np.testing.assert_allclose(places.reshape(-1, 2), expected, atol=0.02)


def test_curve_rises_stays_and_falls():
    curve = intensity_curve(100, 0.8, 0.3, 0.5, 0.65, 0.85)
    assert curve[:30].max() == 0 and curve[86:].max() == 0
    np.testing.assert_allclose(curve[50:65], 0.8)
    assert (np.diff(curve[:50]) >= 0).all() and (np.diff(curve[65:]) <= 0).all()
    with pytest.raises(ValueError, match="onset < apex"):
        intensity_curve(10, 1.0, 0.6, 0.5, 0.65, 0.85)


def test_expressions_grow_with_pain_within_range():
    pain = np.linspace(0, 1, 50)
    for seed in range(30):
        units = pain_units(seed, pain)
        assert set(units) == set(ACTION_UNITS)
        for unit, values in units.items():
            assert values[0] == 0 and (np.diff(values) >= 0).all()
            assert values.max() <= marks.MAX_INTENSITY[unit]
        assert pspi(units)[-1] > 7


def test_pspi_is_the_published_sum():
    units = {4: 2, 6: 3, 7: 1, 9: 0, 10: 4, 12: 5, 43: 1}
    assert pspi(units) == 2 + 3 + 4 + 1
    np.testing.assert_array_equal(pspi({4: np.array([0, 5])}), [0, 5])
    assert pspi({4: 5, 6: 5, 7: 5, 9: 5, 10: 5, 43: 1}) == 16


@pytest.mark.parametrize("corpus", ["biovid", "pemf", "unbc_mcmaster"])
def test_seeds_have_a_limit(tmp_path, corpus):
    with pytest.raises(ConfigurationError, match="seed must be 0 to 21474836"):
        simulate(corpus, tmp_path, seed=2**31)
    assert not list(tmp_path.iterdir())


def test_mtcnn_finds_simulated_faces():
    from mtcnn import MTCNN

    pairs = []
    for seed in range(6):
        renderer = FaceRenderer(draw_identity(seed))
        units = pain_units(seed, np.array([0.0, 0.8]))
        for i in range(2):
            face = {unit: float(values[i]) for unit, values in units.items()}
            pairs.append(renderer.draw(face, seed=i))
    pictures, points = zip(*pairs, strict=True)

    def hit(box, drawn):
        middle = np.array(box[:2]) + np.array(box[2:]) / 2
        inside = (drawn.min(axis=0) < middle) & (middle < drawn.max(axis=0))
        return inside.all()

    found = MTCNN().detect_faces(list(pictures))  # in one batch
    hits = [
        any(hit(one["box"], drawn) for one in faces)
        for faces, drawn in zip(found, points, strict=True)
    ]
    assert sum(hits) >= 11  # of 12
