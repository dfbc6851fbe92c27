"""A decoder for the whole module, and the table of what was read and refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from napari_ptx.image import Decoder

_ROW = "image file"


@pytest.fixture(scope="session")
def decoder() -> Iterator[Decoder]:
    with Decoder() as running:
        yield running


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str, str], None]:
    """Add a line to the table at the end of the test run.

    A property of the test's report reaches the summary from a worker process, too.
    """
    return lambda name, outcome: record_property(_ROW, (name, outcome))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    rows = [value for report in reports for key, value in report.user_properties if key == _ROW]
    if rows:
        terminalreporter.section("image files: read, or refused with the reason")
        width = max(len(name) for name, _ in rows)
        for name, outcome in rows:
            terminalreporter.write_line(f"{name:<{width}}  {outcome}")
