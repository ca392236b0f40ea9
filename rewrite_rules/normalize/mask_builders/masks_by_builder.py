"""Call upstream's mask builder where a model fills in the causal mask by hand.

Before there was a builder, every file carried two methods: one that chooses the length of the context and leaves the
work to the other, which fills the upper triangle from `cache_position`, and masks pads. The second may be a function,
or stand within the first. Both are known statement for statement, but for what other attention implementations do,
and together they make what `create_causal_mask` makes, or `create_sliding_window_causal_mask` where the second knows a
window; where another statement is found, the mask may be another one, and is a refusal. A bias that the first method
merges into its mask is merged after the builder's call, in the words of newer files.
"""

from __future__ import annotations

import ast
from textwrap import indent

from qeff_codegen.anatomy.anatomy import Anatomy
from qeff_codegen.anatomy.lengths import lengths_of
from qeff_codegen.anatomy.mask_form import CAUSAL
from qeff_codegen.anatomy.modeling_file import ModelingClass, ModelingFile, bind, self_attribute
from qeff_codegen.anatomy.roles import Role
from qeff_codegen.codemod.code import Code
from qeff_codegen.codemod.edits import Edits
from qeff_codegen.codemod.folding import fold, none_comparison
from qeff_codegen.codemod.names import assigned
from qeff_codegen.codemod.tree import find, spelled
from qeff_codegen.engine.conditions import Place
from qeff_codegen.engine.draft import Draft, Function
from qeff_codegen.engine.rule import Rule, Unmatched
from qeff_codegen.patterns.match import find_all, find_in, match
from rewrite_rules.normalize.attention.eager_implementation import EagerImplementation
from rewrite_rules.normalize.inference.inference_only import InferenceOnly
from rewrite_rules.normalize.inference.no_head_mask import HEAD_MASK
from rewrite_rules.vocabulary import CACHE, pattern

