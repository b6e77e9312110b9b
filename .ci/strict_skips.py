"""pytest plugin: a skipped test is a failed test, unless its reason was allowed.

PYTHONPATH=.ci python -m pytest -p strict_skips --allow-skip "no GPU" tests
"""

import pytest


def pytest_addoption(parser):
    parser.addoption(
        "--allow-skip",
        action="append",
        default=[],
        metavar="WORDS",
        help="accept skips whose reason contains these words",
    )


def forbid(report, config):
    """Turn a report of a skip into a failure; leave every other report as it is."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    if not any(words in reason for words in config.getoption("--allow-skip")):
        report.outcome = "failed"
        report.longrepr = f"A skip that is not allowed here: {reason}"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = yield
    forbid(report, item.config)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report(collector):
    report = yield
    forbid(report, collector.config)
    return report
