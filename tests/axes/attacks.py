"""What is kept between calls, what takes the place of something else, and counts where none is expected."""

from __future__ import annotations

from tests.axes.variation import FED, MADE, Variation, attending, defined, fed, remembered, scored

_ACTIVATION = (MADE, MADE.replace("ACT2FN[config.hidden_act]", "Own()"))
_BUFFER = "self.register_buffer('seen', torch.zeros(config.hidden_size))"


def kept(name: str, made: str, *lines: str) -> Variation:
    """What a module has and a call changes."""
    return remembered(name, made, *lines)


_LISTED = (MADE, MADE.replace("ACT2FN[config.hidden_act]", "Listed()"))


def listed(name: str, filled: str) -> Variation:
    """A class that is a list of modules, and how it is filled."""
    text = (
        "class Turned(nn.Module):\n    def forward(self, x):\n        return x.flip(1)\n\n\n"
        "class Plain(nn.Module):\n    def forward(self, x):\n        return x\n\n\n"
        "class Listed(nn.ModuleList):\n    def __init__(self):\n"
        f"{filled}\n"
        "    def forward(self, x):\n        for i in range(len(self)):\n            x = self[i](x)\n        return x"
    )
    return defined(name, text, _LISTED)


def told(name: str, condition: str, made: str) -> Variation:
    """A module that mixes tokens on a condition of what it is told, and how it is made."""
    text = (
        "class Told(nn.Module):\n    def __init__(self, inner=None):\n        super().__init__()\n"
        "        self.inner = inner\n\n"
        f"    def forward(self, x):\n        return x.flip(1) if self.inner {condition} None else x"
    )
    return defined(name, text, (MADE, MADE.replace("ACT2FN[config.hidden_act]", made)))


