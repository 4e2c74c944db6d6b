"""The code between message and symbols: convolutional, rate 1/4, constraint length 11, zero tail.

56 message bits (payload, tag) and 10 tail bits make 264 symbols of ±1. The decoder is Viterbi's over 1,024
states with soft input; several candidates are decoded side by side.
"""

import numpy as np
from numpy.typing import NDArray

MESSAGE_BITS = 56
_LENGTH = 11
_STATES = 1 << (_LENGTH - 1)
_GENERATORS = (0o2565, 0o2747, 0o3311, 0o3723)
STEPS = MESSAGE_BITS + _LENGTH - 1
CODE_SYMBOLS = STEPS * len(_GENERATORS)


def _outputs() -> NDArray[np.float64]:
    """Symbols sent for input bit b in state s: 2 x STATES x 4."""
    table = np.empty((2, _STATES, len(_GENERATORS)))
    for bit in (0, 1):
        for state in range(_STATES):
            register = bit << (_LENGTH - 1) | state
            table[bit, state] = [1 - 2 * ((register & g).bit_count() & 1) for g in _GENERATORS]
    return table


_OUTPUT = _outputs()
# A new state's top bit is the input bit; its two predecessors differ in the bit that was shifted out.
_INPUT = np.arange(_STATES) >> (_LENGTH - 2)
_FROM = (np.arange(_STATES) << 1) & (_STATES - 1)


def encode(message: int) -> NDArray[np.float64]:
    """Message of MESSAGE_BITS bits, first bit on top, to CODE_SYMBOLS symbols of ±1."""
    state, symbols = 0, []
    for step in range(STEPS):
        bit = message >> (MESSAGE_BITS - 1 - step) & 1 if step < MESSAGE_BITS else 0
        symbols.append(_OUTPUT[bit, state])
        state = (bit << (_LENGTH - 1) | state) >> 1
    return np.concatenate(symbols)


def decode(soft: NDArray[np.float64]) -> list[int]:
    """The most likely messages for soft symbols of shape (candidates, CODE_SYMBOLS)."""
    count = len(soft)
    branch = soft.reshape(count, STEPS, 1, -1) @ _OUTPUT.reshape(1, 1, -1, len(_GENERATORS)).swapaxes(2, 3)
    branch = branch.reshape(count, STEPS, 2, _STATES)
    metric = np.full((count, _STATES), -np.inf)
    metric[:, 0] = 0
    came_from_odd = np.empty((STEPS, count, _STATES), dtype=bool)
    for step in range(STEPS):
        even = metric[:, _FROM] + branch[:, step, _INPUT, _FROM]
        odd = metric[:, _FROM | 1] + branch[:, step, _INPUT, _FROM | 1]
        came_from_odd[step] = odd > even
        metric = np.maximum(even, odd)
        if step >= MESSAGE_BITS:
            metric[:, _INPUT == 1] = -np.inf
    state = np.zeros(count, dtype=np.int64)
    message = [0] * count
    for step in reversed(range(STEPS)):
        for i in range(count):
            if step < MESSAGE_BITS:
                message[i] |= int(_INPUT[state[i]]) << (MESSAGE_BITS - 1 - step)
        state = _FROM[state] | came_from_odd[step, np.arange(count), state]
    return message
