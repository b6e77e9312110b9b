"""Docstrings: every public name tells its shapes, its source and its errors."""

import dataclasses
import importlib
import inspect
import pkgutil
import re

import pytest

import snode

pytestmark = pytest.mark.numpy_only

# (L, N, N), (K,), (..., N, K), or the word for what has no shape
SHAPE = re.compile(
    r"\([\w.+\-/* ]+,[^()]*\)"
    r"|\b(scalars?|any shape|shapes?|arrays?|numbers?|int|float|str|bool|None|callable|module|list"
    r"|object|tuple|dict|path|file|text|function|Weights|Path|Solution|Trajectory)\b"
)
SOURCE = re.compile(
    r"\b(Eqs?\.|Equations?|Lemma|Corollary|Algorithm|App\.|Appendix|Secs?\.|Figs?\.|Tables?|Sources?:)"
)
ERRORS = re.compile(r"\bRaises\b|\b[Tt]rusts\s+its\s+input\b")


def modules():
    names = [m.name for m in pkgutil.walk_packages(snode.__path__, "snode.")]
    return [importlib.import_module(name) for name in names if name != "snode.__main__"]


def public(owner, module):
    """Yield (qualified name, object) of the functions and classes that `owner` defines."""
    for name, thing in vars(owner).items():
        if name.startswith("_"):
            continue
        thing = getattr(thing, "fget", None) or getattr(thing, "func", thing)
        thing = inspect.unwrap(getattr(thing, "__func__", thing))
        defined = inspect.isfunction(thing) or inspect.isclass(thing)
        if defined and thing.__module__ == module.__name__ and thing.__name__ == name:
            yield f"{module.__name__}.{thing.__qualname__}", thing
            if inspect.isclass(thing):
                yield from public(thing, module)


MODULES = {module.__name__: module for module in modules()}
NAMES = {name: thing for module in MODULES.values() for name, thing in public(module, module)}


@pytest.mark.parametrize("name", MODULES)
def test_a_module_says_what_it_is_for(name):
    doc = MODULES[name].__doc__ or ""
    assert len(doc) > 60, f"{name}: no docstring"
    assert doc.split("\n\n")[0].strip().endswith("."), f"{name}: the first sentence has no end"


@pytest.mark.parametrize("name", NAMES)
def test_a_docstring_gives_shapes_source_and_errors(name):
    doc = NAMES[name].__doc__ or ""
    if dataclasses.is_dataclass(NAMES[name]):
        assert not doc.startswith(f"{NAMES[name].__name__}("), f"{name}: no docstring"
    assert SHAPE.search(doc), f"{name}: neither a shape nor a type"
    assert SOURCE.search(doc), f"{name}: no source (Eq., Lemma, Algorithm, App., Sec., Source:)"
    assert ERRORS.search(doc), f"{name}: neither 'Raises' nor 'trusts its input'"


def parameters(thing):
    found = inspect.signature(thing).parameters.values()
    return [p.name for p in found if p.name != "self" and p.kind is not p.VAR_KEYWORD]


LISTS = [name for name, thing in NAMES.items() if "Parameters\n" in (thing.__doc__ or "")]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_of_parameters_is_complete(name):
    doc = NAMES[name].__doc__
    listed = doc.split("Parameters\n")[1].split("Returns\n")[0].split("Raises\n")[0]
    for parameter in parameters(NAMES[name]):
        assert re.search(rf"\b{parameter}\b", listed), f"{name}: {parameter} is not described"


def test_something_was_found():
    assert len(NAMES) > 40 and "snode.euler.Euler.adjoint" in NAMES
    assert "snode.arrays.axpby" in NAMES and "snode.network.Weights.h" in NAMES
