"""Join the parts of queries and keys, where upstream makes an empty tensor and fills one part in after the other.

Latent attention rotates a part of each head's features, and its files of 4.36 to 4.48 put the parts into a tensor that
they make for it. The exporter keeps the sizes of such a tensor as they were while it traced. Joined along the features,
the parts are the same tensor; the part that all heads share is expanded to every head, which filling it in does too.
"""

from __future__ import annotations

from qeff_codegen.anatomy.roles import Role
from qeff_codegen.engine.pattern_rule import Change, PatternRule


class PartsJoined(PatternRule):
    why = "A tensor that is filled in part by part keeps the sizes of the trace; joined parts have those of the call."
    roles = (Role.ATTENTION,)
    changes = (
        Change(
            """
            $states = $_.new_empty($batch, $heads, $tokens, $_)
            $states[:, :, :, :$width] = $first
            $states[:, :, :, $width:] = $second
            """,
            "$states = torch.cat([$first, $second.expand($batch, $heads, $tokens, -1)], dim=-1)",
        ),
    )
