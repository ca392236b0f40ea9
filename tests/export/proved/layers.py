"""Products, convolutions, norms, activations and attention."""

from __future__ import annotations

import torch

from tests.export.proved.proof import FILLED, proofs

_W = "x=smooth(b, c, 4, dtype=t), w=smooth(6, 4, dtype=t), v=smooth(6, dtype=t), s=smooth(dtype=t)"
_M = """
    x=smooth(b, c, 4, dtype=t), y=smooth(b, 4, c, dtype=t), z=smooth(4, 5, dtype=t), u=smooth(b, c, 5, dtype=t),
    v=smooth(4, dtype=t), q=smooth(b, 2, c, 4, dtype=t), k=smooth(b, 2, 4, c, dtype=t), a=smooth(c, 4, dtype=t),
    d=smooth(c, 5, dtype=t), e=smooth(5, dtype=t)
    """
# What PyTorch's `gelu` makes of an infinity depends on the processor: 0 and inf, or NaN (2.13.0, oneDNN or its own).
_ACTIVATED = "x=wild(b, c, 4, dtype=t), y=high(b, c, 4, dtype=t), s=floats(dtype=t)"
_CONV = """
    x=smooth(b, 4, c + 5, dtype=t), w=smooth(6, 4, 3, dtype=t), g=smooth(4, 1, 3, dtype=t), h=smooth(6, 2, 3,
    dtype=t), v=smooth(6, dtype=t), u=smooth(4, dtype=t), n=smooth(4, 3, 2, dtype=t), o=smooth(4, 1, 4, dtype=t)
    """
_IMAGE = """
    x=smooth(b, 4, c + 5, 7, dtype=t), w=smooth(6, 4, 3, 3, dtype=t), p=smooth(6, 4, 2, 2, dtype=t), v=smooth(6,
    dtype=t), g=smooth(4, 1, 3, 3, dtype=t), n=smooth(4, 3, 2, 2, dtype=t)
    """
_ACTIVATIONS = (
    "relu(x)",
    "relu6(x)",
    "silu(x)",
    "gelu(y)",
    "gelu(x, approximate='tanh')",
    "mish(x)",
    "hardswish(x)",
    "elu(x)",
    "elu(x, alpha=0.5)",
    "celu(x)",
    "celu(x, 0.5)",
    "selu(x)",
    "leaky_relu(x)",
    "leaky_relu(x, 0.2)",
    "softplus(x)",
    "softplus(x, beta=3.0)",
    "softplus(x, threshold=1.0)",
    "softplus(x, beta=2, threshold=1)",
    "softplus(x, beta=0.5)",
    "logsigmoid(x)",
    "softshrink(x)",
    "softshrink(x, 1.0)",
    "hardshrink(x)",
    "hardsigmoid(x)",
    "hardtanh(x)",
    "hardtanh(x, -2.0, 0.5)",
    "tanhshrink(x)",
    "softsign(x)",
    "threshold(x, 0.5, -1.0)",
    "sigmoid(x)",
    "tanh(x)",
    "dropout(x, 0.1, training=False)",
    "dropout(x, 0.0, training=False)",
    "rrelu(x)",
)
_NAMES = """
    relu relu6 silu gelu mish hardswish elu celu selu leaky_relu softplus log_sigmoid softshrink hardshrink
    hardsigmoid hardtanh tanhshrink softsign threshold dropout rrelu glu prelu feature_dropout relu_ silu_
    """

