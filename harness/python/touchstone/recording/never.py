"""Shows that a weight without effect has none whatever the numbers are: other weights and other inputs are drawn, several times.

What a particular draw silences (a dead unit, an expert that no token is sent to) speaks in another; what the architecture
cuts off or cancels never does.
"""

import re
from collections.abc import Callable, Iterable, Mapping

DRAWS = 6
#: Who is heard depends on where tokens are sent, which few draws try.
ROUTED = ("expert",)
NUMBERED = re.compile(r"(?:^|\.)experts\.(\d+)\.")
REASON = f"with other weights and other inputs, drawn {DRAWS} times, it has no effect either"


def is_routed(name: str, config: Mapping) -> bool:
    """Whether a token has to be sent to a weight's module for the weight to be heard.

    To experts that the config counts beside the routed ones, a token may be sent and comes back as it was; weights that are saved
    under their numbers are read by nobody.
    """
    if not any(word in name for word in ROUTED):
        return False
    routed, number = config.get("n_routed_experts"), NUMBERED.search(name)
    gives_back = routed and config.get("zero_expert_num") and number and int(number[1]) >= routed
    return not gives_back


def silent(names: Iterable[str], effects_of_draw: Callable[[int], Callable[[str], bool]], config: Mapping = {}) -> set[str]:
    """Those of the weights that have no effect in any draw; `effects_of_draw` tells for each draw whether a weight has one."""
    left = {name for name in names if not is_routed(name, config)}
    for draw in range(DRAWS):
        if not left:
            break
        has_effect = effects_of_draw(draw)
        left = {name for name in left if not has_effect(name)}
    return left
