"""What the values of several ``ct`` options mean."""

from __future__ import annotations

import math

from napari_ptx.ct.errors import CtError


def numbers(text: str, option: str) -> tuple[float, float, float]:
    """Read "0.6,0.6,1.0".

    Raises
    ------
    CtError
        These are not three numbers.
    """
    try:
        x, y, z = (float(part) for part in text.split(","))
    except ValueError:
        raise CtError(f"{option} is {text!r}; give three numbers: X,Y,Z.") from None
    return x, y, z


def whole_numbers(text: str, option: str) -> tuple[int, int, int]:
    """Read "96,96,96".

    Raises
    ------
    CtError
        These are not three whole numbers.
    """
    x, y, z = numbers(text, option)
    if not all(value.is_integer() for value in (x, y, z)):
        raise CtError(f"{option} is {text!r}; give three whole numbers: X,Y,Z.")
    return int(x), int(y), int(z)


def limits(text: str, option: str) -> tuple[float, float]:
    """Read "-250,450".

    Raises
    ------
    CtError
        These are not two numbers, the lower one first.
    """
    try:
        low, high = (float(part) for part in text.split(","))
        if not low < high < math.inf or low == -math.inf:
            raise ValueError
    except ValueError:
        raise CtError(f"{option} is {text!r}; give two numbers, the lower one first.") from None
    return low, high


def pairs_of(text: str) -> tuple[tuple[str, str], ...]:
    """Read "right:left,...".

    Raises
    ------
    CtError
        It cannot be read so.
    """
    pairs = []
    for part in text.split(","):
        names = tuple(name.strip() for name in part.split(":"))
        if len(names) != 2 or not all(names):
            raise CtError(f"--mirror is {text!r}; give pairs of classes: right:left.")
        pairs.append((names[0], names[1]))
    return tuple(pairs)


def classes_of(text: str) -> dict[str, tuple[int, ...]]:
    """Read "right=3,left=4"; "vessels=5+6" takes two values as one class.

    Raises
    ------
    CtError
        It cannot be read so, or a value is not above 0.
    """
    classes: dict[str, tuple[int, ...]] = {}
    for part in text.split(","):
        name, _, values = (piece.strip() for piece in part.partition("="))
        listed = values.split("+")
        known = name and all(value.strip().isdecimal() and int(value) > 0 for value in listed)
        if not known or name in classes:
            raise CtError(f"--classes is {text!r}; give names and label values: right=3,left=4.")
        classes[name] = tuple(int(value) for value in listed)
    return classes
