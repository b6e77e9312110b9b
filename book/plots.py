"""The look of the book's figures: colour-blind-safe colours, labels that a phone can show."""

import matplotlib.pyplot as plt
import numpy as np

# Okabe and Ito's palette without its yellow, which vanishes on white
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")


def use_style():
    """Set matplotlib's defaults for every figure of the book."""
    plt.rcParams.update(
        {
            "axes.prop_cycle": plt.cycler(color=COLOURS),
            "axes.grid": True,
            "axes.spines.right": False,
            "axes.spines.top": False,
            "figure.constrained_layout.use": True,
            "figure.dpi": 110,
            "figure.facecolor": "white",
            "figure.figsize": (6.4, 3.2),
            "font.size": 11,
            "grid.alpha": 0.3,
            "image.cmap": "gray_r",
            "legend.frameon": False,
            "lines.linewidth": 1.8,
        }
    )


def show_digits(axes, x, shape, titles=()):
    """Draw the columns of x (N, n) as images of the shape, ink dark whatever the input range.

    Parameters
    ----------
    axes : sequence of matplotlib axes
        At least n of them.
    x : numpy.ndarray (N, n)
        Images in columns; [0, -1] (ink is -1) and [0, 1] look the same.
    shape : tuple of int
        Rows and columns of an image.
    titles : sequence of str, optional
        One for each.
    """
    ink = np.abs(x)
    for k, ax in enumerate(axes[: x.shape[1]]):
        ax.imshow(ink[:, k].reshape(shape), vmin=0, vmax=1)
        ax.set(xticks=[], yticks=[])
        ax.grid(False)
        ax.spines[:].set(visible=True, color="0.8")
        if len(titles):
            ax.set_title(titles[k], fontsize=10)


def show_signed(ax, x, shape, largest=1.0, classes=0):
    """Draw one image x (N,) with both signs: blue below 0 (ink at -1), white at 0, red above.

    Parameters
    ----------
    ax : matplotlib axes
    x : numpy.ndarray (N,)
        The image, row by row.
    shape : tuple of int
        Rows and columns of the image.
    largest : float
        The colours end at -largest and +largest.
    classes : int
        Frame the first so many components, those that are read as scores.

    Returns
    -------
    matplotlib.image.AxesImage
        For a colour bar.
    """
    picture = ax.imshow(x.reshape(shape), cmap="RdBu_r", vmin=-largest, vmax=largest)
    ax.set(xticks=[], yticks=[])
    ax.grid(False)
    ax.spines[:].set(visible=True, color="0.8")
    if classes:
        width, (full, rest) = shape[1], divmod(classes, shape[1])
        corners = [(0, 0), (width, 0), (width, full), (rest, full), (rest, full + 1), (0, full + 1)]
        outline = plt.Polygon(np.array(corners) - 0.5, fill=False, lw=1, clip_on=False, zorder=3)
        ax.add_patch(outline)
    return picture
