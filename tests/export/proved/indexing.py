"""What takes and puts numbers by their places."""

from __future__ import annotations

import torch

from tests.export.proved.proof import FILLED, proofs

_TYPES = (torch.float32, torch.float16, torch.int64, torch.bool)
_X = """
    x=floats(b, 5, 4, dtype=t), i=indices(5, c), j=signed_indices(5, c), k=signed_indices(4, c),
    r=signed_indices(5, b, c), m=booleans(b, 5), q=indices(b, c) if b else indices(1, 0), o=indices(5, c,
    dtype=torch.int32)
    """
_ROWS = "x=floats(6, 4, dtype=t), i=indices(6, b, c), j=signed_indices(6, b, c), v=floats(b, c, 4, dtype=t)"

PROOFS = [
    *proofs(
        "index",
        _X,
        """
        x[:, i]; x[:, None].expand(-1, 2, -1, -1)[:, [0, 0]]; x[:, None].expand(-1, 2, -1, -1)[:, :, i]; x[:, :,
        None][:, i, 0]; x[:, j]; x[..., k]; x[:, j, k]; x[:, [0, 2, 2]]; x[:, [0, -1]]; x[:, :, [3, 1]]; x[:, r];
        x[:, None, i]; x[:, j][..., k]; x[:, o]; x[:, j, 1]; x[:, j[:, None], k]; x[:, j[:, None], k[None]]; x[...,
        i, :]; x[:, torch.tensor([1, -1])]; x[:, 1:][:, [0, -2]]; x[:, :, None, :, None].expand(-1, -1, 2, -1, 3)[:,
        :, :, [-2]]
        """,
        types=_TYPES,
    ),
    *proofs(
        "index",
        _X,
        """
        x[q]; x[q, i]; x[q, j]; x[q, :, k]; x[q, j, k]; x[torch.arange(x.shape[0])[:, None], r];
        x[torch.arange(x.shape[0]).view(-1, 1), r]
        """,
        types=_TYPES,
        sizes=FILLED,
    ),
    *proofs(
        "index",
        _ROWS
        + ", w=floats(6, 4, 2, dtype=t), u=floats(6, dtype=t), h=floats(6, 2, 3, 4, dtype=t)"
        + ", s=signed_indices(6, 3, b, c)",
        """
        x[i]; x[s]; w[i]; u[i]; h[i]; w[i.flatten()]; u[i.flatten()]; w[j]; x[i, :2]; x[j]; x[i, ..., 1]; x[[0, 5, 2]];
        x[[-1, 0]]; x[i.flatten()]; x[:, torch.tensor([0, 2])]; x[i, 0]
        """,
        types=_TYPES,
    ),
    *proofs(
        "index",
        "x=floats(2, 6, 5, 4, dtype=t), i=indices(6, b, 1), j=indices(5, b, c)",
        """
        x[:, i, j]
        """,
        types=_TYPES,
    ),
    *proofs(
        "index",
        _X,
        """
        x[m]; x[x[..., 0] > 0]; x[m, 0]; x[m][:, 1]
        """,
        types=(torch.float32, torch.int64),
    ),
    *proofs(
        "index_select",
        _X,
        """
        x.index_select(1, i); x.index_select(-1, torch.tensor([0, 3, 3])); x.index_select(-2, i);
        torch.index_select(x, 1, o)
        """,
        types=_TYPES,
    ),
    *proofs(
        "index_select",
        _ROWS,
        """
        x.index_select(0, i.flatten())
        """,
        types=_TYPES,
    ),
    *proofs(
        "gather take_along_dim take",
        """
        x=floats(b, 5, 4, dtype=t), i=indices(5, b, c, 4), k=indices(4, b, 5, c), n=indices(5, b, 2, 3),
        f=indices(20, c)
        """,
        """
        x.gather(1, i); x.gather(-1, k); x.gather(2, k); x.gather(1, n); x.gather(-2, i); torch.take_along_dim(x, i,
        1); x.gather(dim=-1, index=k)
        """,
        types=_TYPES,
    ),
    *proofs(
        "take",
        "x=floats(b, 5, 4, dtype=t), f=indices(20, c)",
        """
        x.take(f)
        """,
        sizes=FILLED,
    ),
    *proofs(
        "gather",
        "x=floats(6, 4, dtype=t), i=indices(6, b, 4)",
        """
        x.gather(0, i)
        """,
        types=_TYPES,
    ),
    *proofs(
        "scatter scatter_",
        """
        x=floats(b, 5, 4, dtype=t), i=torch.arange(4).flip(0).repeat(b, 5, 1), k=indices(5, b, 2, 4) * 0 +
        torch.tensor([[1], [3]]), v=floats(b, 5, 4, dtype=t)
        """,
        """
        x.scatter(2, i, v); x.scatter(-1, i[..., :1], -inf);
        x.scatter(-1, i, v); x.scatter(1, k, v[:, :2]); x.scatter(1, k, 2.0); x.scatter(-1,
        i[..., :1], 1); x.clone().scatter_(1, k, v[:, :2]); x.clone().scatter_(-1, i, v); x.clone().scatter_(1, k,
        1); x.scatter(1, k, 0); x.scatter(1, k, -inf); x.scatter(-1, i, 1.5); x.clone().scatter_(1, k, 1.0);
        x.clone().scatter_(-1, i, 1); x.scatter(1, k, -1.5); x.scatter(1, k, 0.0); x.scatter(2, i, 3.0)
        """,
        types=(torch.float32, torch.float16),
    ),
    *proofs(
        "scatter scatter_",
        """
        x=integers(b, 5, 4), m=booleans(b, 5, 4), k=indices(5, b, 2, 4) * 0 + torch.tensor([[1], [3]]),
        v=integers(b, 2, 4)
        """,
        """
        x.scatter(1, k, v); x.scatter(-2, k, 1); m.scatter(1, k, True); m.scatter(1, k, m[:, :2]); m.scatter(1, k,
        False); x.clone().scatter_(1, k, 1)
        """,
        types=(torch.int64,),
    ),
    *proofs(
        "scatter_add scatter_add_ scatter_reduce scatter_reduce_",
        "x=smooth(b, 5, 4, dtype=t), i=indices(5, b, 7, 4), n=indices(4, b, 5, 6), v=smooth(b, 7, 6, dtype=t)",
        """
        x.scatter_add(1, i, v[..., :4]); x.scatter_add(-1, n, v[:, :5]); x.clone().scatter_add_(1, i, v[..., :4]);
        x.scatter(1, i, v[..., :4], reduce='add'); x.scatter_add(2, n, v[:, :5])
        """,
        *(f"x.scatter_reduce(1, i, v[..., :4], '{how}')" for how in ("sum", "prod", "amax", "amin", "mean")),
        *(f"x.scatter_reduce(-1, n, v[:, :5], '{how}', include_self=False)" for how in ("sum", "amax", "mean")),
        tolerance=3e-6,
    ),
    *proofs(
        "index_add index_add_ index_copy index_copy_ index_fill index_fill_",
        """
        x=smooth(b, 5, 4, dtype=t), i=indices(5, 7), u=torch.tensor([3, 0, 4]), v=smooth(b, 7, 4, dtype=t),
        w=smooth(b, 5, 7, dtype=t), k=indices(4, 7), o=indices(5, 7, dtype=torch.int32)
        """,
        """
        x.index_add(1, i, v); x.index_add(-1, k, w); x.index_add(-2, i, v); x.clone().index_add_(1, i, v);
        x.index_add(1, i, v, alpha=2); x.index_add(1, i, v, alpha=-0.5); x.index_copy(1, u, v[:, :3]);
        x.index_copy(-2, u, v[:, :3]); x.clone().index_copy_(1, u, v[:, :3]); x.index_fill(1, u, 0);
        x.index_fill(-2, u, 1.5); x.index_fill(1, u, -inf); x.clone().index_fill_(1, u, 0.0); x.index_add(1, o, v)
        """,
        tolerance=3e-6,
    ),
    *proofs(
        "index_add index_add_",
        "x=smooth(6, 4, dtype=t), i=indices(6, b * c), v=smooth(b * c, 4, dtype=t)",
        """
        x.index_add(0, i, v); torch.zeros_like(x).index_add_(0, i, v)
        """,
        tolerance=3e-6,
    ),
    *proofs(
        "index_add",
        "x=integers(6, 4), i=indices(6, b * c), v=integers(b * c, 4)",
        """
        x.index_add(0, i, v); x.clone().index_add_(0, i, v)
        """,
        types=(torch.int64,),
    ),
    *proofs(
        "index_put index_put_",
        """
        x=smooth(6, 4, dtype=t), u=torch.tensor([3, 0, 4]), n=torch.tensor([3, -6, -2]), k=torch.tensor([0, -1, 2]),
        v=smooth(3, 4, dtype=t), w=smooth(3, dtype=t), m=booleans(6), f=booleans(6, 4), s=smooth(dtype=t),
        z=floats(b, c)
        """,
        """
        put(x, u, v); put(x, n, v); put(x, (n, k), w); put(x, (u, k), w); put(x, u, 0.0); put(x, m, 0.0); put(x, f,
        1.5); put(x, (slice(None), torch.tensor([1, 3])), 0.5); put(x, (m, 1), 0.5); x.index_put((u,), v);
        x.index_put((n, k), w); put(x, (slice(None), [0, 2]), -1.0); put(x, f, s); x.index_put((u,), s); put(x, m,
        s)
        """,
    ),
    *proofs(
        "index_put index_put_",
        """
        x=smooth(6, 4, dtype=t), i=indices(6, b * c), j=signed_indices(6, b * c), k=indices(4, b * c), v=smooth(b *
        c, 4, dtype=t), w=smooth(b * c, dtype=t), s=smooth(dtype=t)
        """,
        """
        x.index_put((i,), v, accumulate=True); x.index_put((i, k), w, accumulate=True); x.clone().index_put_((i,),
        v, accumulate=True); x.index_put((j,), v, accumulate=True); x.index_put((i, k), s, accumulate=True)
        """,
        tolerance=3e-6,
    ),
    *proofs(
        "index_put index_put_",
        """
        x=booleans(b, c), i=torch.arange(b)[:, None], j=torch.zeros(b, 1, dtype=torch.int64), v=booleans(b, 1),
        n=integers(b, c)
        """,
        """
        x.index_put((i, j), v); put(x, (i, j), v); put(x, (i, j), True); put(n, (i, j), 3); put(n, n > 0, 1); put(x,
        x, False)
        """,
        sizes=FILLED,
        types=(torch.bool,),
    ),
    *proofs(
        "index_put index_put_",
        "x=floats(b, c, 4, dtype=t), m=booleans(b, c), f=booleans(b, c, 4)",
        """
        put(x, m, 0.0); put(x, f, -inf); put(x, f, 0); put(x, x > 0, 1.5); put(x, m, 2)
        """,
    ),
    *proofs(
        "masked_select masked_scatter masked_scatter_",
        "x=floats(b, c, 4, dtype=t), m=booleans(b, c, 4), r=booleans(b, c, 1), v=smooth(b, c, 4, dtype=t)",
        """
        x.masked_select(m); x.masked_select(r); x.masked_scatter(m, v); x.masked_scatter(r, v);
        x.clone().masked_scatter_(m, v); x.masked_scatter(r.expand_as(x), v)
        """,
    ),
    *proofs(
        "masked_select",
        "i=integers(b, c, 4), m=booleans(b, c, 4)",
        """
        i.masked_select(m); m.masked_select(m)
        """,
        types=(torch.int64,),
    ),
    *proofs(
        "nonzero nonzero_numpy argwhere where",
        "x=floats(b, c, 4, dtype=t), m=booleans(b, c, 4), i=integers(b, c, 4)",
        """
        m.nonzero(); x.nonzero(); i.nonzero(); torch.where(m); m.nonzero(as_tuple=True); torch.argwhere(m);
        torch.where(i)
        """,
        types=(torch.float32,),
    ),
    *proofs(
        "embedding",
        "x=indices(6, b, c), w=smooth(6, 4, dtype=t), o=indices(6, b, c, dtype=torch.int32)",
        """
        F.embedding(x, w); F.embedding(o, w); F.embedding(x, w, padding_idx=0); F.embedding(x, w, padding_idx=3);
        F.embedding(x, w, padding_idx=-1)
        """,
    ),
    *proofs(
        "one_hot",
        "x=indices(5, b, c)",
        """
        F.one_hot(x, 5); F.one_hot(x, num_classes=7); F.one_hot(x, 5).permute(2, 1, 0)
        """,
        types=(torch.int64,),
    ),
    *proofs(
        "bincount histc searchsorted bucketize",
        """
        x=indices(5, c + 1), s=torch.tensor([0.0, 1.0, 1.0, 2.5]), v=floats(b, c, dtype=torch.float32),
        r=torch.tensor([0, 1, 1, 3]), n=integers(b, c)
        """,
        """
        torch.bincount(x, minlength=8); torch.searchsorted(s, v); torch.searchsorted(s, v, right=True);
        torch.bucketize(v, s); torch.bucketize(v, s, right=True); torch.bucketize(n, r); torch.searchsorted(s, v,
        side='right'); torch.searchsorted(r, n)
        """,
        types=(torch.int64,),
    ),
    *proofs(
        "histc",
        "x=indices(5, c + 1)",
        """
        torch.histc(x.float(), bins=5, min=0, max=4)
        """,
        types=(torch.float32,),
    ),
    *proofs(
        "sort argsort msort",
        "x=smooth(b, c, 5, dtype=t), i=integers(b, c, 5)",
        """
        x.sort(-1); x.sort(-1, descending=True); x.sort(1); x.sort(0, descending=True); x.argsort(-1); x.argsort(-1,
        descending=True); x.argsort(1); i.sort(-1).values; i.sort(-1, descending=True).values; x.sort();
        x.argsort(dim=-2)
        """,
        sizes=FILLED,
    ),
    *proofs(
        "sort argsort",
        "x=floats(b, c, 9, dtype=t), i=integers(b, c, 9), r=booleans(b, c, 9).to(t)",
        """
        x.sort(dim=-1, stable=True); x.sort(dim=-1, descending=True, stable=True); i.sort(dim=-1, stable=True);
        i.argsort(dim=-1, stable=True); x.argsort(dim=-1, stable=True); x.argsort(dim=-1, descending=True,
        stable=True); i.gather(-1, i.argsort(-1)); r.argsort(dim=-1, stable=True); r.sort(dim=-1, descending=True,
        stable=True); i.argsort(dim=1, stable=True); i.flatten().gather(0, i.flatten().argsort());
        i.flatten().argsort(stable=True); x.sort(-1).values
        """,
        sizes=FILLED,
    ),
    *proofs(
        "topk kthvalue",
        "x=smooth(b, c, 5, dtype=t), i=integers(b, c, 5), r=floats(b, c, 9, dtype=t)",
        """
        x.topk(2); x.topk(3, -1); x.topk(2, dim=2); x.topk(2, sorted=False).values.sort(-1).values; x.topk(2,
        sorted=False).indices.sort(-1).values; x.topk(2, largest=False); x.topk(5, dim=-1); i.topk(2).values;
        r.topk(3).values; x.topk(1, dim=1); x.topk(2, dim=2, sorted=False).values.sort(-1).values; x.topk(2, dim=2,
        sorted=False).indices.sort(-1).values; x.kthvalue(2); x.topk(min(x.shape[-1], 3)); x.topk(1, 0)
        """,
        sizes=FILLED,
    ),
    *proofs(
        "unique",
        "i=integers(b, c, 4)",
        """
        torch.unique(i)
        """,
        types=(torch.int64,),
        sizes=FILLED,
    ),
]
