"""`snode check`: it passes where all is well, and names what is wrong where something is."""

import json
import subprocess
import sys

import numpy as np
import pytest

from snode import check, cli, machine
from snode.arrays import to_device, to_numpy
from snode.cost import Cost
from snode.euler import Euler


def lines(xp):
    """Return the report and its lines, without the first one, which names the device."""
    printed = []
    report = check.run(xp, small=True, report=printed.append)
    assert len(printed) == 1 + len(check.CHECKS) == 1 + len(report["checks"])
    assert printed[0].startswith("device: ")
    return report, printed[1:]


def failed(report):
    return [entry["name"] for entry in report["checks"] if entry["verdict"] == "FAILED"]


def test_all_is_well(xp):
    report, printed = lines(xp)
    assert report["ok"] and not failed(report)
    by_name = {entry["name"]: entry for entry in report["checks"]}
    measured = [e for e in by_name.values() if e["limit"] is not None and e["value"] is not None]
    assert len(measured) >= len(check.CHECKS) - 3
    assert by_name["milliseconds for an NCG iteration"]["value"] > 0
    assert by_name["matrix product"]["value"] > 0, "nothing was compared in different precisions"
    assert all(line.startswith(("ok  ", "--  ")) for line in printed)


def test_the_command_prints_and_writes_its_report(tmp_path, capsys, request):
    backend, path = request.config.getoption("--backend"), tmp_path / "report.json"
    assert cli.main(["check", "--small", "--backend", backend, "--output", str(path)]) == 0
    report = json.loads(path.read_text())
    assert report["problem"] == {"L": 12, "N": 13, "K": 5, "C": 4} and report["ok"]
    assert [line["name"] for line in report["checks"]] == [name for name, *_ in check.CHECKS]
    assert len(capsys.readouterr().out.splitlines()) == 1 + len(check.CHECKS)
    assert cli.main(["check", "--small", "--output", str(path)]) == 2
    assert "exists already" in capsys.readouterr().err


def test_products_rounded_as_tensor_cores_round_are_named(xp, monkeypatch, capsys, request):
    def rounded(a):
        bits = to_numpy(a).copy().view(np.int32)
        return to_device((bits + 0x1000 & ~0x1FFF).view(np.float32), xp)  # 10 bits stay

    monkeypatch.setattr(check, "_multiply", lambda a, b: rounded(a) @ rounded(b))
    backend = request.config.getoption("--backend")
    assert cli.main(["check", "--small", "--backend", backend]) == 1
    bad = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAILED")]
    assert len(bad) == 1 and "matrix product" in bad[0] and "TF32" in bad[0]


def test_a_wrong_product_is_not_called_rounded(xp, monkeypatch):
    monkeypatch.setattr(check, "_multiply", lambda a, b: 2 * a @ b)
    report, printed = lines(xp)
    assert failed(report) == ["matrix product"] and "TF32" not in printed[0]


def test_a_wrong_adjoint_fails_what_depends_on_it(xp, monkeypatch):
    right = Euler._backwards

    def growing(self, weights, path, lam):
        for l, p in right(self, weights, path, lam):
            if p.dtype == np.float32:
                lam[l] *= 1.1
            yield l, p

    monkeypatch.setattr(Euler, "_backwards", growing)
    assert {"dot test of (2) and (8)", "NCG, l2"} <= set(failed(lines(xp)[0]))


def test_whatever_is_raised_is_reported(xp, monkeypatch, capsys):
    def broken(*_):
        raise OSError("libcublasLt.so.12: cannot open shared object file")

    monkeypatch.setattr(check, "_multiply", broken)
    report, printed = lines(xp)
    assert not report["ok"] and failed(report) == ["matrix product"]
    assert "OSError: libcublasLt" in printed[0] and printed[0].startswith("FAILED")
    monkeypatch.setattr(check, "_multiply", lambda *_: float("inf"))
    for told in (report, lines(xp)[0]):
        assert json.loads(json.dumps(told, allow_nan=False))["checks"][0]["value"] is None


@pytest.mark.parametrize(
    ("value", "limit", "verdict"),
    [
        (1.0, 1.0, "ok"),
        (1.1, 1.0, "FAILED"),
        (float("nan"), 1.0, "FAILED"),
        (None, 1.0, "--"),
        (1.0, None, "--"),
    ],
)
def test_the_verdict(value, limit, verdict):
    line = check.Check("name", value, limit, "note")
    assert line.verdict == verdict and str(line).startswith(verdict) and str(line).endswith("note")


def test_the_sizes_are_the_papers():
    assert check.SIZES["full"] == (150, 196, 100, 10)
    assert Cost(mu1=1.0) == check.L2 and Cost(mu2=1.0, mu3=0.4) == check.CE


FAULTS = """
import resource, sys
import numpy as np
from snode.machine import keep_freed_memory

kept = keep_freed_memory() if sys.argv[1] == "keep" else None
for _ in range(5):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    [np.ones(3_000_000) for _ in range(6)]
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.numpy_only
def test_memory_that_is_kept_costs_no_new_pages():
    answers = {}
    for wish in ("keep", "leave"):
        line = [sys.executable, "-c", FAULTS, wish]
        done = subprocess.run(line, capture_output=True, text=True, check=True)
        answers[wish] = done.stdout.split()
    if answers["keep"][0] == "True":  # glibc
        assert int(answers["keep"][1]) < 10 < 100 < int(answers["leave"][1])
    else:
        assert answers["keep"][0] == "False"


def test_the_machine_answers_or_says_that_it_cannot(xp):
    x = xp.ones((3, 3))
    assert machine.milliseconds(xp, lambda: x @ x) > 0
    assert machine.waits(xp, lambda: x @ x) in ((None,) if xp is np else (None, False))
    added = machine.pool_growth(xp, lambda: x @ x)
    assert added is None if xp is np else added[0] == 0 < added[1]
    assert {"snode", "numpy", "CPU" if xp is np else "GPU"} <= set(machine.describe(xp))
