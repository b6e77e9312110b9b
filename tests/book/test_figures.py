"""Figures 2 to 15: drawn from nothing, from a part and from everything, with the right numbers."""

from functools import cache

import curves
import examples
import figures
import figures_attacks
import figures_images
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import plots
import pytest
from cells import METHODS, NETWORKS, SEEDS, SOLVERS, TABLE_2, Where
from pytest import approx
from synthetic import SHOWN, write

from snode.experiments.storage import write_arrays

pytestmark = pytest.mark.numpy_only

DRAWN = {
    name: function
    for module in (figures, figures_attacks, figures_images)
    for name, function in vars(module).items()
    if name.startswith("figure_")
}
IMAGES = ("figure_13", "figure_14", "figure_15")
PART = [("NCG", "tanh, ℓ²"), ("NCG Sob.", "ReLU, ℓ²"), ("SGD", "tanh, CE")]


def draw(name, folder):
    """The figure, from a folder, with the seeds that it has by itself."""
    seeds = SEEDS if name != "figure_6" else figures.FOUR.seeds
    return DRAWN[name](Where(folder, seeds=seeds))


@pytest.fixture(autouse=True)
def plain_backend():
    mpl.use("Agg")
    with mpl.rc_context():
        plots.use_style()
        yield
    plt.close("all")


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    """Three cells of Table 2 with the seeds 0 and 3, one solver of Table 1; no image is kept."""
    folder = tmp_path_factory.mktemp("part")
    for seed, value in ((0, 0.8), (3, 0.9)):
        for method, network in PART:
            write(folder, value, seed=seed, **METHODS[method] | NETWORKS[network])
    write(folder, 0.9, seed=0, **SOLVERS["Euler"])
    return folder


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """Every cell with five seeds; the examples' images are kept."""
    folder = tmp_path_factory.mktemp("full")
    for seed in range(5):
        for k, (method, network) in enumerate(TABLE_2):
            value = 0.5 + 0.02 * k + 0.001 * (seed - 2)
            write(folder, value, seed=seed, **METHODS[method] | NETWORKS[network])
        for choices in SOLVERS.values():
            write(folder, 0.9, seed=seed, **choices)
    kept = {"index": np.arange(SHOWN), "x": -np.full((196, SHOWN), 0.5, np.float16)}
    write_arrays(folder / "images-mnist14.npz", kept)
    return folder


@pytest.fixture(scope="module")
def all_of_it(full):
    """What every figure gives of all the data, each drawn once."""
    return cache(lambda name: draw(name, full))


def texts(figure):
    return [t.get_text() for t in figure.findobj(mpl.text.Text) if t.get_text()]


def says_missing(figure):
    words = [text.replace("\n", " ") for text in texts(figure)]
    return any("not run yet" in text or text.endswith("n = 0") for text in words)


def test_every_figure_of_the_paper_with_results_has_its_function():
    numbers = {name.removeprefix("figure_") for name in DRAWN}
    assert numbers == {str(k) for k in range(2, 16) if k != 11} | {"state", "shape"}


@pytest.mark.parametrize("name", DRAWN)
def test_nothing_at_all_is_a_figure_that_says_so(name, tmp_path):
    figure, numbers = draw(name, tmp_path)
    assert set(numbers.values()) == {None} and len(numbers) > 2
    assert says_missing(figure)


@pytest.mark.parametrize("name", DRAWN)
def test_a_part_is_drawn_and_the_rest_named_as_missing(name, part):
    figure, numbers = draw(name, part)
    assert None in numbers.values() or name in ("figure_15", "figure_14")
    if name not in ("figure_7", "figure_14", "figure_8"):  # their networks are among the missing
        assert any(value is not None for value in numbers.values())
    assert says_missing(figure) == (name != "figure_15")


