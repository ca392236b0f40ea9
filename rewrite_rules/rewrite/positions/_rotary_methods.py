"""What a class of rotary tables is given: `__qeff_init__`, which makes them, and `forward`, which gathers from them.

`$positions` says how many rows there are, `$original` is where a release keeps the length of the original context,
`$chooses` says when a rotation has two stretches, and `$kinds` how many kinds of position there are.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Template


@dataclass(frozen=True)
class RotaryMethods:
    """The lines of both methods for one kind of rotation.

    Attributes:
        signature: the first line of `forward`.
        rows: makes the rows of all positions, by upstream's own forward.
        short_rows: puts those of the short stretch behind them.
        keeps: registers the tables.
        choice: turns positions into those of the stretch that they are in.
        gathers: returns the rows of the positions.
    """

    signature: str
    rows: str
    short_rows: str
    keeps: str
    choice: str
    gathers: str

    def written(self, *, positions: str, original: str, chooses: str | None, kinds: str = "") -> tuple[str, str]:
        """Both methods; `chooses` is None for a rotation that has one stretch, `kinds` says how many of positions."""
        short_rows, choice = (self.short_rows, self.choice) if chooses is not None else ("", "")
        made = "def __qeff_init__(self):\n" + _joined(self.rows, short_rows, self.keeps)
        called = f"{self.signature}\n" + _joined(choice, self.gathers)
        return (
            Template(made).substitute(positions=positions, original=original, chooses=chooses, kinds=kinds),
            Template(called).substitute(positions=positions, original=original, chooses=chooses),
        )


def _joined(*pieces: str) -> str:
    return "".join(piece.removeprefix("\n") for piece in pieces)


CHOICE = """
    if $chooses:
        is_short = position_ids.amax(dim=1, keepdim=True) < self.long_from
        position_ids = torch.where(is_short, position_ids + $positions, position_ids)
"""
COS_AND_SIN = RotaryMethods(
    signature="def forward(self, x, position_ids):",
    rows="""
    position_ids = torch.arange($positions, device=self.inv_freq.device).unsqueeze(0)
    cos, sin = super().forward(self.inv_freq, position_ids)
""",
    short_rows="""
    if $chooses:
        # Calls that end below the original context take the short factors; their rows follow the long ones.
        long_from = $original
        short_cos, short_sin = super().forward(self.inv_freq, position_ids[:, :long_from])
        cos, sin = torch.cat((cos, short_cos), dim=1), torch.cat((sin, short_sin), dim=1)
        self.long_from = long_from
""",
    keeps="""
    self.register_buffer("cos_cached", cos.squeeze(0), persistent=False)
    self.register_buffer("sin_cached", sin.squeeze(0), persistent=False)
""",
    choice=CHOICE,
    gathers="""
    return self.cos_cached[position_ids].to(dtype=x.dtype), self.sin_cached[position_ids].to(dtype=x.dtype)
""",
)
SECTIONED = RotaryMethods(
    signature=COS_AND_SIN.signature,
    rows=COS_AND_SIN.rows,
    short_rows=COS_AND_SIN.short_rows,
    keeps=COS_AND_SIN.keeps + """
    # A feature turns by the positions of one kind: the one whose position alone moves it, as its sine shows.
    alone = torch.eye($kinds, dtype=torch.int64, device=self.inv_freq.device).unsqueeze(1)
    _, moved = super().forward(self.inv_freq, alone)
    kind_of_feature = moved.squeeze(0).abs().argmax(dim=0)
    of_kind = torch.arange($kinds, device=kind_of_feature.device).view(-1, 1, 1, 1) == kind_of_feature
    self.register_buffer("of_kind", of_kind.to(cos.dtype), persistent=False)
""".removeprefix("\n"),
    choice=CHOICE.replace("amax(dim=1", "amax(dim=(0, 2)"),
    gathers="""
    cos = (self.cos_cached[position_ids] * self.of_kind).sum(dim=0)
    sin = (self.sin_cached[position_ids] * self.of_kind).sum(dim=0)
    return cos.to(dtype=x.dtype), sin.to(dtype=x.dtype)
""",
)
PER_LAYER_TYPE = RotaryMethods(
    signature="def forward(self, x, position_ids, layer_type=None):",
    rows="""
    position_ids = torch.arange($positions).unsqueeze(0)
    for layer_type in self.rope_type:
        inv_freq = getattr(self, f"{layer_type}_inv_freq")
        cos, sin = super().forward(inv_freq, position_ids.to(inv_freq.device), layer_type)
""",
    short_rows="""
        if self.rope_type[layer_type] == "longrope":
            # Calls that end below the original context take the short factors; their rows follow the long ones.
            long_from = self.config.rope_parameters[layer_type]["original_max_position_embeddings"]
            short_cos, short_sin = super().forward(inv_freq, position_ids[:, :long_from], layer_type)
            cos, sin = torch.cat((cos, short_cos), dim=1), torch.cat((sin, short_sin), dim=1)
""",
    keeps="""
        self.register_buffer(f"{layer_type}_cos_cached", cos.squeeze(0), persistent=False)
        self.register_buffer(f"{layer_type}_sin_cached", sin.squeeze(0), persistent=False)
""",
    choice="""
    if self.rope_type[layer_type] == "longrope":
        long_from = self.config.rope_parameters[layer_type]["original_max_position_embeddings"]
        is_short = position_ids.amax(dim=1, keepdim=True) < long_from
        position_ids = torch.where(is_short, position_ids + $positions, position_ids)
""",
    gathers="""
    cos, sin = getattr(self, f"{layer_type}_cos_cached"), getattr(self, f"{layer_type}_sin_cached")
    return cos[position_ids].to(dtype=x.dtype), sin[position_ids].to(dtype=x.dtype)
""",
)
COMPLEX = RotaryMethods(
    signature="def forward(self, x, position_ids):",
    rows="""
    position_ids = torch.arange($positions, device=self.inv_freq.device).unsqueeze(0)
    # Real and imaginary part side by side: ONNX has no complex numbers.
    freqs_cis = torch.view_as_real(super().forward(self.inv_freq, position_ids))
""",
    short_rows="""
    if $chooses:
        # Calls that end below the original context take the short factors; their rows follow the long ones.
        long_from = $original
        short_freqs_cis = torch.view_as_real(super().forward(self.inv_freq, position_ids[:, :long_from]))
        freqs_cis = torch.cat((freqs_cis, short_freqs_cis), dim=1)
        self.long_from = long_from
""",
    keeps="""
    self.register_buffer("freqs_cis_cached", freqs_cis.squeeze(0), persistent=False)
""",
    choice=CHOICE,
    gathers="""
    return self.freqs_cis_cached[position_ids]
""",
)


def whole_tables(cos: str, sin: str, four_axes: bool) -> tuple[str, ...]:
    """Methods that give two tables as a rotation keeps them, from the first row to the last.

    Args:
        cos: the attribute that holds the table of cosines.
        sin: that of sines.
        four_axes: whether both have two axes of size one in front, which are taken away.
    """
    forward = (
        "def forward(self, x, seq_len=None):\n"
        f"    return self.{cos}.to(dtype=x.dtype), self.{sin}.to(dtype=x.dtype)\n"
    )
    if not four_axes:
        return (forward,)
    made = "".join(f'    self.register_buffer("{name}", self.{name}[0, 0], persistent=False)\n' for name in (cos, sin))
    return f"def __qeff_init__(self):\n{made}", forward
