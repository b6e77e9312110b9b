"""Standalone neural ODEs: small, readable code for each equation of arXiv 2205.13933."""

from snode.cost import Cost
from snode.euler import Euler
from snode.first_order import RMSprop
from snode.network import Weights, relu, tanh
from snode.optimise import NCG
from snode.rk45 import RK45

__version__ = "0.1.0"
__all__ = ["Cost", "Euler", "NCG", "RK45", "RMSprop", "Weights", "relu", "tanh"]