SLIDING = "create_sliding_window_causal_mask"
FILLED_BY = "_prepare_4d_causal_attention_mask_with_cache_position"
BUILT = "{builder}(config=self.config, inputs_embeds={states}, attention_mask=attention_mask, past_key_values={cache})"
FILLS = pattern(f"""
    causal_mask = {{self.{FILLED_BY}, {FILLED_BY}}}(
        attention_mask,
        ...,
        sequence_length=sequence_length,
        target_length=target_length,
        dtype=dtype,
        cache_position=cache_position,
        batch_size=input_tensor.shape[0],
    )
""")
# For the eager implementation, and outside of training, the first method consists of no other statements than these:
# which length the context has, and the call of the second. A cache of a fixed size has its own length, and so has the
# one that is generated.
CHOOSES_LENGTH = (
    pattern("past_seen_tokens = $SEEN"),
    pattern("using_compilable_cache = past_key_values.is_compileable if past_key_values is not None else False"),
    pattern("using_static_cache = isinstance(past_key_values, StaticCache)"),
    pattern("using_sliding_window_cache = isinstance(past_key_values, SlidingWindowCache)"),
    pattern("dtype = input_tensor.dtype"),
    pattern("dtype, device = input_tensor.dtype, input_tensor.device"),
    pattern("batch_size, sequence_length, _ = input_tensor.shape"),
    pattern("min_dtype = torch.finfo(dtype).min"),
    pattern("sequence_length = input_tensor.shape[1]"),
    pattern("""
        if {using_compilable_cache, using_static_cache, using_sliding_window_cache or using_static_cache}:
            target_length = {past_key_values.get_max_cache_shape(), past_key_values.get_max_length()}
        else:
            target_length = (
                attention_mask.shape[-1]
                if isinstance(attention_mask, torch.Tensor)
                else {past_seen_tokens + sequence_length + 1, past_seen_tokens + sequence_length}
            )
    """),
    pattern("target_length = past_seen_tokens + sequence_length + 1"),
    # 4.39 and 4.40 ask the layers whether they keep a cache of a fixed size, and are told how many tokens are cached.
    pattern("""
        if hasattr(getattr(self.layers[0], "self_attn", {}), "past_key_value"):
            target_length = self.config.max_position_embeddings
        else:
            target_length = (
                attention_mask.shape[-1]
                if isinstance(attention_mask, torch.Tensor)
                else past_seen_tokens + sequence_length + 1
            )
    """),
    FILLS,
    pattern("return causal_mask"),
)
# A bias, one row for each head of each sequence, that the mask is merged into.
MERGES = pattern("""
    if $bias is not None:
        $bias = $bias.reshape(batch_size, -1, *$bias.shape[1:])
        causal_mask = torch.masked_fill($_, causal_mask < -1, min_dtype)
""")
LEAST = "    min_dtype = torch.finfo({states}.dtype).min\n"
# A later slot is masked, and one behind the window of a configuration that has one. In some releases of PyTorch not
# every type of numbers has a `triu`.
TRIANGLE = """
if sequence_length != 1:
    if ...:
        if $has_upper:
            causal_mask = torch.triu(causal_mask, diagonal=1)
        else:
            $upper = torch.triu(torch.ones(causal_mask.size(), device=$_), diagonal=1).bool()
            causal_mask.masked_fill_(~$upper, 0)
    else:
        causal_mask = torch.triu(causal_mask, diagonal=1)
causal_mask *= torch.arange(target_length, device=$_) > cache_position.reshape(-1, 1)
"""
DIAGONAL = """
$masked = torch.arange(target_length, device=$_) > cache_position.reshape(-1, 1)
if ...:
    if config.sliding_window is not None:
        if not isinstance(past_key_values, SlidingWindowCache) or sequence_length > target_length:
            $behind = torch.arange(target_length, device=$_) <= cache_position.reshape(-1, 1) - config.sliding_window
            $masked.bitwise_or_($behind)
causal_mask *= $masked
"""
WINDOW = pattern("config.sliding_window")
OF_WINDOW = pattern("$_(..., config=self.config, past_key_values=past_key_values)")
KNOWS_WINDOW = f"mask_function = {CAUSAL} if self.config.sliding_window is None else {SLIDING}"
# All that fills the mask, pads too.
FILLED = """
if ...:
    min_dtype = torch.finfo(dtype).min
causal_mask = torch.full((sequence_length, target_length), fill_value=min_dtype, dtype=dtype, device=$_)
{masked}
causal_mask = causal_mask[None, None, :, :].expand({{batch_size, input_tensor.shape[0]}}, 1, -1, -1)
if attention_mask is not None:
    causal_mask = causal_mask.clone()
    if ...:
        if attention_mask.shape[-1] > target_length:
            attention_mask = attention_mask[:, :target_length]
    mask_length = attention_mask.shape[-1]
    padding_mask = causal_mask[:, :, :, :mask_length] + {{
        attention_mask[:, None, None, :], attention_mask[:, None, None, :].to(causal_mask.device)
    }}
    padding_mask = padding_mask == 0
    causal_mask[:, :, :, :mask_length] = causal_mask[:, :, :, :mask_length].masked_fill(padding_mask, min_dtype)
"""
# The same where a 4D mask is handed on.
FILLED_OR_GIVEN = """
if attention_mask is not None and attention_mask.dim() == 4:
    if ...:
        if attention_mask.max() != 0:
            raise $_
    causal_mask = attention_mask
else:
{filled}
"""
# In 4.39 and 4.40 the triangle is filled first, and a 4D mask laid over it; a mask of the tokens does the same there.
FILLED_FIRST = (
    pattern(
        "causal_mask = torch.full((sequence_length, target_length), fill_value=min_dtype, dtype=dtype, device=$_)"
    ),
    pattern("if sequence_length != 1:\n    causal_mask = torch.triu(causal_mask, diagonal=1)"),
    pattern("causal_mask *= torch.arange(target_length, device=$_) > cache_position.reshape(-1, 1)"),
    pattern("causal_mask = causal_mask[None, None, :, :].expand(input_tensor.shape[0], 1, -1, -1)"),
    pattern("""
        if attention_mask is not None:
            causal_mask = causal_mask.clone()
            if attention_mask.dim() == 2:
                mask_length = attention_mask.shape[-1]
                padding_mask = causal_mask[..., :mask_length].eq(0.0) * attention_mask[:, None, None, :].eq(0.0)
                causal_mask[..., :mask_length] = causal_mask[..., :mask_length].masked_fill(padding_mask, min_dtype)
            elif attention_mask.dim() == 4:
                $...laid_over
    """),
)
# What fills a triangle, in whatever way.
LATER = pattern("torch.arange(...) > cache_position.reshape(-1, 1)")
FILLINGS = [FILLED.format(masked=masked.strip()) for masked in (TRIANGLE, DIAGONAL)]
FILLINGS_OR_GIVEN = [FILLED_OR_GIVEN.format(filled=indent(filled.strip(), "    ")) for filled in FILLINGS]
FILLS_INSIDE = tuple(map(pattern, FILLINGS_OR_GIVEN))
FILLS_MASK = tuple(pattern(f"{filled}\nreturn causal_mask") for filled in (*FILLINGS, *FILLINGS_OR_GIVEN))