_APPENDED = "        super().__init__()\n        self.append(Plain())\n"
KEPT = (
    kept("a number kept in a list", "self.calls = [0]", "self.calls[0] += 1", "x = x * self.calls[0]"),
    kept("a list made longer", "self.calls = []", "self.calls.append(1)", "x = x * len(self.calls)"),
    kept("a dictionary that remembers", "self.calls = {}", "x = x + self.calls.setdefault('x', x)"),
    kept("a dictionary that grows", "self.calls = {}", "x = x + self.calls.get('x', x)", "self.calls['x'] = x"),
    kept("an entry by another name", "self.calls = {}", "c = self.calls", "x = x + c.get('x', x)", "c['x'] = x"),
    kept("a default by another name", "self.calls = {}", "c = self.calls", "x = x + c.setdefault('x', x)"),
    kept("a list longer by another name", "self.calls = []", "c = self.calls", "c.append(x)", "x = x + c[0]"),
    kept("an item by another name", "self.calls = [0, 0]", "c = self.calls", "x = x + c[0]", "c[0] = x"),
    kept(
        "a filled dictionary by another name",
        "self.calls = {'x': 0}",
        "c = self.calls",
        "x = x + c['x']",
        "c['x'] = x",
    ),
    kept("a dictionary updated", "self.calls = {}", "x = x + self.calls.get('x', x)", "self.calls.update(x=x)"),
    kept("an iterator that goes on", "self.calls = iter([1.0, 2.0])", "x = x * next(self.calls)"),
    kept("a buffer changed in place", _BUFFER, "self.seen.add_(1)", "x = x + self.seen"),
    kept("a buffer of which a part is written", _BUFFER, "x = x + self.seen", "self.seen[0] += 1"),
    kept("a buffer changed by another name", _BUFFER, "x = x + self.seen", "same = self.seen", "same += 1"),
    fed("a weight changed in place", "self.gate_proj.weight.data.mul_(1.01)"),
    fed("a weight changed", "self.gate_proj.weight.data = self.gate_proj.weight * 1.01"),
    fed("something kept by its name", "setattr(self, 'kept', x)", "x = x + self.kept"),
    fed("a dictionary changed by another name", "d = {}", "e = d", "e.update(x=x.flip(1))", "x = x + d['x']"),
    fed(
        "a way that nothing is known of",
        "if self.gate_proj.bias is None:",
        "    kept = {}",
        "    x = x + kept['a'].mean(1, keepdim=True)",
    ),
    fed("something written by `out`", "y = torch.zeros_like(x)", "torch.mul(x, 2, out=y)", "x = y.clone()"),
)
REPLACED = (
    remembered("a module added by its name", "self.add_module('act_fn', nn.Conv1d(8, 8, 3, padding=1))"),
    remembered("a module put among modules", "self._modules['act_fn'] = nn.Conv1d(8, 8, 3, padding=1)"),
    remembered("a forward of another's", "self.up_proj.forward = lambda x: x.flip(1)"),
    defined("a function of torch replaced", "torch.rsqrt = torch.sqrt"),
    defined(
        "a decorator of the file's own",
        "def turned(f):\n    return lambda x: f(x.flip(1))\n\n\n@turned\ndef own(x):\n    return x",
        (FED, f"        x = own(x)\n{FED}"),
    ),
    defined(
        "a class that is called in its own way",
        "class Own(nn.Module):\n    def __call__(self, x):\n        return x.flip(1)\n\n    def forward(self, x):\n"
        "        return x",
        _ACTIVATION,
    ),
    defined(
        "a decorated class",
        "def other(cls):\n    return nn.Identity\n\n\n@other\nclass Own(nn.Module):\n    def forward(self, x):\n"
        "        return x",
        _ACTIVATION,
    ),
    defined(
        "a forward that is bound again",
        "class Own(nn.Module):\n    def forward(self, x):\n        return x\n\n    def other(self, x):\n"
        "        return x.flip(1)\n\n    forward = other",
        _ACTIVATION,
    ),
    told("a module that is told of none", "is", "Told()"),
    told("a module that is told of none and of one", "is not", "Told() if config.hidden_act else Told(nn.Identity())"),
    listed("a module in a list", "        super().__init__()\n        self.append(Turned())\n"),
    listed("a module in a list, beside another", f"{_APPENDED}        self.append(Turned())\n"),
    listed("a module put in the place of one of a list", f"{_APPENDED}        self[0] = Turned()\n"),
    listed("a module that a list is made of", "        super().__init__([Turned()])\n        self.append(Plain())\n"),
    listed("a module put before those of a list", f"{_APPENDED}        self.insert(0, Turned())\n"),
    listed("a list handed to a function that fills it", f"{_APPENDED}        nn.ModuleList.append(self, Turned())\n"),
    defined(
        "a function that is bound again",
        "def own(x):\n    return x\n\n\ndef other(x):\n    return x.flip(1)\n\n\nown = other",
        (FED, f"        x = own(x)\n{FED}"),
    ),
)
UNEXPECTED = (
    fed("pairs of tokens split off a flattened call", "x = x.reshape(-1, 2, x.shape[2]).flip(1).reshape(x.shape)"),
    fed("a shape turned around", "x = x.reshape(*reversed(x.shape)).transpose(0, 2)"),
    fed("a count among others", "x = x * 2 if x.shape[1] in (1, 2) else x"),
    fed("a count that is one", "x = x * 2 if x.shape[1] is 1 else x"),
    fed("a count's place in a list", "x = x * [1.0, 2.0].index(x.shape[1])"),
    fed("a count one less in a table", "x = x * {0: 2.0}[x.shape[1] - 1]"),
    fed("the length of a count's text", "x = x * len(f'{x.shape}')"),
    fed("a count filled into a tensor's like", "x = x * torch.full_like(x, x.shape[1])"),
    fed("a count as an epsilon", "x = nn.functional.layer_norm(x, (x.shape[-1],), eps=x.shape[1])"),
    fed("as many of the best features as tokens", "x = x + x.topk(x.shape[1], dim=-1).values.sum(-1, keepdim=True)"),
    fed("features turned by how many tokens there are", "x = x.roll(x.shape[1], -1)"),
    fed("a text that runs", "exec('x = x.flip(1)')"),
    fed("the tracer asked", "x = x * 2 if torch.onnx.is_in_onnx_export() else x"),
)
TAKEN_ON_TRUST = (
    attending("keys of the cache changed in place", "key_states.mul_(2)"),
    attending(
        "a size's type asked for", "if isinstance(query_states.shape[2], int):", "    query_states = query_states * 2"
    ),
    attending(
        "positions asked for among the keywords",
        "query_states = query_states * kwargs.get('position_ids', torch.ones(1, 1))[:, None, :, None]",
    ),
    scored("masked scores raised to zero", "attn_weights = torch.maximum(attn_weights, torch.tensor(0.0))"),
)
ATTACKS = (*KEPT, *REPLACED, *UNEXPECTED, *TAKEN_ON_TRUST)
