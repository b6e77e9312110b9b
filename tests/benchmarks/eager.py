"""The same work in PyTorch, as its users would write it: a loop over the layers, run eagerly.

Letters as in `snode.euler`; tensors (L, N, N), (L, N, 1), (N, K) and (C, K).
"""

import torch

torch.set_num_threads(1)
SIGMA = {"tanh": torch.tanh, "relu": torch.relu}


def forward(sigma, h, W, b, x):
    """Return x(T)."""
    for W_l, b_l in zip(W, b):
        x = x + h * SIGMA[sigma](W_l @ x + b_l)
    return x


def terminal(loss, z, y):
    """Return lambda(T): mu1 = 1, or mu2 = 1 with mu3 = 0.4."""
    rest = z.new_zeros(len(z) - len(y), z.shape[1])
    if loss == "l2":
        return z - torch.cat([y, rest])
    return torch.cat([torch.softmax(z[: len(y)], 0) - y, rest]) + 0.4 * z


def step_length(loss, z, zeta, y):
    """Return the zero of phi': in closed form, or by eight of Newton's steps."""
    size, eta = (zeta * zeta).sum(), 0.0
    if loss == "l2":
        return -(terminal(loss, z, y) * zeta).sum() / size
    for _ in range(8):
        p, v = torch.softmax((z + eta * zeta)[: len(y)], 0), zeta[: len(y)]
        curvature = (p * v * v).sum() - ((p * v).sum(0) ** 2).sum() + 0.4 * size
        eta = eta - (terminal(loss, z + eta * zeta, y) * zeta).sum() / curvature
    return eta


def ncg(sigma, loss, horizon, S=None):
    """Return one batch of NCG: (W, b, x0, y, iterations) -> W."""

    def update(W, b, x0, y, iterations):
        w, d, old = (W.clone(), b.clone()), None, None
        h, K = horizon / len(W), x0.shape[1]
        for _ in range(iterations):

            def output(W, b):
                return forward(sigma, h, W, b, x0)

            z, pull = torch.func.vjp(output, *w)
            g = [G / h for G in pull(terminal(loss, z, y) / K)]
            if S is not None:
                g = [torch.tensordot(S, G, 1) for G in g]
            new = sum((G * G).sum() for G in g)
            d = tuple(-G if d is None else new / old * d_ - G for G, d_ in zip(g, d or g))
            zeta = torch.func.jvp(output, w, d)[1]
            eta = step_length(loss, z, zeta, y)
            w, old = tuple(u + eta * v for u, v in zip(w, d)), new
        return w[0].numpy()

    return update


def rmsprop(sigma, loss, horizon, *w):
    """Return one step of PyTorch's own RMSprop: (x0, y) -> None; the weights w are changed."""
    w = [torch.nn.Parameter(a) for a in w]
    optimiser = torch.optim.RMSprop(w, lr=0.01, alpha=0.9, eps=1e-7)

    def step(x0, y):
        optimiser.zero_grad()
        z = forward(sigma, horizon / len(w[0]), *w, x0)
        z.backward(terminal(loss, z.detach(), y) / x0.shape[1])
        optimiser.step()

    return step


def inference(sigma, horizon, chunk):
    """Return (W, b, x) -> classes, `chunk` images at a time."""

    @torch.inference_mode()
    def call(W, b, x):
        outputs = (forward(sigma, horizon / len(W), W, b, part) for part in x.split(chunk, dim=1))
        return torch.cat([z[:10].argmax(0) for z in outputs]).numpy()

    return call


def tensors(*given):
    """Return copies of the arrays as PyTorch's."""
    return [torch.tensor(a) for a in given]
