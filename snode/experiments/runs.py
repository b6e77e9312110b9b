"""What a run is: one `Run` holds every choice that a trained network depends on.

The paper's text leaves much open (start, input range, readout, constants of RMSprop, ...): each
of these choices is a field.  Their defaults come from the paper's text or, where it is silent, from
the authors' prototype (github.com/malylu/SNODEs_prototype), never from closeness to a result.

Letters: L layers, N width, K images in a batch, T horizon; W0 (L, N, N), b0 (L, N, 1).
"""

import math
from dataclasses import dataclass, fields

import numpy as np

from snode.conjugate import GAMMAS
from snode.cost import READOUTS, Cost
from snode.data import FILTERS, INPUT_RANGES, SHAPES, load
from snode.euler import Euler
from snode.first_order import DECAYS, OPTIMISERS
from snode.network import ACTIVATIONS, initial_weights
from snode.ode import check_rtol
from snode.optimise import NCG
from snode.rk45 import RK45
from snode.scalars import check_count, check_positive, check_seed

METHODS = ("ncg", "ncg-sobolev", *OPTIMISERS)
CHOICES = {
    "dataset": tuple(SHAPES),
    "activation": ("tanh", "relu"),
    "loss": ("l2", "ce"),
    "method": METHODS,
    "flow": ("euler", "rk45"),
    "readout": READOUTS,
    "start": ("iid", "spline"),
    "input_range": tuple(INPUT_RANGES),
    "resample": tuple(FILTERS),
    "gamma": tuple(GAMMAS),
    "gamma_norm": ("L2", "W12"),
    "decay": DECAYS,
    "dtype": ("float32", "float64"),
}
COUNTS = ("epochs", "layers", "batch", "iterations", "passes")
# What others than these do not look at; `iterations`, a profile's default, is not asked about
NCGS, ADAPTIVE = ("ncg", "ncg-sobolev"), ("rmsprop", "adam")
USERS = {
    "mu3": ("loss", ("ce",)),
    "resample": ("dataset", ("mnist14", "fashion14")),
    **dict.fromkeys(("gamma", "direction_scale"), ("method", NCGS)),
    "gamma_norm": ("method", ("ncg-sobolev",)),
    **dict.fromkeys(("rate", "passes", "decay"), ("method", tuple(OPTIMISERS))),
    "epsilon": ("method", ADAPTIVE),
    "epsilon_inside": ("method", ("rmsprop",)),
}


