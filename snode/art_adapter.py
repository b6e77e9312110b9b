"""The network as an estimator of the Adversarial Robustness Toolbox (ART), with exact gradients.

    logits = first C components of z = x(T)                                          Sec. 5
    class gradients: rows of P by pull-backs                                         App. D.1
    loss gradient: lam(0) for lam(T) = soft(logits) - y, cross-entropy               Eq. (8)

ART comes with the extra `book`; it wants images as rows, and NumPy's arrays whatever the device.

Letters: N width, K images, C classes; rows x (K, N), y (K, C) or (K,).
"""

import warnings

import numpy as np

from snode.arrays import array_module, to_device, to_numpy
from snode.cost import Cost, check_one_hot, cross_entropies
from snode.data import one_hot
from snode.linearise import jacobian_rows
from snode.perturbed import check_images

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ART finds no PyTorch, its tqdm no widgets of a notebook
        from art.estimators import BaseEstimator, LossGradientsMixin
        from art.estimators.classification import ClassGradientsMixin, ClassifierMixin
except ImportError as error:
    raise ImportError(
        "snode.art_adapter needs the Toolbox: pip install adversarial-robustness-toolbox"
    ) from error

CROSS_ENTROPY = Cost(mu2=1.0)


class ArtClassifier(ClassGradientsMixin, ClassifierMixin, LossGradientsMixin, BaseEstimator):
    """A trained network for ART's attacks.  Sec. 5 (comparisons), App. D.4.

    ART's attacks take it as they take any classifier whose outputs are logits.

    Parameters
    ----------
    flow : Euler or RK45
        The discretisation.
    weights : Weights
        (L, N, N), (L, N, 1), on either device; the network works there.  Trusts its input.
    classes : int
        C, a scalar.
    box : (float, float) or None
        The valid region of every pixel, ART's `clip_values`.
    valid : (float, float), optional
        Images are cut to this region before they are looked at, so that the box may be wider.
    """

    estimator_params = BaseEstimator.estimator_params + ClassifierMixin.estimator_params

    def __init__(self, flow, weights, classes=10, box=(-1.0, 0.0), valid=None):
        """Remember the network; see the class."""
        super().__init__(model=weights, clip_values=box)
        self.flow, self.weights, self.nb_classes, self.valid = flow, weights, classes, valid

    @property
    def input_shape(self):
        """The shape (N,) of an image.  Source: ART; trusts its input."""
        return self.weights.W.shape[1:2]

    def predict(self, x, batch_size=128, **ignored):
        """Return the logits.  Eq. (1).

        Parameters
        ----------
        x : numpy.ndarray (K, N)
            Images as rows.
        batch_size : int
            A scalar, not needed here.

        Returns
        -------
        numpy.ndarray (K, C)
            float32, as all of ART's arrays.

        Raises
        ------
        ValueError
            If the images do not fit the network.
        """
        return self._rows(self._path(x, keep=False).end[: self.nb_classes])

    def class_gradient(self, x, label=None, **ignored):
        """Return the derivatives of the logits by the pixels: rows of P.  App. D.1.

        Parameters
        ----------
        x : numpy.ndarray (K, N)
            Images as rows.
        label : int or numpy.ndarray (K,), optional
            The class wanted, of all or of each image; without it all C.

        Returns
        -------
        numpy.ndarray (K, C, N) or (K, 1, N)
            float32.

        Raises
        ------
        ValueError
            If the images do not fit the network, or a class is out of range.
        """
        path = self._path(x)
        if label is None:
            P = jacobian_rows(self.flow, self.weights, path, self.nb_classes)
            return np.moveaxis(to_numpy(P), 2, 0).astype(np.float32)
        lam_T = array_module(path.end).zeros_like(path.end)
        lam_T[: self.nb_classes] = self._on_device(
            one_hot(np.broadcast_to(label, len(x)), self.nb_classes)
        )
        return self._rows(self.flow.adjoint(self.weights, path, lam_T, keep=False).start)[:, None]

    def loss_gradient(self, x, y, **ignored):
        """Return the derivative of the cross-entropy by the pixels.  Eq. (8).

        Parameters
        ----------
        x : numpy.ndarray (K, N)
            Images as rows.
        y : numpy.ndarray (K, C) or (K,)
            Targets, one-hot rows or classes.

        Returns
        -------
        numpy.ndarray (K, N)
            float32.

        Raises
        ------
        ValueError
            If the images do not fit the network, the targets do not fit the images, or a class is
            out of range.
        """
        path = self._path(x)
        lam_T = CROSS_ENTROPY.terminal(path.end, self._on_device(self._targets(y, len(x))))
        return self._rows(self.flow.adjoint(self.weights, path, lam_T, keep=False).start)

    def compute_loss(self, x, y, reduction="none", **ignored):
        """Return the cross-entropy.  Sec. 4.

        Parameters
        ----------
        x, y : numpy.ndarray (K, N), (K, C) or (K,)
            Images and targets.
        reduction : str
            "none", "mean" or "sum" over the images.

        Returns
        -------
        numpy.ndarray (K,) or scalar

        Raises
        ------
        ValueError
            If the images do not fit the network, the targets do not fit the images, a class is out
            of range or the reduction unknown.
        """
        if reduction not in ("none", "mean", "sum"):
            raise ValueError(f"reduction: expected 'none', 'mean' or 'sum', got {reduction!r}")
        z = to_numpy(self._path(x, keep=False).end[: self.nb_classes])
        loss = cross_entropies(z.astype(np.float64), self._targets(y, len(x)))
        return loss if reduction == "none" else getattr(loss, reduction)()

    def fit(self, x, y, **ignored):
        """Refuse: networks of shape (L, N, N) are trained by `snode.optimise`.  Algorithm 1.

        Raises
        ------
        NotImplementedError
            Always.
        """
        raise NotImplementedError("train the network with snode.optimise, then hand it over")

    def _path(self, x, keep=True):
        N = self.weights.W.shape[1]
        if np.ndim(x) != 2 or np.shape(x)[1] != N:
            raise ValueError(f"x: expected images in rows, shape (K, {N}), got {np.shape(x)}")
        columns = np.ascontiguousarray(np.asarray(x).T, dtype=self.weights.W.dtype)
        columns = self._on_device(columns)
        check_images("x", columns, self.weights, self.nb_classes)
        if self.valid is not None:
            columns = columns.clip(*self.valid)
        return self.flow.forward(self.weights, columns, keep=keep)

    def _targets(self, y, K):
        y, C, dtype = np.asarray(y), self.nb_classes, self.weights.W.dtype
        if y.shape not in ((K,), (K, C)):
            raise ValueError(f"y: expected labels ({K},) or rows ({K}, {C}), got {y.shape}")
        y = one_hot(y, C, dtype) if y.ndim == 1 else np.ascontiguousarray(y.T, dtype=dtype)
        check_one_hot(y)
        return y

    def _on_device(self, a):
        return to_device(a, array_module(self.weights.W))

    @staticmethod
    def _rows(columns):
        return np.ascontiguousarray(to_numpy(columns).T, dtype=np.float32)
