"""The contrast phase of a CT series, from what its header says; a guess that gives its reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Phase = Literal["plain", "arterial", "venous", "delayed"]
PHASES: tuple[Phase, ...] = ("plain", "arterial", "venous", "delayed")

# Letters only count as a word of their own: "AP" is in "scAPula", and in "AP scout", too,
# which is why two-letter shorthands are not taken.
_WORDS: dict[Phase, str] = {
    "plain": r"plain|nativ\w*|non[ _-]?contrast\w*|non[ _-]?enhanced|un[ _-]?enhanced|nect|ncct"
    r"|w[ _/-]?o(?:ut)?[ _-]?(?:contrast|iv|c)|without[ _-]contrast|pre[ _-]?contrast|ohne[ _-]km"
    r"|no[ _-]contrast",
    "arterial": r"art|arterial\w*|arteriell\w*|angio\w*|cta|early[ _-]phase",
    "venous": r"ven|venous\w*|ven(?:oe|ö)s\w*|portal\w*|pv",
    "delayed": r"delay\w*|late|equilibrium|washout|sp(?:ae|ä)t\w*",
}
_CHINESE: dict[Phase, str] = {
    "plain": "平扫",
    "arterial": "动脉",
    "venous": "静脉",
    "delayed": "延迟",
}
_PATTERNS = {
    phase: re.compile(rf"(?<![^\W\d_])(?:{words})(?![^\W\d_])|{_CHINESE[phase]}", re.IGNORECASE)
    for phase, words in _WORDS.items()
}
_DELAYS: tuple[tuple[float, Phase], ...] = ((50, "arterial"), (120, "venous"), (900, "delayed"))


@dataclass(frozen=True)
class PhaseGuess:
    """What a header says of the phase.

    Parameters
    ----------
    phase
        ``None`` where it says nothing, or two things: ask.
    reason
        The words or the numbers that it was told from, or why it cannot be told.
    """

    phase: Phase | None
    reason: str


def guess_phase(
    description: str = "",
    protocol: str = "",
    agent: str = "",
    bolus: float | None = None,
    acquired: float | None = None,
) -> PhaseGuess:
    """Tell the phase from the words of the header, or else from the delay after the bolus.

    Parameters
    ----------
    description, protocol
        Series Description and Protocol Name. The protocol counts only where the
        description says nothing: one protocol often holds all phases.
    agent
        Contrast/Bolus Agent.
    bolus, acquired
        Contrast/Bolus Start Time and Acquisition Time, in seconds of the day.

    Notes
    -----
    From 15 s after the bolus on it is arterial, from 50 s venous, from 2 minutes delayed;
    protocols for the parathyroid glands have their arterial phase at 25-45 s.
    """
    for name, text in (("series description", description), ("protocol name", protocol)):
        found = {
            phase: match.group(0)
            for phase, pattern in _PATTERNS.items()
            if (match := pattern.search(text))
        }
        if len(found) == 1:
            ((phase, word),) = found.items()
            return PhaseGuess(phase, f'"{word}" in the {name}')
        if len(found) > 1:
            words = " and ".join(f'"{word}"' for word in found.values())
            return PhaseGuess(None, f"the {name} has {words}")
    if bolus is not None and acquired is not None:
        delay = (acquired - bolus) % 86_400
        # Earlier, it watches the bolus come; later, it belongs to another injection.
        fitting = [phase for end, phase in _DELAYS if 15 <= delay < end]
        if fitting:
            return PhaseGuess(fitting[0], f"acquired {delay:.0f} s after the bolus")
    if agent.strip():
        return PhaseGuess(None, f"contrast medium was given ({agent.strip()}), but not when")
    return PhaseGuess(None, "the header does not say")
