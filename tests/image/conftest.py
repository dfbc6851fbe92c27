"""A decoder for the whole module, and the table of what was read and refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from napari_ptx.image import Decoder

_ROWS = pytest.StashKey[list[tuple[str, str]]]()


@pytest.fixture(scope="session")
def decoder() -> Iterator[Decoder]:
    with Decoder() as running:
        yield running


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Add a line to the table at the end of the test run."""
    rows = request.config.stash.setdefault(_ROWS, [])
    return lambda name, outcome: rows.append((name, outcome))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = terminalreporter.config.stash.get(_ROWS, [])
    if rows:
        terminalreporter.section("image files: read, or refused with the reason")
        width = max(len(name) for name, _ in rows)
        for name, outcome in rows:
            terminalreporter.write_line(f"{name:<{width}}  {outcome}")
