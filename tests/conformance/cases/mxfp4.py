"""Experts of a gpt_oss checkpoint stored as MXFP4: nibbles and powers of two, as the Hub has them."""

import json
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

VALUES = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])
BLOCK = 32


def store_mxfp4(folder, seed):
    """Replaces the stacks in `folder` by random blocks. Returns a folder with the same values as plain floats, for the reference."""
    generator = torch.Generator().manual_seed(seed)
    tensors = load_file(folder / "model.safetensors")
    plain = dict(tensors)
    for name in [n for n in tensors if n.endswith(("gate_up_proj", "down_proj"))]:
        experts, width, out = tensors.pop(name).shape
        blocks = torch.randint(0, 256, (experts, out, width // BLOCK, BLOCK // 2), generator=generator, dtype=torch.uint8)
        scales = torch.randint(122, 126, (experts, out, width // BLOCK), generator=generator, dtype=torch.uint8)
        tensors[f"{name}_blocks"], tensors[f"{name}_scales"] = blocks, scales
        nibbles = torch.stack([blocks & 15, blocks >> 4], dim=-1).long()
        unpacked = VALUES[nibbles] * 2.0 ** (scales.int() - 127)[..., None, None]
        plain[name] = unpacked.reshape(experts, out, width).transpose(1, 2).contiguous()
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    reference = Path(tempfile.mkdtemp())
    config = json.loads((folder / "config.json").read_text())
    del config["quantization_config"]
    (reference / "config.json").write_text(json.dumps(config))
    save_file(plain, reference / "model.safetensors", metadata={"format": "pt"})
    return reference
