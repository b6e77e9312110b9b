"""The network, its derivatives and its cost against JAX's, written anew and differentiated by JAX.

JAX knows the forward equation (1) and the functional (3) only: `jvp` stands for (2), `vjp` for
(8), `grad` for (6) and (7), `jacrev` for P.  Diffrax solves the continuous network.
"""

import pytest
from conftest import make_problem
from identities import error

from snode.cost import Cost
from snode.euler import Euler
from snode.linearise import jacobian_rows
from snode.network import ACTIVATIONS
from snode.optimise import value_and_gradient
from snode.rk45 import RK45

jax = pytest.importorskip("jax", reason="extra peers")
diffrax = pytest.importorskip("diffrax", reason="extra peers")
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_enable_x64", True)
jnp = jax.numpy

pytestmark = [pytest.mark.peers, pytest.mark.numpy_only]

SIGMA = {"tanh": jnp.tanh, "relu": jax.nn.relu}
COSTS = {
    "l2": {"mu1": 1.0},
    "ce": {"mu2": 1.0, "mu3": 0.4},
    "mixed": {"mu1": 0.7, "mu2": 1.3, "mu3": 0.4, "mu4": 0.05},
}
on_both_activations = pytest.mark.parametrize("name", SIGMA)


def network(name, h):
    """Return the residual network (W, b, x0) -> x(T) in JAX; x0 is (N,) or (N, K)."""

    def forward(W, b, x):
        for l in range(len(W)):
            x = x + h * SIGMA[name](W[l] @ x + (b[l] if x.ndim == 2 else b[l, :, 0]))
        return x

    return forward


def functional(z, y, W, b, h, readout, mu1=0.0, mu2=0.0, mu3=0.0, mu4=0.0):
    """Return E of (3) in JAX, image by image as the paper writes it."""
    C, N = len(y), len(z)

    def of_one(z, y):
        seen, target = (z, jnp.pad(y, (0, N - C))) if readout == "all" else (z[:C], y)
        entropy = -jnp.dot(y, jax.nn.log_softmax(z[:C]))
        return mu1 / 2 * jnp.sum((seen - target) ** 2) + mu2 * entropy + mu3 / 2 * seen @ seen

    decay = mu4 / 2 * h * (jnp.sum(W**2) + jnp.sum(b**2))
    return jnp.mean(jax.vmap(of_one, in_axes=1)(z, y)) + decay


def setting(name):
    p = make_problem()
    flow = Euler(ACTIVATIONS[name])
    return p, flow, flow.forward(p.weights, p.x0), network(name, p.weights.h)


@on_both_activations
@pytest.mark.parametrize("readout", ["all", "classes"])
@pytest.mark.parametrize("mu", COSTS.values(), ids=COSTS)
def test_the_cost_and_its_gradient(name, readout, mu):
    p, flow, _, net = setting(name)
    h = p.weights.h

    def E(W, b):
        return functional(net(W, b, p.x0), p.y, W, b, h, readout, **mu)

    E_jax, (dW, db) = jax.value_and_grad(E, (0, 1))(p.weights.W, p.weights.b)
    value, gradient = value_and_gradient(flow, Cost(**mu, readout=readout), p.weights, p.x0, p.y)
    assert abs(value - float(E_jax)) < 1e-12 * value
    assert error(gradient.W, dW / h) < 1e-12 and error(gradient.b, db / h) < 1e-12


@on_both_activations
def test_the_sensitivity_is_the_jacobian_vector_product(name):
    p, flow, path, net = setting(name)
    here, W, b = (p.weights.W, p.weights.b, p.x0), p.direction.W, p.direction.b
    for xi0, direction in [(p.xi0, p.direction), (p.xi0, None), (None, p.direction)]:
        along = [a if direction is not None else 0 * a for a in (W, b)]
        along.append(0 * p.x0 if xi0 is None else xi0)
        z, zeta = jax.jvp(net, here, tuple(along))
        assert error(path.end, z) < 1e-12
        ours = flow.sensitivity(p.weights, path, xi0, direction).end
        assert error(ours, zeta) < 1e-12


@on_both_activations
def test_the_adjoint_is_the_vector_jacobian_product(name):
    p, flow, path, net = setting(name)
    _, pull_back = jax.vjp(net, p.weights.W, p.weights.b, p.x0)
    dW, db, dx0 = pull_back(jnp.asarray(p.lam_T))
    lam = flow.adjoint(p.weights, path, p.lam_T)
    gradient = flow.gradient(p.weights, path, lam) * (p.x0.shape[1] * p.weights.h)
    assert error(lam.start, dx0) < 1e-12
    assert error(gradient.W, dW) < 1e-12 and error(gradient.b, db) < 1e-12


@on_both_activations
def test_the_rows_of_the_jacobian(name):
    p, flow, path, net = setting(name)
    C = len(p.y)
    rows = jax.jacrev(lambda x: net(p.weights.W, p.weights.b, x)[:C])
    P = jax.vmap(rows, in_axes=1, out_axes=-1)(p.x0)
    assert error(jacobian_rows(flow, p.weights, path, C), P) < 1e-12


def test_the_continuous_network_and_its_gradient_against_diffrax():
    p = make_problem(L=4, size=0.3)
    w, T, mu, tolerance = p.weights, p.weights.horizon, COSTS["mixed"], (1e-10, 1e-12)
    steps = diffrax.PIDController(*tolerance)
    steps = diffrax.ClipStepSizeController(steps, jump_ts=w.times)  # where W(t) has its kinks

    def net(W, b):
        def rate(t, x, _):
            phi = jnp.maximum(0, 1 - abs(jnp.clip(t, w.times[0], w.times[-1]) - w.times) / w.h)
            return jnp.tanh(jnp.tensordot(phi, W, 1) @ x + jnp.tensordot(phi, b, 1))

        term, solver = diffrax.ODETerm(rate), diffrax.Dopri5()
        settings = {"stepsize_controller": steps, "max_steps": 1024}
        return diffrax.diffeqsolve(term, solver, 0.0, T, None, p.x0, **settings).ys[-1]

    def E(W, b):
        z = net(W, b)
        return functional(z, p.y, W, b, w.h, "all", **mu), z

    (E_jax, z), (dW, db) = jax.value_and_grad(E, (0, 1), has_aux=True)(w.W, w.b)
    flow = RK45(ACTIVATIONS["tanh"], *tolerance)
    value, gradient = value_and_gradient(flow, Cost(**mu), w, p.x0, p.y)
    assert error(flow.forward(w, p.x0).end, z) < 1e-8
    assert abs(value - float(E_jax)) < 1e-8 * value
    assert error(gradient.W * w.h, dW) < 1e-7 and error(gradient.b * w.h, db) < 1e-7