PROOFS = [
    *proofs("mv", "z=smooth(4, 5, dtype=t), v=smooth(4, dtype=t)", "torch.mv(z.T, v)", tolerance=5e-6),
    *proofs(
        "empty baddbmm",
        "x=smooth(b, c, 4, dtype=t), y=smooth(b, 4, c, dtype=t)",
        "torch.baddbmm(torch.empty(x.shape[0], x.shape[1], y.shape[2], dtype=t), x, y, beta=0, alpha=0.5)",
        sizes=FILLED,
        tolerance=5e-6,
    ),
    *proofs(
        "linear",
        _W,
        """
        F.linear(x, w); F.linear(x, w, v); F.linear(x[0], w, v); F.linear(x[0, 0], w); F.linear(x[:, None], w, v)
        """,
        sizes=FILLED,
        tolerance=3e-6,
    ),
    *proofs(
        "matmul mm bmm mv dot addmm baddbmm addbmm",
        _M,
        """
        x @ y; x @ z; q @ k; x @ v; v @ z; z.T @ v; v @ v; torch.bmm(x, y); torch.mm(a, z); torch.mv(a, v);
        torch.dot(v, v); torch.addmm(d, a, z); torch.addmm(e, a, z); torch.addmm(d, a, z, beta=0.5, alpha=2);
        torch.addmm(d, a, z, beta=0, alpha=0.5); torch.baddbmm(u @ u.transpose(1, 2), x, y); torch.baddbmm(u @
        u.transpose(1, 2), x, y, beta=0.5, alpha=2); torch.baddbmm(u @ u.transpose(1, 2), x, y, beta=0, alpha=0.25);
        torch.baddbmm(u @ u.transpose(1, 2), x, y, beta=0.5, alpha=0.25); torch.baddbmm(u @ u.transpose(1, 2), x, y,
        beta=1.0, alpha=0.25); q @ y[:, None]; (u @ u.transpose(1, 2)).baddbmm(x, y, beta=-0.5, alpha=-2); a @ z +
        e; a @ z + d
        """,
        tolerance=5e-6,
    ),
    *proofs(
        "baddbmm addmm",
        """
        x=smooth(b, c, 4, dtype=t), y=smooth(b, 4, c, dtype=t), w=torch.full((b, c, c), inf, dtype=t),
        n=torch.full((b, c, c), float('nan'), dtype=t)
        """,
        """
        torch.baddbmm(w, x, y, beta=0, alpha=1); torch.baddbmm(n, x, y, beta=0, alpha=0.5); torch.addmm(n[0], x[0],
        y[0], beta=0)
        """,
        sizes=FILLED,
        tolerance=5e-6,
    ),
    *proofs(
        "matmul mm bmm",
        "i=integers(b, c, 4), j=integers(b, 4, c)",
        """
        i @ j; torch.bmm(i, j)
        """,
        types=(torch.int64,),
    ),
    *proofs(
        "outer ger kron cross einsum tensordot bilinear cdist cosine_similarity inner",
        _M + ", f=smooth(b, c, 3, dtype=t), g=smooth(b, c, 3, dtype=t)",
        """
        torch.outer(v, e); torch.einsum('bij,bjk->bik', x, y); torch.einsum('bij,jk->bik', x, z);
        torch.einsum('bhid,bhdj->bhij', q, k); torch.einsum('bij->bji', x); torch.einsum('bij->b', x);
        torch.einsum('i,j->ij', v, e); torch.einsum('...ij,...jk', x, y); torch.einsum('bij,bij->bi', x, x);
        torch.einsum('bhid,bhjd->bhij', q, q); torch.cross(f, g, dim=-1); torch.tensordot(x, z, dims=1);
        F.cosine_similarity(x, x.flip(1), dim=-1); torch.cdist(x, x); torch.inner(v, v); torch.kron(v, e)
        """,
        tolerance=5e-6,
    ),
    *proofs(
        "conv1d convolution _convolution",
        _CONV,
        """
        F.conv1d(x, w); F.conv1d(x, w, v); F.conv1d(x, w, v, padding=1); F.conv1d(x, w, v, stride=2); F.conv1d(x, w,
        v, padding=2, dilation=2); F.conv1d(x, g, u, groups=4, padding=2); F.conv1d(x, h, v, groups=2); F.conv1d(x,
        g, groups=4); F.conv1d(x, w, padding='same'); F.conv1d(x, w, padding='valid'); F.conv1d(x[0], w);
        F.conv1d(x, g, u, groups=4); F.conv1d(x, o, padding='same', groups=4); F.conv1d(x, g, groups=4, padding=2);
        F.conv1d(x, w, v, stride=2, padding=1)
        """,
        sizes=FILLED,
        tolerance=5e-6,
    ),
    *proofs(
        "conv_transpose1d",
        _CONV,
        """
        F.conv_transpose1d(x, n); F.conv_transpose1d(x, n, stride=2); F.conv_transpose1d(x, n, stride=2,
        output_padding=1); F.conv_transpose1d(x, n, stride=2, padding=1)
        """,
        sizes=FILLED,
        tolerance=5e-6,
    ),
    *proofs(
        "conv2d convolution _convolution",
        _IMAGE,
        """
        F.conv2d(x, w); F.conv2d(x, w, v, padding=1); F.conv2d(x, p, v, stride=2); F.conv2d(x, p, stride=2);
        F.conv2d(x, w, stride=(1, 2), padding=(0, 1)); F.conv2d(x, g, groups=4, padding=1); F.conv2d(x, w,
        dilation=2); F.conv2d(x, w, padding='same'); F.conv2d(x, p, v, padding='valid'); F.conv2d(x, p, v,
        padding='valid', stride=2); F.conv2d(x[0], w); F.conv2d(x, w, v); F.conv2d(x, w, v, stride=2, padding=1)
        """,
        sizes=FILLED,
        tolerance=5e-6,
    ),
    *proofs(
        "conv3d",
        "x=smooth(b, 3, 2, c + 3, 4, dtype=t), w=smooth(5, 3, 2, 2, 2, dtype=t), v=smooth(5, dtype=t)",
        """
        F.conv3d(x, w, stride=2); F.conv3d(x, w, v, stride=(2, 1, 1)); F.conv3d(x, w, v)
        """,
        sizes=FILLED,
        tolerance=5e-6,
    ),
    *proofs(
        "conv_transpose2d",
        _IMAGE,
        """
        F.conv_transpose2d(x, n); F.conv_transpose2d(x, n, stride=2)
        """,
        sizes=FILLED,
        tolerance=5e-6,
    ),
    *proofs(
        "layer_norm native_layer_norm",
        """
        x=smooth(b, c, 2, 4, dtype=t), w=smooth(4, dtype=t), v=smooth(4, dtype=t), u=smooth(2, 4, dtype=t),
        z=smooth(b, c, 2, 4, dtype=t) * 1e-3
        """,
        """
        F.layer_norm(x, (4,)); F.layer_norm(x, (4,), w); F.layer_norm(x, (4,), w, v); F.layer_norm(x, (4,), w, v,
        eps=0.1); F.layer_norm(x, (2, 4)); F.layer_norm(x, (2, 4), u, u); F.layer_norm(z, (4,), w, v, 1e-12);
        F.layer_norm(z, (4,), w, eps=1e-12); F.layer_norm(x, (4,), bias=v); F.layer_norm(x, (4,), eps=1e-6)
        """,
        sizes=FILLED,
        tolerance=5e-6,
    ),
    *proofs(
        "rms_norm",
        """
        x=smooth(b, c, 2, 4, dtype=t), w=smooth(4, dtype=t), u=smooth(2, 4, dtype=t), z=smooth(b, c, 2, 4, dtype=t)
        * 1e-3
        """,
        """
        F.rms_norm(x, (4,)); F.rms_norm(x, (4,), w); F.rms_norm(x, (4,), w, 0.1); F.rms_norm(x, (2, 4), u, 1e-6);
        F.rms_norm(z, (4,)); F.rms_norm(x, (4,), eps=1e-5)
        """,
        sizes=FILLED,
        tolerance=5e-6,
    ),
    *proofs(
        "group_norm batch_norm instance_norm",
        """
        x=smooth(b, 4, c, 2, dtype=t), w=smooth(4, dtype=t), v=smooth(4, dtype=t), r=positive(4, dtype=t),
        y=smooth(b, 4, c, dtype=t)
        """,
        """
        F.group_norm(x, 2); F.group_norm(x, 2, w, v); F.group_norm(x, 4, w, v, 0.1); F.group_norm(y, 2, w, v);
        F.group_norm(x, 1, w); F.batch_norm(x, v, r, w, v); F.batch_norm(x, v, r); F.batch_norm(y, v, r, w, v,
        eps=0.1); F.instance_norm(x); F.instance_norm(x, weight=w, bias=v)
        """,
        sizes=((2, 3), (3, 5)),
        tolerance=5e-6,
    ),
    *proofs(
        _NAMES,
        _ACTIVATED,
        """
        F.relu(s); F.silu(s); F.prelu(x, torch.tensor([0.25], dtype=t)); F.glu(x); F.glu(x, dim=2);
        x.clone().relu_(); F.silu(x, inplace=False); F.relu(x.clone(), inplace=True); F.silu(x.clone(),
        inplace=True)
        """,
        *(f"F.{each}" for each in _ACTIVATIONS),
        tolerance=2e-6,
    ),
    *proofs(
        "relu",
        "i=integers(b, c, 4)",
        """
        i.relu()
        """,
        types=(torch.int64,),
    ),
    *proofs(
        "normalize linalg_vector_norm clamp_min expand_as",
        "x=smooth(b, c, 4, dtype=t)",
        """
        F.normalize(x, dim=-1); F.normalize(x, p=1, dim=1); F.normalize(x, dim=-1, eps=0.5)
        """,
        sizes=FILLED,
        tolerance=3e-6,
    ),
    *proofs(
        "scaled_dot_product_attention",
        """
        q=smooth(b, 2, c, 4, dtype=t), k=smooth(b, 2, 5, 4, dtype=t), v=smooth(b, 2, 5, 4, dtype=t), m=booleans(b,
        1, c, 5) | torch.tensor([True, False, False, False, False]), f=floats(b, 1, c, 5, dtype=t), g=smooth(b, 1,
        5, 4, dtype=t)
        """,
        """
        F.scaled_dot_product_attention(q, k, v); F.scaled_dot_product_attention(q, k, v, attn_mask=m);
        F.scaled_dot_product_attention(q, k, v, attn_mask=f); F.scaled_dot_product_attention(q, k, v, scale=0.5);
        F.scaled_dot_product_attention(q, q, q, is_causal=True); F.scaled_dot_product_attention(q, k, v,
        is_causal=True); F.scaled_dot_product_attention(q, k, v, m, scale=0.5); F.scaled_dot_product_attention(q, g,
        g, enable_gqa=True); F.scaled_dot_product_attention(q, k, v, f, 0.0, False, scale=0.5)
        """,
        sizes=FILLED,
        tolerance=5e-6,
    ),
    *proofs(
        "scaled_dot_product_attention",
        "q=smooth(b, 2, c, 4, dtype=t), k=smooth(b, 2, 5, 4, dtype=t), m=booleans(b, 1, c, 1).expand(b, 1, c, 5)",
        """
        F.scaled_dot_product_attention(q, k, k, attn_mask=m)
        """,
        sizes=FILLED,
        tolerance=5e-6,
    ),
    *proofs(
        """
        max_pool1d max_pool2d avg_pool1d avg_pool2d adaptive_avg_pool1d adaptive_avg_pool2d max_pool2d_with_indices
        max_pool1d_with_indices
        """,
        "x=smooth(b, 4, 8, 6, dtype=t), y=smooth(b, c, 8, dtype=t)",
        """
        F.max_pool2d(x, 2); F.max_pool2d(x, 3, stride=2, padding=1); F.avg_pool2d(x, 2); F.avg_pool2d(x, 3,
        stride=2, padding=1); F.avg_pool2d(x, 3, 2, 1, count_include_pad=False); F.avg_pool2d(x, 3, 2,
        ceil_mode=True); F.max_pool1d(y, 2); F.avg_pool1d(y, 2); F.avg_pool1d(y, 3, 2, 1); F.adaptive_avg_pool2d(x,
        (4, 3)); F.adaptive_avg_pool1d(y, 4); F.adaptive_avg_pool1d(y, 1); F.max_pool2d(x, 3, 2, ceil_mode=True);
        F.avg_pool2d(x, 2, 2)
        """,
        sizes=FILLED,
        tolerance=3e-6,
    ),
    *proofs(
        """
        interpolate upsample_nearest2d upsample_bilinear2d upsample_bicubic2d upsample_nearest1d upsample_linear1d
        __interpolate
        """,
        "x=smooth(b, 2, c + 2, 4, dtype=t), y=smooth(b, 2, c + 2, dtype=t), z=smooth(b, 2, 6, 4, dtype=t)",
        """
        F.interpolate(x, scale_factor=2); F.interpolate(x, size=(8, 8)); F.interpolate(x, scale_factor=2,
        mode='bilinear'); F.interpolate(x, size=(3, 8), mode='bilinear', align_corners=False); F.interpolate(x,
        size=(3, 8), mode='bilinear', align_corners=True); F.interpolate(x, size=(5, 7), mode='bicubic',
        align_corners=False); F.interpolate(x, size=(5, 7), mode='bilinear', antialias=True); F.interpolate(x,
        size=(5, 3)); F.interpolate(x, size=(5, 3), mode='nearest-exact'); F.interpolate(y, size=7);
        F.interpolate(y, size=7, mode='linear'); F.interpolate(y, scale_factor=1.5, mode='linear'); F.interpolate(x,
        scale_factor=1.5); F.interpolate(x, scale_factor=0.5, mode='bilinear'); F.interpolate(x, size=(8, 9),
        mode='bicubic', align_corners=True); F.interpolate(x, scale_factor=2, mode='bicubic'); F.interpolate(x,
        size=(x.shape[-1], x.shape[-2]), mode='bilinear'); F.interpolate(z, size=(9, 5), mode='bilinear');
        F.interpolate(z, size=(9, 5), mode='bicubic'); F.interpolate(z, size=(3, 2), mode='bilinear',
        antialias=True)
        """,
        sizes=FILLED,
        tolerance=1e-5,
    ),
    *proofs(
        "grid_sampler grid_sampler_2d",
        "x=smooth(b, 2, c + 2, 4, dtype=t), g=floats(b, 3, 5, 2, dtype=t) / 2.5",
        """
        F.grid_sample(x, g, align_corners=False); F.grid_sample(x, g, align_corners=True); F.grid_sample(x, g,
        mode='nearest', align_corners=False); F.grid_sample(x, g, padding_mode='border', align_corners=False);
        F.grid_sample(x, g, padding_mode='reflection', align_corners=False); F.grid_sample(x, g, mode='bicubic',
        align_corners=False)
        """,
        sizes=FILLED,
        tolerance=1e-5,
    ),
    *proofs(
        "im2col col2im",
        "x=smooth(b, 2, 6, 4, dtype=t)",
        """
        F.unfold(x, 2); F.unfold(x, (3, 2), stride=2, padding=1); F.fold(F.unfold(x, 2, stride=2), (6, 4), 2,
        stride=2)
        """,
        sizes=FILLED,
        tolerance=3e-6,
    ),
]
