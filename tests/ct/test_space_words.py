from __future__ import annotations

import pytest

from napari_ptx.ct.errors import CtError
from napari_ptx.ct.space import SITES, SLOTS, slot_of_word
from napari_ptx.phantom.ct import glands


def test_the_simulated_necks_and_people_use_the_same_words() -> None:
    assert set(glands.SITES) == set(SITES)
    assert set(glands.SLOTS) == set(SLOTS)


def test_every_site_is_ectopic() -> None:
    assert {slot_of_word(word) for word in SITES} == {"ectopic"}
    assert [slot_of_word(word) for word in SLOTS] == list(SLOTS)
    with pytest.raises(CtError, match="neither a slot nor a site"):
        slot_of_word("neck")
