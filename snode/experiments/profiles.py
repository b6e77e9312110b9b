"""Families of runs: a `Profile` is the size of its runs, and of their measurements.

    smoke   scikit-learn's digits, 12 layers: seconds, for tests
    quick   the digits, 150 layers: about a minute a run
    paper   MNIST on 14 by 14 pixels: the paper's networks                           Sec. 5
    brief   the same networks after 2 epochs, attacked on 1000 images: for the silent choices

Every default of `paper` has a source: the paper's text, or where it is silent the authors'
prototype; see `runs.Run`.
"""

from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from itertools import product

from snode.experiments.runs import Run


@dataclass(frozen=True)
class Profile:
    """The size of a family of runs: the defaults of `Run`, and how much is measured.

    Source: Sec. 5, App. D for the profile `paper`; this package for the others.

    Parameters
    ----------
    name : str
        The first word of the runs' ids.
    defaults : Run
        What a run is, if nothing else is chosen.
    images, train_images : int
        Test images of the measurements; training images, and at most as many test images, of the
        accuracies, which cost little.  Scalars; 0: all.
    target_images, toolbox_images : int
        How many correctly classified test images, the first ones, the attacks with nine targets
        and those of the Adversarial Robustness Toolbox get (scalars).
    toolbox_iterations : int
        Of Carlini and Wagner's attack, configured, in each of nine searches (scalar).
    radii : tuple of float
        Of the balls that PGD is confined to, ascending, in units of the input.
    examples : int
        How many perturbations are kept as images (scalar).
    log_every : int
        Batches between two that are logged (scalar).
    checkpoint_seconds : float
        Time between checkpoints (scalar).
    clean : bool
        Whether a dirty work tree is refused.  Trusts its input.
    """

    name: str
    defaults: Run
    images: int
    train_images: int
    target_images: int
    toolbox_images: int
    toolbox_iterations: int
    radii: tuple
    examples: int
    log_every: int
    checkpoint_seconds: float = 240.0
    clean: bool = False

    def run(self, **choices):
        """Return the `Run` of this profile with some choices made, scalars or texts.

        Source: this package.  Raises ValueError for a bad choice, TypeError for an unknown one.
        """
        return replace(self.defaults, **choices)

    def grid(self, axes):
        """Yield the id and the choices, a str and a dict, of every combination of some values.

        Source: this package.  Raises ValueError for a bad choice, TypeError for an unknown one.

        Parameters
        ----------
        axes : dict of str to list
            Fields of `Run` with their values, scalars or texts.
        """
        for values in product(*axes.values()):
            choices = dict(zip(axes, values))
            yield self.identify(self.run(**choices)), choices

    def identify(self, run):
        """Return the run's id, a str: what everybody asks first, then what is not the default.

        Source: this package; trusts its input.
        """
        parts = [self.name, run.activation, run.loss, run.method]
        said = ("activation", "loss", "method", "seed")
        for field in fields(Run):
            value = getattr(run, field.name)
            if field.name not in said and value != getattr(self.defaults, field.name):
                parts.append(f"{field.name}={value}")
        return "-".join([*parts, f"s{run.seed}"])


MNIST = Run(dataset="mnist14", epochs=10)  # Sec. 5; Table 1 has 20 epochs
FINE = tuple(round(0.05 * k, 2) for k in range(1, 11))
# float64, so that the digits printed in the book are the same on every machine
SMALL = Run(epochs=2, layers=12, batch=200, iterations=3, dtype="float64")
PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "smoke",
            SMALL,
            images=40,
            train_images=200,
            target_images=8,
            toolbox_images=4,
            toolbox_iterations=2,
            radii=(*FINE[1::2], 0.75, 1.0),
            examples=2,
            log_every=2,
        ),
        Profile(
            "quick",
            Run(),
            images=0,
            train_images=0,
            target_images=100,
            toolbox_images=20,
            toolbox_iterations=10,
            radii=(*FINE, 0.75, 1.0),
            examples=5,
            log_every=2,
        ),
        Profile(
            "paper",
            MNIST,
            images=0,
            train_images=0,
            target_images=1000,
            toolbox_images=100,
            toolbox_iterations=250,
            radii=(*FINE, 0.75, 1.0),
            examples=5,
            log_every=50,
            clean=True,
        ),
        Profile(
            "brief",
            replace(MNIST, epochs=2),
            images=1000,
            train_images=10000,
            target_images=0,
            toolbox_images=0,
            toolbox_iterations=0,
            radii=FINE,
            examples=0,
            log_every=50,
            clean=True,
        ),
    )
}


def choose(names):
    """Return the profile and the run that a notebook's parameters ask for.  Source: this package.

    Parameters
    ----------
    names : dict
        `profile`, a str, and fields of `Run`; None stands for the profile's default.

    Returns
    -------
    (Profile, Run)

    Raises
    ------
    TypeError
        If a name is no parameter, with the nearest one that is.
    ValueError
        If a value is out of range.
    """
    known = [field.name for field in fields(Run)]
    for name in names:
        if name not in (*known, "profile"):
            near = get_close_matches(name, [*known, "profile"], 1)
            hint = f"; did you mean {near[0]}?" if near else f": {', '.join(known)}"
            raise TypeError(f"{name}: there is no such parameter{hint}")
    if names.get("profile") not in PROFILES:
        good = ", ".join(PROFILES)
        raise ValueError(f"profile: expected one of {good}, got {names.get('profile')!r}")
    profile = PROFILES[names["profile"]]
    return profile, profile.run(**{k: names[k] for k in known if names.get(k) is not None})
