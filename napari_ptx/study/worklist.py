"""Who reads what, in which order, under which code: all of it follows from the seed.

Nothing here draws from a random generator, whose streams may differ between
versions: cases are ordered by the SHA-256 of (study name, seed, purpose, reader,
round, case), which anybody can recompute.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence

from napari_ptx.study.chain import canonical

# Without characters that are taken for each other: 0 O, 1 I L, 2 Z, 5 S, 6 G, 8 B, U V.
_LETTERS = "ACDEFHJKMNPRTWXY"
_DIGITS = "3479"
_ALPHABET = _LETTERS + _DIGITS


def _digest(*parts: str | int) -> bytes:
    return hashlib.sha256(canonical(parts).encode()).digest()


def shuffled(cases: Sequence[str], *key: str | int) -> list[str]:
    """Give the cases in the random order of this key."""
    return sorted(cases, key=lambda case: _digest(*key, case))


def reread_cases(study: str, seed: int, cases: Sequence[str], count: int) -> list[str]:
    """Draw the cases of the second round: the same for each reader (Liu 2026)."""
    return shuffled(cases, study, seed, "reread")[:count]


def reread_by_label(study: str, seed: int, labels: Mapping[str, str], count: int) -> list[str]:
    """Draw the cases of the second round: of each label as many as is its share.

    Parameters
    ----------
    labels
        The label of each case.
    count
        How many cases; what the shares leave over goes to the largest remainders
        (Hamilton's method), and among equal ones to the label that comes first.

    Returns
    -------
    list of str
        The cases, label by label.
    """
    groups: dict[str, list[str]] = {}
    for case, label in labels.items():
        groups.setdefault(label, []).append(case)
    names = sorted(groups)
    shares = {name: divmod(count * len(groups[name]), len(labels)) for name in names}
    left = count - sum(whole for whole, _ in shares.values())
    first = sorted(names, key=lambda name: (-shares[name][1], name))[:left]
    return [
        case
        for name in names
        for case in reread_cases(study, seed, groups[name], shares[name][0] + (name in first))
    ]


def reading_order(
    study: str, seed: int, reader: str, round: int, cases: Sequence[str]
) -> list[str]:
    """Give the order of one session; each reader and each round has its own."""
    return shuffled(cases, study, seed, "order", reader, round)


def session_codes(
    study: str, seed: int, reader: str, round: int, count: int, taken: Collection[str] = ()
) -> list[str]:
    """Give ``count`` different codes for the cases of one session.

    A code has 3 characters (4 in a large study) and holds a letter and a digit, so
    that it is neither a word nor a number. ``taken`` are the codes of the reader's
    earlier session, which must not come back.
    """
    length = 3 if count + len(taken) <= 1000 else 4 if count + len(taken) <= 20_000 else 6
    codes: dict[str, None] = {}
    for code in _stream(length, study, seed, "code", reader, round):
        if len(codes) == count:
            break
        if code not in taken and not code.isalpha() and not code.isdigit():
            codes[code] = None
    return list(codes)


def _stream(length: int, *key: str | int) -> Iterator[str]:
    block = 0
    while True:
        number = int.from_bytes(_digest(*key, block))
        block += 1
        # 156 of the 256 bits are spent at most, so that no character is favoured.
        for _ in range(36 // length):
            code = ""
            for _ in range(length):
                number, place = divmod(number, len(_ALPHABET))
                code += _ALPHABET[place]
            yield code
