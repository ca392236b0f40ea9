"""What generated layers compute on a state: convolutions, delta rules and state-space scans, for calls of any length.

Every function takes a whole call as one chunk, continues from the state it is given and returns the next one. Pads
stand behind a row's tokens, have position -1 and change no state, whatever they hold.
"""

from qeff_codegen.runtime.states.causal_conv1d import causal_conv1d
from qeff_codegen.runtime.states.gated_delta_rule import gated_delta_rule
from qeff_codegen.runtime.states.kimi_delta_attention import kimi_delta_attention
from qeff_codegen.runtime.states.mamba2_scan import mamba2_scan
from qeff_codegen.runtime.states.mamba_scan import mamba_scan
from qeff_codegen.runtime.states.parts import LONGEST_CALL

__all__ = [
    "LONGEST_CALL",
    "causal_conv1d",
    "gated_delta_rule",
    "kimi_delta_attention",
    "mamba2_scan",
    "mamba_scan",
]
