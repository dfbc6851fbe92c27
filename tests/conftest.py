"""What every test may ask for: the real images, and the switch for slow tests."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

# Without a time limit for each example: test machines stall. The examples are the same in
# every run, so that a failure is of the change that it is seen with; --hypothesis-profile
# default draws new ones, and "brief" a few, where the same tests run in full elsewhere.
settings.register_profile("untimed", deadline=None, max_examples=60, derandomize=True)
settings.register_profile("brief", deadline=None, max_examples=12, derandomize=True)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="run the tests marked slow, too")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    skip_slow = pytest.mark.skip(reason="slow; run with --slow")
    skip_r = pytest.mark.skip(reason="Rscript is not installed (Debian: r-base-core r-cran-psych)")
    for item in items:
        if "slow" in item.keywords and not config.getoption("--slow"):
            item.add_marker(skip_slow)
        if "r" in item.keywords and shutil.which("Rscript") is None:
            item.add_marker(skip_r)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Give the folder of real test images, or skip the test."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("PTX_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"the real test images are not here; set PTX_DATA (looked in {folder})")
    return folder
