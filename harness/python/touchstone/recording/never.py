"""Shows that a weight without effect has none whatever the numbers are: other weights and other inputs are drawn, several times.

What a particular draw silences (a dead unit, an expert that no token is sent to) speaks in another; what the architecture
cuts off or cancels never does.
"""

from collections.abc import Callable, Iterable

DRAWS = 6
#: Who is heard depends on where tokens are sent, which few draws try.
ROUTED = ("expert",)
REASON = f"with other weights and other inputs, drawn {DRAWS} times, it has no effect either"


def silent(names: Iterable[str], effects_of_draw: Callable[[int], Callable[[str], bool]]) -> set[str]:
    """Those of the weights that have no effect in any draw; `effects_of_draw` tells for each draw whether a weight has one."""
    left = {name for name in names if not any(word in name for word in ROUTED)}
    for draw in range(DRAWS):
        if not left:
            break
        has_effect = effects_of_draw(draw)
        left = {name for name in left if not has_effect(name)}
    return left
