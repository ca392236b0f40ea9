"""Every token is computed for itself, but by attention, and nothing depends on how many tokens or keys a call has.

One graph serves prefill and decode, and prefill comes in chunks and with pads. What is summed, sorted, shifted or
counted along the tokens of a call would be another thing in every way a prompt is cut; what is counted along the keys
would be the length of the context and not of what was said. The cache holds slots that no token has written, so keys
are only ever met by queries, and weighted where the mask has had the last word.

Every tensor is followed from the causal LM's inputs on, by its axes (`qeff_codegen/axes`). What is not understood
there is refused where such an axis is at stake.
"""

from __future__ import annotations

from qeff_codegen.axes.interpreter import Interpreter
from qeff_codegen.axes.values import NotFollowed, NothingYet
from qeff_codegen.codemod.tree import spelled
from qeff_codegen.engine.finished_module import FinishedModule
from qeff_codegen.engine.rule import Broken, Check


class TokensApart(Check):
    promise = (
        "Tokens of a call meet in attention alone, keys in the masked softmax and its product with values; how many"
        " there are of either shapes tensors and decides nothing."
    )

    def broken(self, module: FinishedModule) -> list[Broken]:
        interpreter = Interpreter(module)
        try:
            interpreter.run()
        except NotFollowed as refused:
            line = getattr(refused.node, "lineno", None)
            shown = "" if refused.node is None else f": `{_shortened(spelled(refused.node))}`"
            what = f"{refused.what}{shown}"
            return [Broken(what, generated=line) if refused.generated else Broken(what, line)]
        except NothingYet:
            return [Broken("something is read that nothing writes", module.anatomy.causal_lm.forward.lineno)]
        # What was never come to was not followed either.
        return [
            Broken(f"`{part.name}` is not come to from the causal LM", part.forward.lineno)
            for part in module.anatomy.path
            if (forward := module.method(part.name, "forward")) is not None and id(forward) not in interpreter.reached
        ]


def _shortened(text: str) -> str:
    first = text.splitlines()[0]
    return first if len(first) <= 100 else f"{first[:97]}..."
