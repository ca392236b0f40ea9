"""What generated layers compute on a state: convolutions, delta rules, scans and delays, for calls of any length.

Every function takes a whole call as one chunk, continues from the state it is given and returns the next one. Pads
stand behind a row's tokens, have position -1 and change no state, whatever they hold.
"""

from qeff_codegen.runtime.states.causal_conv1d import causal_conv1d
from qeff_codegen.runtime.states.delayed_by_one import delayed_by_one
from qeff_codegen.runtime.states.gated_delta_rule import gated_delta_rule
from qeff_codegen.runtime.states.kimi_delta_attention import kimi_delta_attention
from qeff_codegen.runtime.states.lightning_attention import lightning_attention
from qeff_codegen.runtime.states.linear_recurrence import linear_recurrence
from qeff_codegen.runtime.states.mamba2_scan import mamba2_scan
from qeff_codegen.runtime.states.mamba_scan import mamba_scan
from qeff_codegen.runtime.states.parts import LONGEST_CALL

__all__ = [
    "LONGEST_CALL",
    "causal_conv1d",
    "delayed_by_one",
    "gated_delta_rule",
    "kimi_delta_attention",
    "lightning_attention",
    "linear_recurrence",
    "mamba2_scan",
    "mamba_scan",
]
