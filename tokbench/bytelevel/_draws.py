"""Random numbers that follow from a seed, an index and a byte string alone: blake2b in counter mode."""

from __future__ import annotations

from hashlib import blake2b

__all__ = ["Draws"]

_FRACTION_BITS = 53  # what a float64 holds exactly


class Draws:
    """A stream of random bits, the same on every machine and in every version of Python.

    Args:
        purpose: Keeps the streams of different uses apart; at most 16 bytes.
        seed: Any integer.
        index: Number of the draw.
        data: The byte string that is drawn for.
    """

    def __init__(self, purpose: str, seed: int, index: int, data: bytes) -> None:
        name = blake2b(f"{int(seed)}\0{int(index)}\0".encode(), digest_size=64, person=purpose.encode())
        name.update(data)
        self._key = name.digest()
        self._counter = 0
        self._rest = b""

    def bits(self, number: int) -> int:
        """A number of so many random bits."""
        wanted = -(-number // 8)
        blocks = [self._rest]
        held = len(self._rest)
        while held < wanted:
            blocks.append(blake2b(self._counter.to_bytes(8, "little"), digest_size=64, key=self._key).digest())
            self._counter += 1
            held += 64
        data = b"".join(blocks)
        self._rest = data[wanted:]
        return int.from_bytes(data[:wanted], "little") & ((1 << number) - 1)

    def below(self, bound: int) -> int:
        """A number in ``range(bound)``, each equally likely: numbers outside it are thrown away."""
        width = (bound - 1).bit_length()
        while True:
            value = self.bits(width)
            if value < bound:
                return value

    def fraction(self) -> float:
        """A number in [0, 1): a multiple of 2**-53."""
        return self.bits(_FRACTION_BITS) / (1 << _FRACTION_BITS)