@dataclass(frozen=True)
class Run:
    """One training run: the paper's settings unless told otherwise.  Sec. 5.

    Parameters
    ----------
    dataset, activation, loss, method, flow : str
        Data, sigma, the mu's of (3) ("l2": mu1 = 1; "ce": mu2 = 1 and mu3), optimiser, solver.
    weight_decay, mu3 : float
        mu4 and, for "ce", mu3 (scalars); the paper has 0 or 1e-8, and 0.4.
    epochs, seed, layers, batch, iterations : int
        Scalars; the paper has 10 epochs, L = 150, K = 100, 6 NCG iterations a batch.
    horizon, std : float
        T = 3 and the standard deviation 0.001 of W0, b0 (scalars), both from the paper's text.
    readout, start, dtype : str
        See `Cost` (prototype: all), `initial_weights` (text: iid); float32 or float64.
    input_range, resample : str
        Values of paper and ink (prototype: 0 to -1); the filter of MNIST's pixels (imresize's).
    gamma, gamma_norm, direction_scale : str, str, float
        Of `NCG`: Fletcher-Reeves (text) in the plain L2 norm (prototype), and a scalar.
    rtol, atol : float
        Tolerances of "rk45" (scalars); the prototype has 1e-3 for both.
    rate, epsilon, epsilon_inside, passes, decay : float, float, bool, int, str
        Of the first-order methods: rate 0.01 (text), the rest Keras 2's; see `RMSprop`.
    noise_clip : bool
        Whether noisy images are cut to the valid region; the paper's text does not.

    Raises
    ------
    ValueError
        If a name is unknown (the message lists the good ones), a number is out of range, or a
        choice has no effect, such as a rate with NCG.
    """

    dataset: str = "digits"
    activation: str = "tanh"
    loss: str = "l2"
    method: str = "ncg"
    flow: str = "euler"
    weight_decay: float = 0.0
    mu3: float = 0.4
    epochs: int = 5
    seed: int = 0
    layers: int = 150
    batch: int = 100
    iterations: int = 6
    horizon: float = 3.0
    std: float = 0.001
    readout: str = "all"
    start: str = "iid"
    dtype: str = "float32"
    input_range: str = "0to-1"
    resample: str = "triangle"
    gamma: str = "fletcher-reeves"
    gamma_norm: str = "L2"
    direction_scale: float = 1.0
    rtol: float = 1e-3
    atol: float = 1e-3
    rate: float = 0.01
    epsilon: float = 1e-7
    epsilon_inside: bool = False
    passes: int = 1
    decay: str = "cost"
    noise_clip: bool = False

    def __post_init__(self):
        """Check the types, names and counts; the objects made from them check the rest.

        NumPy's scalars become Python's, as the run's id and its JSON want them.
        """
        for field in fields(self):
            value = getattr(self, field.name)
            value = value.item() if isinstance(value, np.generic) else value
            value = float(value) if field.type is float and type(value) is int else value
            _check(field, value)
            object.__setattr__(self, field.name, value)
        check_positive("horizon", self.horizon)
        for name in ("std", "weight_decay", "mu3"):
            check_positive(name, getattr(self, name), zero=True)
        check_rtol(self.rtol, np.dtype(self.dtype))
        self.optimiser()
        _check_effect(self)

    def cost(self):
        """Return the functional (3), whose mu's are scalars.  Eq. (3); trusts its input."""
        # Sec. 5; its line on the l2 loss misprints mu1 as mu2
        mus = {"mu1": 1.0} if self.loss == "l2" else {"mu2": 1.0, "mu3": self.mu3}
        return Cost(**mus, mu4=self.weight_decay, readout=self.readout)

    def solver(self, name=None):
        """Return the flow `name`, a str ("euler" or "rk45"); without it the run's own.

        Source: Sec. 5, Table 1.  Raises KeyError for another name.
        """
        sigma = ACTIVATIONS[self.activation]
        made = {"euler": Euler(sigma), "rk45": RK45(sigma, self.rtol, self.atol)}
        return made[name or self.flow]

    def optimiser(self):
        """Return the optimiser of (L, N, N) weights.  Sec. 5; trusts its input."""
        flow, cost = self.solver(), self.cost()
        if self.method not in OPTIMISERS:
            sobolev = self.method == "ncg-sobolev"
            rest = (self.gamma, self.gamma_norm, self.direction_scale)
            return NCG(flow, cost, self.iterations, sobolev, *rest)
        options = {"rate": self.rate, "passes": self.passes, "decay": self.decay}
        if self.method != "momentum":
            options["epsilon"] = self.epsilon
        if self.method == "rmsprop":
            options["epsilon_inside"] = self.epsilon_inside
        return OPTIMISERS[self.method](flow, cost, **options)

    def box(self):
        """Return the valid region of a pixel, two scalars.  Algorithm 2; trusts its input."""
        return tuple(sorted(INPUT_RANGES[self.input_range]))

    def data(self):
        """Return the images (N, n), a Dataset.  Sec. 5; Raises what `data.load` raises."""
        shades = INPUT_RANGES[self.input_range]
        return load(self.dataset, shades, self.resample, np.dtype(self.dtype))

    def start_weights(self, N, xp=np):
        """Return W0, b0 of shapes (L, N, N), (L, N, 1).  Sec. 5; trusts its input."""
        return initial_weights(
            self.layers, N, self.horizon, self.seed, self.std, self.start, self.dtype, xp
        )


def _check(field, value):
    """Refuse a value of another type, an unknown name, or a count below 1 (a seed below 0)."""
    good = CHOICES.get(field.name)
    if good is not None and value not in good:
        raise ValueError(f"{field.name}: expected one of {', '.join(good)}, got {value!r}")
    if field.name in COUNTS:
        check_count(field.name, value)
    if field.name == "seed":
        check_seed(value)
    if field.type is float and type(value) is not float:
        raise ValueError(f"{field.name}: expected a number, got {value!r}")
    if field.type is float and not math.isfinite(value):
        raise ValueError(f"{field.name}: expected a finite number, got {value!r}")
    if field.type is bool and type(value) is not bool:
        raise ValueError(f"{field.name}: expected True or False, got {value!r}")


def _check_effect(run):
    """Refuse a choice that nothing would look at: two runs of one result, or a misunderstanding."""
    for name, (by, users) in USERS.items():
        value, default, made = getattr(run, name), getattr(Run, name), getattr(run, by)
        if made not in users and value != default:
            where = f"{by} {made}, where it has no effect"
            raise ValueError(f"{name}: expected {default!r} with {where}, got {value!r}")
