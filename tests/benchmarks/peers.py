"""The same work in JAX, as its users would write it: `scan` over the layers, one `jit` a step.

Letters as in `snode.euler`; arrays (L, N, N), (L, N, 1), (N, K) and (C, K).
"""

from functools import partial

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

SIGMA = {"tanh": jnp.tanh, "relu": jax.nn.relu}


def forward(sigma, h, W, b, x0):
    """Return x(T)."""

    def layer(x, w):
        return x + h * SIGMA[sigma](w[0] @ x + w[1]), None

    return jax.lax.scan(layer, x0, (W, b))[0]


def terminal(loss, z, y):
    """Return lambda(T): mu1 = 1, or mu2 = 1 with mu3 = 0.4."""
    target = jnp.pad(y, ((0, len(z) - len(y)), (0, 0)))
    if loss == "l2":
        return z - target
    soft = jnp.pad(jax.nn.softmax(z[: len(y)], axis=0), ((0, len(z) - len(y)), (0, 0)))
    return soft - target + 0.4 * z


def step_length(loss, z, zeta, y):
    """Return the zero of phi': in closed form, or by eight of Newton's steps."""
    K, size = z.shape[1], jnp.vdot(zeta, zeta)
    if loss == "l2":
        return -jnp.vdot(terminal(loss, z, y), zeta) / size

    def newton(_, eta):
        slope = jnp.vdot(terminal(loss, z + eta * zeta, y), zeta) / K
        p, v = jax.nn.softmax((z + eta * zeta)[: len(y)], axis=0), zeta[: len(y)]
        curvature = (p * v * v).sum() - ((p * v).sum(axis=0) ** 2).sum() + 0.4 * size
        return eta - slope / (curvature / K)

    return jax.lax.fori_loop(0, 8, newton, 0.0)


def ncg(sigma, loss, horizon, S=None):
    """Return one batch of NCG: (W, b, x0, y, iterations) -> W."""

    @partial(jax.jit, donate_argnums=0)
    def iteration(state, x0, y):
        (W, b), d, old = state
        h, K = horizon / len(W), x0.shape[1]
        z, push = jax.linearize(lambda W, b: forward(sigma, h, W, b, x0), W, b)
        pull = jax.linear_transpose(push, W, b)
        g = E = jax.tree.map(lambda G: G / h, pull(terminal(loss, z, y) / K))
        if S is not None:
            g = jax.tree.map(lambda G: jnp.tensordot(S, G, 1), E)
        new = h * sum(jnp.vdot(G, G) for G in g)
        d = jax.tree.map(lambda d, G: new / old * d - G, d, g)
        eta = step_length(loss, z, push(*d), y)
        return jax.tree.map(lambda w, d: w + eta * d, (W, b), d), d, new

    def update(W, b, x0, y, iterations):
        w = jnp.array(W), jnp.array(b)
        state = w, jax.tree.map(jnp.zeros_like, w), jnp.float32(jnp.inf)
        for _ in range(iterations):
            state = iteration(state, x0, y)
        return jax.block_until_ready(state[0][0])

    return update


def rmsprop(sigma, loss, horizon, rate=0.01, rho=0.9, epsilon=1e-7):
    """Return one step of RMSprop: ((W, b), v, x0, y) -> (W, b), v; both are overwritten."""

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(w, v, x0, y):
        h, K = horizon / len(w[0]), x0.shape[1]
        z, pull = jax.vjp(lambda w: forward(sigma, h, *w, x0), w)
        (G,) = pull(terminal(loss, z, y) / K)
        v = jax.tree.map(lambda v, G: rho * v + (1 - rho) * G * G, v, G)
        w = jax.tree.map(lambda w, G, v: w - rate * G / (jnp.sqrt(v) + epsilon), w, G, v)
        return w, v

    return step


def inference(sigma, horizon, chunk):
    """Return (W, b, x) -> classes, `chunk` images at a time."""

    @jax.jit
    def infer(W, b, x):
        return forward(sigma, horizon / len(W), W, b, x)[:10].argmax(axis=0)

    def call(W, b, x):
        parts = [infer(W, b, x[:, k : k + chunk]) for k in range(0, x.shape[1], chunk)]
        return jax.block_until_ready(jnp.concatenate(parts))

    return call


def rows(sigma, horizon, classes):
    """Return (W, b, x) -> P (C, N, K), by a vjp mapped over the classes."""

    @jax.jit
    def call(W, b, x):
        _, pull = jax.vjp(lambda x: forward(sigma, horizon / len(W), W, b, x), x)
        e = jnp.eye(classes, len(x), dtype=x.dtype)[:, :, None] * jnp.ones_like(x[:1])
        return jax.vmap(pull)(e)[0]

    return call


def dopri5(horizon, L, tolerance):
    """Return (W, b, x0) -> x(T) and the number of steps, by diffrax."""
    h = horizon / L

    def rate(t, x, w):
        place = jnp.clip(t / h - 0.5, 0.0, L - 1.0)
        l = place.astype(int)
        u, r = (place - l).astype(x.dtype), jnp.minimum(l + 1, L - 1)
        W, b = ((1 - u) * a[l] + u * a[r] for a in w)
        return jnp.tanh(W @ x + b)

    def largest(x):
        return jnp.abs(x).max()  # an image must not hide behind the mean of the batch

    @jax.jit
    def call(W, b, x0):
        found = diffrax.diffeqsolve(
            diffrax.ODETerm(rate),
            diffrax.Dopri5(),
            0.0,
            horizon,
            None,
            x0,
            (W, b),
            saveat=diffrax.SaveAt(t1=True),
            stepsize_controller=diffrax.PIDController(tolerance, tolerance, norm=largest),
        )
        return found.ys[0], found.stats["num_steps"]

    return call


def arrays(*given):
    """Return the arrays as JAX's."""
    return [jnp.asarray(np.asarray(a)) for a in given]
