"""What the reading tests have is what these need: a clean machine."""

from tests.docks.reading.conftest import clean_machine

__all__ = ["clean_machine"]
