"""Mamba-2 written out, as older releases have it: the text for one token, and the one for many in chunks."""

from __future__ import annotations

from rewrite_rules.vocabulary import CACHE, pattern

# How small and how large a step may be.
LIMITED = "{torch.clamp($dt, $least, $most), torch.clamp($dt, $least)}"
KEPT = f"{{{CACHE}.update_recurrent_state($state, $layer), {CACHE}.update_recurrent_state($state, layer_idx=$layer)}}"

ONE_TOKEN = pattern(f"""
if ...:
    $device = {{{CACHE}.layers[$layer].recurrent_states.device, {CACHE}.layers[$layer].device}}
$dt = {{$dt[:, 0, :][:, None, ...], $dt[:, None, ...] if $dt.ndim == 2 else $dt[:, 0, :][:, None, ...]}}
$dt = $dt.transpose(1, 2).expand($batch, $dt.shape[-1], $width)
$bias = $dt_bias[..., None].expand($dt_bias.shape[0], $width)
$dt = nn.functional.softplus($dt + $bias.to($dt.dtype))
$dt = {LIMITED}
$a = $a[..., None, None].expand($heads, $width, $entries).to(dtype=torch.float32)
$decay = {{torch.exp($dt[..., None] * $a).to(device=$device), torch.exp($dt[..., None] * $a)}}
$b = $b.reshape($batch, $groups, -1)[..., None, :]
$b = $b.expand($batch, $groups, $heads // $groups, $b.shape[-1]).contiguous()
$b = $b.reshape($batch, -1, $b.shape[-1])
$stepped = $dt[..., None] * $b[..., None, :]
$x = $x.reshape($batch, -1, $width)
$added = {{($stepped * $x[..., None]).to(device=$device), $stepped * $x[..., None]}}
if ...:
    $next = {CACHE}.layers[$layer].recurrent_states * $decay + $added
else:
    $next = {CACHE}.layers[$layer].recurrent_states.clone()
    $next = $next * $decay + $added
$next = {{{CACHE}.update_recurrent_state($next, $layer), {CACHE}.update_recurrent_state($next, layer_idx=$layer)}}
$c = $c.reshape($batch, $groups, -1)[..., None, :]
$c = $c.expand($batch, $groups, $heads // $groups, $c.shape[-1]).contiguous()
$c = $c.reshape($batch, -1, $c.shape[-1])
$next = {{$next.to(device=$c.device, dtype=$c.dtype), $next.to($c.dtype)}}
$flat_state = $next.view($batch * $heads, $width, $entries)
$flat_c = $c.view($batch * $heads, $entries, 1)
$y = torch.bmm($flat_state, $flat_c)
$y = $y.view($batch, $heads, $width)
$skipped = $d[..., None].expand($d.shape[0], $width)
$y = ($y + $x * $skipped).to($y.dtype)
$y = $y.reshape($batch, -1)[:, None, ...]
""")

MANY_TOKENS = pattern(f"""
$dt = nn.functional.softplus($dt + $dt_bias)
$dt = {LIMITED}
$x = $x.reshape($batch, $tokens, -1, $width).float()
$b = $b.reshape($batch, $tokens, -1, $entries).float()
$c = $c.reshape($batch, $tokens, -1, $entries).float()
$b = $b.repeat_interleave($heads // $groups, dim=2, output_size=$heads)
$c = $c.repeat_interleave($heads // $groups, dim=2, output_size=$heads)
$pads = ($chunk - $tokens % $chunk) % $chunk
$skipped = $d[..., None] * $padded($x, $pads)
$x = $x * $dt[..., None]
$a = $a.to($x.dtype) * $dt
$x, $a, $b, $c = [$in_chunks($t, $pads, $chunk) for $t in ($x, $a, $b, $c)]
$a = $a.permute(0, 3, 1, 2)
$sums = torch.cumsum($a, dim=-1)
$l = torch.exp($between($a))
$products = $c[:, :, :, None, :, :] * $b[:, :, None, :, :, :]
$g = $products.sum(dim=-1)
$decayed = $g[..., None] * $l.permute(0, 2, 3, 4, 1)[..., None]
$m = $decayed.sum(dim=-1)
$inside = {{($m[..., None] * $x[:, :, None]).sum(dim=3), ($m[..., None] * $x[:, :, None]).sum(3)}}
$to_end = torch.exp($sums[:, :, :, -1:] - $sums)
if ...:
    $weighted = $b * $to_end.permute(0, -2, -1, 1)[..., None]
    $states = ($weighted[..., None, :] * $x[..., None]).sum(dim=2)
else:
    $weighted = $b * $to_end.permute(0, 2, 3, 1)[..., None]
    $states = (
        ($weighted.permute(0, 1, 3, 2, 4)[..., None] * $x.permute(0, 1, 3, 2, 4)[..., None, :])
        .sum(dim=3)
        .permute(0, 1, 2, 4, 3)
    )
$before = torch.zeros_like($states[:, :1])
$states = torch.cat([$before, $states], dim=1)
$across = torch.exp($between(nn.functional.pad($sums[:, :, :, -1], (1, 0))))
# The second form sums along another axis than the first, kernels and the text for one token; of one chunk that is
# the same. Of several it is no recurrence.
if ...:
    $across = $across.transpose(1, 3)
    $new = ($across[..., None, None] * $states[:, :, None, ...]).sum(dim=1)
else:
    $turned = $states.permute(0, 2, 1, 3, 4)
    $result = ($across[..., None, None] * $turned[:, :, None, ...]).sum(dim=2)
    $new = $result.permute(0, 2, 1, 3, 4)
$states, $state = $new[:, :-1], $new[:, -1]
$from_start = torch.exp($sums)
$met = $c[..., None, :] * $states[:, :, None, ...]
$turned_start = $from_start.permute(0, 2, 3, 1)
$outside = $met.sum(-1) * $turned_start[..., None]
$y = $inside + $outside
$y = $y.reshape($batch, -1, $heads, $width)
$y = $y + $skipped
if $pads > 0:
    $y = $y[:, :$tokens, :, :]
$y = $y.reshape($batch, $tokens, -1)
if $state is not None:
    if ...:
        $state = {KEPT}
    else:
        {KEPT}
""")