@pytest.mark.parametrize("name", DRAWN)
def test_everything_is_drawn_with_names_and_n(name, all_of_it):
    figure, numbers = all_of_it(name)
    assert all(np.isfinite(value) for value in numbers.values())
    assert not says_missing(figure)
    if name in IMAGES:
        return
    n = 4 if name == "figure_6" else 5
    assert any(f"n = {n}" in text for text in texts(figure))
    for ax in figure.findobj(mpl.axes.Axes):
        outer = ax.get_subplotspec()
        assert ax.get_xlabel() or not outer.is_last_row() or name == "figure_shape"
        assert ax.get_ylabel() or not outer.is_first_col()
    assert figure.findobj(mpl.legend.Legend)


def test_a_figure_is_laid_out_without_warning(part):
    for name in ("figure_3", "figure_12", "figure_13"):
        draw(name, part).figure.canvas.draw()


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("figure_2", ("ODE45", "test"), 90),
        ("figure_3", ("SGD w.d.", "tanh, CE"), 60),  # cell 5 of Table 2, see `full`
        ("figure_4", ("NCG, ReLU, ℓ²", "estimated"), 3.1),
        ("figure_5", ("SGD, ReLU, CE", "own"), 50),
        ("figure_6", ("SGD", "tanh, ℓ²"), 0.5595),  # four seeds
        ("figure_7", ("SGD w.d., ReLU, CE", "measured"), 3.1),
        ("figure_9", ("SGD, tanh, CE", "error"), 0.3),
        ("figure_12", ("NCG, ReLU, CE", "PGD 0.6"), 66),
        ("figure_14", ("PGD", "median norm"), 0.3),
        ("figure_state", ("NCG", "ReLU, CE"), 3.1),
        ("figure_shape", ("NCG, ReLU, CE", "participation"), 9),
    ],
)
def test_the_numbers_are_means_over_the_seeds(name, key, value, all_of_it):
    assert all_of_it(name).numbers[key] == pytest.approx(value)


def test_only_the_seeds_that_are_wanted_and_there_count(part):
    assert draw("figure_3", part).numbers["NCG", "tanh, ℓ²"] == pytest.approx(85)
    assert figures.figure_3(Where(part, seeds=[3, 4])).numbers["NCG", "tanh, ℓ²"] == pytest.approx(
        90
    )


def test_a_band_is_one_deviation_and_needs_two_seeds():
    _, ax = plt.subplots()
    curves.curve(ax, [0, 1], [[1, 2], [3, 2]], "a")
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() == pytest.approx(2 - 2**0.5) and band[:, 1].max() == pytest.approx(
        2 + 2**0.5
    )
    assert ax.lines[0].get_label() == "a, n = 2" and list(ax.lines[0].get_ydata()) == [2, 2]
    curves.curve(ax, [0, 1], [[1, 2]], "b")
    curves.curve(ax, [], [], "c", ls="--")
    assert len(ax.collections) == 1 and ax.lines[2].get_label() == "c, n = 0"


def test_pgd_has_points_only_where_a_ball_was_tried(full):
    results = Where(full).cell("NCG", "ReLU, CE")
    own, pgd = (figures_attacks._susceptible(results, a, "paper") for a in ("own", "PGD 0.06"))
    assert len(own[0]) == 20 and list(pgd[0][-3:]) == [0.5, 0.75, 1.0] and len(pgd[0]) == 12
    assert pgd[1][0][5] == pytest.approx(65.8) and pgd[1][0][4] == 0  # at 0.30 and at 0.25


def test_numbers_are_said_line_by_line():
    text = curves.said({("NCG", "a"): 1.26, ("NCG", "b"): None, ("SGD", "a"): 3.0})
    assert text == "NCG: a 1.3; b not run yet\nSGD: a 3.0"


