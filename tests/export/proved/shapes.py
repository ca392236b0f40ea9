"""What moves numbers and computes none."""

from __future__ import annotations

import torch

from tests.export.proved.proof import FILLED, proofs

_X = "x=floats(b, c, 4, dtype=t)"
_ALL = (torch.float32, torch.float16, torch.int64, torch.bool, torch.int32)
_SIZES = _X

PROOFS = [
    *proofs(
        "view reshape",
        _X + ", f=floats(b, c, 2, 2, dtype=t)",
        *(
            each
            for name in ("view", "reshape")
            for each in (
                f"x.{name}(x.shape[0], -1)",
                f"x.{name}(x.shape[0], x.shape[1], 2, 2)",
                f"x.{name}(-1, 4)",
                f"f.{name}(f.shape[0], f.shape[1], -1)",
                f"x.{name}(*x.shape[:-1], 2, 2)",
                f"x.{name}(x.shape[0], x.shape[1], -1, 2)",
                f"x.{name}(x.shape[0] * x.shape[1], 4)",
                f"x.{name}(x.shape[0] * x.shape[1] * 4)",
                f"x.{name}(x.shape[0], x.shape[1], x.shape[2])",
                f"x.{name}(x.shape[0], 1, x.shape[1], 4)",
                f"x.{name}(x.shape)",
                f"x.{name}(-1, 2, 2)",
                f"x.{name}(-1, x.shape[1], 4)",
                f"x.{name}(-1)",
                f"x.{name}((x.shape[1] - x.shape[1] + x.shape[0], -1, 2))",
            )
        ),
        types=_ALL,
        sizes=FILLED,
    ),
    *proofs(
        "view reshape",
        "x=floats(2, 4), s=floats()",
        """
        x.view(4, 2); x.view(-1); x.reshape(8); x.reshape(2, 1, 4); s.view(1); s.reshape(1, 1); s.view(-1);
        x.view(2, -1, 2)
        """,
        sizes=FILLED,
        types=_ALL,
    ),
    *proofs(
        "view reshape",
        _X,
        """
        x.view(0, 4) if x.shape[0] == 0 else x.view(-1, 4)
        """,
        sizes=FILLED,
    ),
    *proofs(
        "view_as reshape_as expand_as",
        _X + ", y=floats(b, c, 4, dtype=t), z=floats(b, 1, 4, dtype=t), w=floats(b, c * 2, 2, dtype=t)",
        """
        x.view_as(y); x.view_as(w); x.reshape_as(w); z.expand_as(x)
        """,
        types=_ALL,
    ),
    *proofs(
        "flatten",
        _X,
        """
        x.flatten(); x.flatten(1); x.flatten(0, 1); x.flatten(-2); x.flatten(-2, -1); x.flatten(1, -1); x.flatten(0,
        -2); x.flatten(1, 2); x.flatten(2); x.flatten(end_dim=1); x.flatten(-2, 2)
        """,
        types=_ALL,
    ),
    *proofs(
        "unflatten",
        _X,
        """
        x.unflatten(-1, (2, 2)); x.unflatten(2, (2, -1)); x.unflatten(-1, (-1, 2))
        """,
        types=_ALL,
    ),
    *proofs(
        "unsqueeze unsqueeze_",
        _X + ", s=floats(dtype=t)",
        """
        x.unsqueeze(0); x.unsqueeze(-1); x.unsqueeze(3); x.unsqueeze(1); x.unsqueeze(-3); x[:, None]; x[..., None];
        x[None]; s.unsqueeze(0); s.unsqueeze(-1); x.clone().unsqueeze_(1)
        """,
        types=_ALL,
    ),
    *proofs(
        "squeeze",
        "x=floats(b, 1, c, 1, dtype=t)",
        """
        x.squeeze(1); x.squeeze(-1); x.squeeze(3); x.squeeze(-3); x.squeeze((1, 3))
        """,
        types=_ALL,
    ),
    *proofs(
        "squeeze",
        "x=floats(b, 1, c, 1, dtype=t), w=floats(1, 8, dtype=t)",
        """
        x.squeeze(); w.squeeze()
        """,
        types=_ALL,
        sizes=FILLED,
    ),
    *proofs(
        "squeeze",
        "x=floats(b, 1, c, 1, dtype=t)",
        """
        x.squeeze(0); x.squeeze(-2)
        """,
        types=_ALL,
        sizes=FILLED,
    ),
    *proofs(
        "transpose t numpy_T permute movedim swapaxes adjoint mT",
        _X + ", f=floats(b, c, 2, 3, dtype=t), m=floats(b, c, dtype=t)",
        """
        x.transpose(1, 2); x.transpose(0, 1); x.transpose(-1, -2); x.transpose(0, -1); x.transpose(-2, 1);
        x.transpose(-1, 0); x.transpose(1, 1); m.t(); m.T; x.mT; x.permute(2, 0, 1); x.permute(0, 2, 1);
        f.permute(0, 2, 1, 3); f.permute(0, -1, 1, 2); f.permute((3, 1, 0, 2)); f.permute(-1, -2, -4, -3);
        x.movedim(1, 0); x.movedim(-1, 0); x.swapaxes(1, 2); x.permute(0, 1, 2)
        """,
        types=_ALL,
    ),
    *proofs(
        "expand broadcast_to",
        "x=floats(b, 1, 4, dtype=t), y=floats(1, c, 1, dtype=t), w=floats(b, c, dtype=t), s=floats(dtype=t)",
        """
        x.expand(-1, 3, -1); x.expand(x.shape[0], w.shape[1], 4); x.expand(-1, w.shape[1], -1); x.expand(2,
        x.shape[0], 1, 4); y.expand(w.shape[0], -1, 6); s.expand(3); s.expand(w.shape[0], 2); x.expand(3, -1, -1,
        -1); torch.broadcast_to(x, (x.shape[0], w.shape[1], 4)); x[:, :, None].expand(-1, -1, 2, -1);
        w.unsqueeze(0).expand(3, -1, -1); x[:, None].expand(x.shape[0], 2, 1, x.shape[2]); x.expand(x.shape);
        torch.broadcast_to(s, (3, w.shape[1])); torch.broadcast_to(x, (x.shape[0], w.shape[1], x.shape[2]))
        """,
        types=_ALL,
    ),
    *proofs(
        "repeat tile",
        _X + ", w=floats(b, c, dtype=t)",
        """
        x.repeat(1, 2, 1); x.repeat(2, 1, 1, 1); x.repeat(w.shape[0], 1, 1); w.repeat(1, 2); w.repeat(2, 1, 3);
        x.tile(2); x.tile(2, 1); w.repeat(3, 1); w.repeat(1, w.shape[0]); x.repeat(1, 0, 1); x.tile((2, 1, 1, 1))
        """,
        types=_ALL,
    ),
    *proofs(
        "repeat_interleave",
        _X,
        """
        x.repeat_interleave(2, dim=0); x.repeat_interleave(3, dim=-1); x.repeat_interleave(2, dim=1);
        x.repeat_interleave(2, dim=-2); x.repeat_interleave(2); x.repeat_interleave(1, dim=1)
        """,
        types=_ALL,
    ),
    *proofs(
        "repeat_interleave",
        _X + ", r=torch.tensor([1, 0, 2, 3])",
        """
        x.repeat_interleave(r, dim=2); x.repeat_interleave(r, dim=-1); x.repeat_interleave(torch.tensor([1, 0, 2,
        3]), dim=2)
        """,
        sizes=FILLED,
    ),
    *proofs(
        "cat concat concatenate hstack vstack dstack",
        _X + ", y=floats(b, c, 2, dtype=t), z=floats(b, 2, 4, dtype=t)",
        """
        torch.cat([x, y], -1); torch.cat([x, z], dim=1); torch.cat([x, x]); torch.cat((x, x, y), dim=2);
        torch.cat([z, x], dim=-2); torch.cat([x], dim=1); torch.concat([x, y], dim=-1); torch.hstack([x, z]);
        torch.vstack([x, x])
        """,
        types=_ALL,
    ),
    *proofs(
        "cat",
        _X + ", f=floats(b, c, 2), i=integers(b, c, 2), h=floats(b, c, 1, dtype=torch.float16), m=booleans(b, c, 1)",
        """
        torch.cat([x, f], -1); torch.cat([x, i], -1); torch.cat([i, m], -1); torch.cat([x, h, i], dim=2);
        torch.cat([m, x], -1)
        """,
    ),
    *proofs(
        "stack",
        _X + ", y=floats(b, c, 4, dtype=t), s=floats(dtype=t), f=floats(b, c, 4)",
        """
        torch.stack([x, y]); torch.stack([x, y], -1); torch.stack((x, y, x), dim=1); torch.stack([x, y], dim=-2);
        torch.stack([s, s]); torch.stack([x, f], dim=2)
        """,
        types=_ALL,
    ),
    *proofs(
        "split split_with_sizes chunk ConstantChunk unbind tensor_split unsafe_split",
        _X + ", w=floats(b, 6, c, dtype=t), p=floats(2, 3, dtype=t)",
        """
        x.split(2, -1); x.split(2, dim=2); x.split([1, 3], -1); x.split((1, 2, 1), dim=2); x.chunk(2, -1);
        x.chunk(2, dim=2); x.unbind(-1); x.unbind(2); w.split(4, 1); w.split([2, 0, 4], dim=1); w.chunk(4, dim=1);
        w.chunk(3, dim=-2); w.unbind(1); torch.tensor_split(w, 3, dim=1); torch.tensor_split(w, 4, dim=1);
        w.split(3, dim=-2); x.split([4], -1); x.split(4, -1); p.unbind(0)
        """,
        types=_ALL,
    ),
    *proofs(
        "roll",
        _X,
        """
        x.roll(1, -1); x.roll(-1, 0); x.roll(1, 1); x.roll(7, 1); x.roll(-9, -1); x.roll(4, 2); x.roll((1, -1), (0,
        2)); x.roll((5, 6), (-1, -2)); x.roll(0, 1); x.roll(1); x.roll(-3)
        """,
        types=_ALL,
    ),
    *proofs(
        "flip fliplr flipud rot90",
        _X,
        """
        x.flip(-1); x.flip(0); x.flip((1, 2)); x.flip(-1, -2); x.flip(1); torch.fliplr(x); torch.flipud(x);
        torch.rot90(x); torch.rot90(x, 2, (1, 2)); torch.rot90(x, -1, (1, 2))
        """,
        types=_ALL,
    ),
    *proofs(
        "pad constant_pad_nd reflection_pad1d replication_pad1d",
        _X,
        """
        F.pad(x, (1, 2)); F.pad(x, (0, 0, 1, 0)); F.pad(x, (-1, 0)); F.pad(x, (1, 1), value=2); F.pad(x, (0, 0, 0,
        0, 2, 1)); F.pad(x, (2, -1, 0, 1)); F.pad(x, (0, x.shape[1])); F.pad(x, (0, 0, 0, 8 - x.shape[1])); F.pad(x,
        (0, 0, 2 - x.shape[1], 0))
        """,
        types=(torch.float32, torch.float16, torch.int64),
    ),
    *proofs(
        "pad reflection_pad1d replication_pad1d",
        _X + ", p=floats(b, 2, 5, c + 3, dtype=t)",
        """
        F.pad(x, (1, 2), mode='reflect'); F.pad(x, (1, 2), mode='replicate'); F.pad(x, (1, 2), mode='circular');
        F.pad(x, (1, 2), value=-1.5); F.pad(x, (1, 2), value=float('-inf')); F.pad(x, (1, 0), value=0.5); F.pad(p,
        (1, 2, 2, 1), mode='reflect'); F.pad(p, (1, 2, 0, 3), mode='replicate')
        """,
        sizes=FILLED,
    ),
    *proofs(
        "pad",
        "m=booleans(b, c, 4)",
        """
        F.pad(m, (1, 2)); F.pad(m, (1, 0), value=True)
        """,
        types=(torch.bool,),
    ),
    *proofs(
        "slice narrow",
        _X,
        """
        x[1:]; x[:, 1:]; x[:, :-1]; x[..., 1:3]; x[..., -2:]; x[..., :-1]; x[..., ::2]; x[..., 1::2]; x[:, :99];
        x[:, -99:]; x[:, 5:]; x[..., -3:-1]; x[..., 3:1]; x[:, : x.shape[1] // 2]; x[:, x.shape[1] // 2 :]; x[:,
        -x.shape[0] :]; x[:, : x.shape[0]]; x[..., :2, :]; x.narrow(-1, 1, 2); x.narrow(2, 0, 3); x[:, x.shape[1] -
        1 :]; x[:, x.shape[0] : x.shape[1]]; x[:, 1 : x.shape[0]]; x[:]; x[0:1]; x[..., 0:4:3]; x[:, x.shape[1] - 1
        : x.shape[1]]; x.narrow(-1, -3, 2); x[:, :0]; x[:, 1 - x.shape[1] :]; x[:, : -x.shape[0]]
        """,
        types=_ALL,
    ),
    *proofs(
        "select",
        _X,
        """
        x[0]; x[-1]; x[:, 0]; x[:, -1]; x[..., 3]; x[..., -4]; x.select(-1, 2); x.select(1, 0); x[..., -1]; x[:, :,
        1]; x[0, 0, 0]; x.select(-2, -1); x[0][0]
        """,
        types=_ALL,
        sizes=FILLED,
    ),
    *proofs(
        "select",
        "x=floats(3, 4, dtype=t), i=torch.tensor(b)",
        """
        x[1]; x[-2]; x[:, 2]
        """,
        types=_ALL,
    ),
    *proofs(
        "diagonal diag tril triu diag_embed",
        _X + ", m=floats(c, c, dtype=t)",
        """
        x.tril(); x.triu(); x.tril(-1); x.triu(1); x.tril(1); x.triu(-1); x.tril(diagonal=9); m.tril(); m.triu(1);
        x.diagonal(dim1=-2, dim2=-1); x.diagonal(0, 1, 2); x.diagonal(1, -2, -1); m.diagonal()
        """,
        types=_ALL,
        sizes=FILLED,
    ),
    *proofs(
        "tril triu",
        _X,
        """
        x.tril(); x.triu(1)
        """,
        types=_ALL,
    ),
    *proofs(
        "unfold as_strided",
        "x=floats(b, c, 8, dtype=t)",
        """
        x.unfold(-1, 2, 2); x.unfold(2, 3, 1); x.unfold(-1, 4, 3)
        """,
        sizes=FILLED,
    ),
    *proofs(
        "contiguous clone detach alias lift_fresh_copy lift_fresh detach_ positive",
        _X,
        """
        x.contiguous(); x.clone(); x.detach(); x.transpose(1, 2).contiguous();
        x.clone(memory_format=torch.contiguous_format)
        """,
        types=_ALL,
    ),
    *proofs(
        "meshgrid",
        "x=floats(b, dtype=t), y=floats(c, dtype=t)",
        """
        torch.meshgrid(x, y, indexing='ij'); torch.meshgrid(x, y, indexing='xy'); torch.meshgrid(x, y)
        """,
    ),
    *proofs(
        "pixel_shuffle pixel_unshuffle channel_shuffle",
        "x=floats(b, 8, 4, 2 * c, dtype=t)",
        """
        F.pixel_shuffle(x, 2); F.pixel_unshuffle(x, 2)
        """,
        sizes=FILLED,
    ),
]