class MasksByBuilder(Rule):
    why = "The mask that a file fills in by hand is the causal one; later rules see one spelling of it."
    roles = (Role.MODEL,)
    names = ("cache_position",)
    construct = (
        "`self.$method(attention_mask, $states, cache_position, $cache, ...)`, which fills "
        "`torch.arange($length) > cache_position` by a second method, both of them statement for statement"
    )

    def apply(self, draft: Draft) -> None:
        self.gone: set[str] = set()
        inherited = _methods(draft.anatomy.file, draft.anatomy.model.cls)
        self.methods = inherited | {function.name: function.code.tree for function in draft.of(Role.MODEL)}
        super().apply(draft)
        draft.functions = [
            function
            for function in draft.functions
            if function.role is not Role.MODEL or function.name not in self.gone
        ]

    def rewrite(self, function: Function, anatomy: Anatomy) -> tuple[Code, int]:
        code = function.code
        methods = self.methods
        if not function.is_forward:
            return code, 0
        edits = Edits(code)
        called = [(node, self_attribute(node.func)) for node in code.nodes(ast.Call)]
        filling = [(node, name) for node, name in called if name in methods and _fills(methods[name])]
        second = methods.get(FILLED_BY) or anatomy.file.functions.get(FILLED_BY)
        for call, name in filling:
            chooses = _decided(methods[name], anatomy)
            if not _chooses_length(chooses) or (second is not None and not _fills_mask(second)):
                raise Unmatched(f"`{name}` fills in a mask that may not be the causal one", call)
            given = {role: ast.unparse(value) for role, value in bind(call, methods[name]).items()}
            states, cache = given.get("input_tensor", ""), given.get("past_key_values", "")
            same = all(given.get(item) == item for item in ("attention_mask", "cache_position"))
            if not cache and _is_seen(call, methods[name], code):
                cache = CACHE
            if not same or not states.isidentifier() or not cache.isidentifier():
                raise Unmatched(f"`{name}` is given something else than the mask, its positions and the cache", call)
            builder = _builder(edits, call, chooses, second)
            edits.replace(call, BUILT.format(builder=builder, states=states, cache=cache))
            _merge_bias(edits, call, chooses, given)
            self.gone |= {name, FILLED_BY}
        return edits.done(), len(filling)


def _is_seen(call: ast.Call, method: ast.FunctionDef, code: Code) -> bool:
    """Whether a method is told the number of cached tokens in the cache's place."""
    seen = bind(call, method).get("past_seen_tokens")
    return seen is not None and lengths_of(code.tree).is_seen(seen)