def test_figure_13_takes_the_image_of_most_similar_norms(full, all_of_it):
    numbers = all_of_it("figure_13").numbers
    three = [figures_images._first(Where(full), cell) for cell in examples.FIGURE_13]

    def ratio(k):
        norms = [found[k].norm[a] for found in three for a in ("own", "pgd")]
        return max(norms) / min(norms)

    best = min(range(SHOWN), key=ratio)
    assert numbers["SGD", "PGD"] == pytest.approx(three[0][best].norm["pgd"])
    assert len(numbers) == 6


def test_what_withstands_and_what_is_not_kept_is_said(tmp_path):
    def change(measured):
        measured.arrays["attacks_pgd_norm"][1] = np.inf

    choices = METHODS["SGD"] | NETWORKS["ReLU, ℓ²"]
    write(tmp_path, 0.9, seed=2, change=change, **choices)
    figure = figures_images.figure_14(Where(tmp_path)).figure
    assert texts(figure).count("withstands") == 1 and "not\nkept" in texts(figure)


def test_a_network_that_is_never_right_has_no_examples(tmp_path):
    def change(measured):
        measured.numbers["attacks"].clear()
        for name in [name for name in measured.arrays if name.startswith("attacks")]:
            del measured.arrays[name]

    write(tmp_path, 0.0, seed=0, change=change, **METHODS["SGD"] | NETWORKS["ReLU, ℓ²"])
    assert set(figures_images.figure_14(Where(tmp_path)).numbers.values()) == {None}
    assert figures_attacks.figure_5(Where(tmp_path)).numbers["SGD, ReLU, ℓ²", "own"] is None
    assert examples.keep_images(Where(tmp_path)) == 0


def test_images_are_kept_once_and_few(tmp_path, monkeypatch):
    """On the digits, as if they were MNIST: what is kept is what was attacked."""
    write(tmp_path, 0.9, "smoke", seed=0, **METHODS["SGD"] | NETWORKS["ReLU, ℓ²"])
    assert examples.keep_images(Where(tmp_path, "smoke")) == SHOWN
    kept = examples.read_arrays(tmp_path / "images-digits.npz")
    (result,) = Where(tmp_path, "smoke").cell("SGD", "ReLU, ℓ²")
    clean = [example.x for example in examples.examples(result, tmp_path).values()]
    assert np.allclose(np.transpose(clean), kept["x"], atol=1e-3) and kept["x"].shape == (64, SHOWN)
    monkeypatch.setattr(examples, "MOST", 4)
    with pytest.raises(ValueError, match="seeds: 5 images are needed, at most 4"):
        examples.keep_images(Where(tmp_path, "smoke"))


def bars(ax):
    """Marker, mean and deviation of every error bar of a panel."""
    lines = [(container.lines[0], container.lines[2][0]) for container in ax.containers]
    ends = [bar.get_segments()[0][:, 1] for _, bar in lines]
    return [(m.get_marker(), m.get_ydata()[0], np.ptp(y) / 2) for (m, _), y in zip(lines, ends)]


def test_table_1_stands_at_the_end_of_figure_2(tmp_path):
    training, test = figures.figure_2(Where(tmp_path)).figure.findobj(mpl.axes.Axes)
    assert bars(training) == [("o", 99.94, approx(0.01)), ("s", 98.90, approx(0.15))]
    assert bars(test) == [("o", 98.19, approx(0.13)), ("s", 97.60, approx(0.12))]


def test_a_bar_is_one_deviation_to_each_side():
    _, ax = plt.subplots()
    figures_attacks._dots(ax, [[1.0, 3.0], [5.0], []], 0.0, "NCG")
    assert bars(ax) == [("o", 2, approx(2**0.5)), ("o", 5, 0)]


def test_the_weights_of_layer_l_stand_at_depth_l_h(full):
    """T = 3 and 150 layers, of which the made-up results tell the first six."""
    for ax in draw("figure_6", full).figure.axes:
        assert len(ax.lines) == 4
        for line in ax.lines:
            assert line.get_xdata() == approx([0, 0.02, 0.04, 0.06, 0.08, 0.10])
