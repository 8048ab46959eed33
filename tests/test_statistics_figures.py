"""Critical-difference and forest figures: written, marked, and true."""

import matplotlib.image
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from test_statistics import scores

from keras_pain.errors import ConfigurationError
from keras_pain.reports.statistics import (
    compare_all,
    indistinct_runs,
    mean_interval,
    rank_methods,
)
from keras_pain.reports.statistics_figures import (
    plot_critical_difference,
    plot_forest,
)

ACCENT = "#1f5a99"


def methods(count, people=8, seeds=2, gap=0.04):
    rng = np.random.default_rng(0)
    base = rng.uniform(0.2, 0.4, people)
    names = ["majority", *(f"m{n}" for n in range(1, count))]
    return [
        scores(base + gap * n + rng.normal(0, 0.01, (seeds, people)), name)
        for n, name in enumerate(names)
    ]


def ranks(found, path, **options):
    options = {"labels": {}, **options}
    return plot_critical_difference(
        rank_methods(found), compare_all(found), "T", path, **options
    )


def forest(found, path, **options):
    return plot_forest(found, "T", path, **{"labels": {}, **options})


def words(figure: Figure) -> str:
    found = figure.findobj(lambda artist: hasattr(artist, "get_text"))
    return " ".join(artist.get_text().replace("\n", " ") for artist in found)


@pytest.mark.parametrize("draw", [ranks, forest])
@pytest.mark.parametrize("count", [2, 16])
def test_a_figure_is_written_marked_and_repeatable(
    tmp_path, drawn, draw, count
):
    found = methods(count)
    labels = {"majority": "Majority class"}
    path = draw(found, tmp_path / "figure.png", labels=labels)
    assert matplotlib.image.imread(path).std() > 0.05
    again = draw(found, tmp_path / "again.png", labels=labels)
    assert again.read_bytes() == path.read_bytes()
    marked = draw(found, path, labels=labels, simulated=True)
    assert marked.name == "figure_SIMULATED.png" and not path.exists()
    assert drawn[-1].get_suptitle() == "SIMULATED: T"
    assert "Majority class" in words(drawn[-1])
    # Nothing touches the edge, so nothing is cut off.
    pixels = matplotlib.image.imread(marked)[..., :3]
    for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
        assert (edge == 1).all()


def test_bars_are_those_of_the_tests_and_the_ruler_is_nemenyis(tmp_path, drawn):
    found = methods(3, people=12, gap=0.0) + [
        scores(np.linspace(0.8, 0.9, 12), "best")
    ]
    ranks(found, tmp_path / "a.png")
    ranking = rank_methods(found)
    names, values = map(list, zip(*ranking.ranks.items(), strict=True))
    runs, _ = indistinct_runs(names, compare_all(found))
    assert runs == [(1, 3)]
    [axis] = drawn[-1].axes
    lines = [line.get_xdata() for line in axis.lines]
    [bar] = [
        line.get_xdata()
        for line in axis.lines
        if to_hex(line.get_color()) == ACCENT
    ]
    assert bar == pytest.approx([values[1], values[3]], abs=0.1)
    length = ranking.critical_difference
    assert any(np.allclose(line, [1, 1 + length]) for line in lines)
    text = words(drawn[-1])
    assert f"best  {values[0]:.2f}" in text
    assert f"critical difference: {length:.2f}" in text
    assert "sign-flip permutation, Holm over 6 pairs" in text
    assert "no bar depends on it" in text


def test_too_few_people_to_tell_anything_is_said(tmp_path, drawn):
    ranks(methods(4, people=5), tmp_path / "a.png")
    text = words(drawn[-1])
    assert "With 5 people no p-value can be below 0.062" in text
    assert "no difference could come out as significant" in text
    ranks(methods(2, people=10), tmp_path / "a.png")
    assert "With 10 people" not in words(drawn[-1])


def test_the_forest_shows_people_seeds_and_the_baseline(tmp_path, drawn):
    found = methods(3)
    forest(found, tmp_path / "a.png")  # sorted by the means that it shows
    [axis] = drawn[-1].axes
    names = [label.get_text() for label in axis.get_yticklabels()]
    assert names == ["m2", "m1", "majority"]
    lines = [np.asarray(line.get_xdata()) for line in axis.lines]

    def has(*values):
        return any(
            len(line) == len(values) and np.allclose(sorted(line), values)
            for line in lines
        )

    for score in found:
        interval = mean_interval(score.by_subject)
        assert has(interval.low, interval.high) and has(score.mean)
        assert has(*sorted(score.by_subject)) and has(*sorted(score.by_seed))
        text = f"{score.mean:.3f} [{interval.low:.3f}, {interval.high:.3f}]"
        assert text in words(drawn[-1])
    assert has(found[0].mean, found[0].mean)  # the dashed line
    assert "mean of majority" in words(drawn[-1])
    assert "mean over 2 seeds" in words(drawn[-1])
    forest(methods(2, seeds=1), tmp_path / "a.png")
    assert "range over seeds" not in words(drawn[-1])


def test_dropped_people_are_said_and_one_is_too_few(tmp_path, drawn):
    values = np.linspace(0.1, 0.5, 5)
    values[2] = np.nan
    forest([scores(values, metric="mcc")], tmp_path / "a.png")
    assert "MCC is undefined there: 1 person" in words(drawn[-1])
    with pytest.raises(ConfigurationError, match="at least two"):
        forest([scores([0.5])], tmp_path / "a.png")