def _fills_mask(second: ast.FunctionDef) -> bool:
    """Whether the second method fills the mask in, and does no more."""
    body = second.body[ast.get_docstring(second) is not None :]
    return any(match(item, body) is not None for item in FILLS_MASK)


def _builder(edits: Edits, call: ast.Call, chooses: Code, second: ast.FunctionDef | None) -> str:
    """The builder of the same mask, by a name that is bound above the call where the configuration chooses it."""
    inside = any(find_in(WINDOW, chooses.tree))
    if not inside and (second is None or not any(find_in(WINDOW, second))):
        return CAUSAL
    filling = [item for item in chooses.nodes(ast.Call) if spelled(item.func).removeprefix("self.") == FILLED_BY]
    if inside or "mask_function" in edits.code.names or any(match(OF_WINDOW, item) is None for item in filling):
        raise Unmatched("the mask has the window of something else than the configuration", call)
    edits.insert_above(edits.code.statement_of(call), KNOWS_WINDOW)
    return "mask_function"


def _merge_bias(edits: Edits, call: ast.Call, chooses: Code, given: dict[str, str]) -> None:
    """Merge a bias into the mask after it is built, where the method did that after it was filled in."""
    for found in find_all(MERGES, chooses):
        code, bias = edits.code, found.spelled("bias")
        statement = code.statement_of(call)
        same = given.get(bias) == bias and (assigned(statement) or ("",))[0] == "causal_mask"
        if not same or "batch_size" not in lengths_of(code.tree).batch or "min_dtype" in code.names:
            raise Unmatched(f"the mask is merged into `{bias}`, which is something else where it is made", call)
        branch = found.node
        assert isinstance(branch, ast.If)
        lines = "".join(f"    {ast.unparse(item)}\n" for item in branch.body)
        edits.insert_below(statement, f"if {bias} is not None:\n{LEAST.format(states=given['input_tensor'])}{lines}")


def _methods(file: ModelingFile, cls: ModelingClass) -> dict[str, ast.FunctionDef]:
    """Methods of a class and of those of its bases that the file holds."""
    found: dict[str, ast.FunctionDef] = {}
    for base in reversed(cls.bases):
        if base in file.classes:
            found |= _methods(file, file.classes[base])
    return found | cls.methods


def _fills(method: ast.FunctionDef) -> bool:
    """Whether a method leaves the filling of a mask to another one, or does it itself."""
    calls = (call.func for call in find(ast.Call, method))
    leaves = any(spelled(item).removeprefix("self.") == FILLED_BY for item in calls)
    return leaves or any(find_in(LATER, method))


def _decided(method: ast.FunctionDef, anatomy: Anatomy) -> Code:
    """A method as it runs for the eager implementation, outside of training, and without a mask of heads."""
    code = Code(f"{ast.unparse(method)}\n", anatomy.file.aliases)
    for rule in (EagerImplementation(), InferenceOnly()):
        code, _ = fold(code, rule.truth(Place(code, anatomy.model.cls, anatomy)))
    return fold(code, lambda test: none_comparison(test, {HEAD_MASK}))[0]


def _chooses_length(code: Code) -> bool:
    """Whether a method chooses the context's length, may merge a bias into the mask, and does no more."""
    body = code.body if ast.get_docstring(code.tree) is None else code.body[1:]
    forms = (*CHOOSES_LENGTH, MERGES, *FILLS_INSIDE, *FILLED_FIRST)
    known = (any(match(item, statement) is not None for item in forms) for statement in body)
    filling = sum(match(item, statement) is not None for item in (FILLS, *FILLS_INSIDE) for statement in body)
    first = [index for item in FILLED_FIRST for index, node in enumerate(body) if match(item, node) is not None]
    filling += first == list(range(first[0], first[0] + len(FILLED_FIRST))) if first else 0
    return all(known) and filling == 1 and match(CHOOSES_LENGTH[-1], body[-1]) is not None
