"""GGUF files of made cases, written by gguf-py under its own names and with what llama.cpp's converter does to each family's tensors.

    VENV/bin/pip install gguf
    VENV/bin/python tests/conformance/cases/make_gguf.py CASES OUT [NAME ...]

CASES is a folder that make_cases.py filled. OUT/NAME gets model.gguf and the case's golden files; tests/conformance/gguf.test.ts says where it looks.
"""

import json
import shutil
import sys
from pathlib import Path

import gguf
import torch
from safetensors.torch import load_file

# Model type → GGUF architecture.
ARCHITECTURES = {
    "llama": "llama", "mistral": "llama", "mixtral": "llama", "qwen2": "qwen2", "qwen3": "qwen3", "qwen3_moe": "qwen3moe", "gemma2": "gemma2",
    "gemma3_text": "gemma3", "phi3": "phi3", "smollm3": "smollm3", "olmo2": "olmo2", "granite": "granite", "stablelm": "stablelm",
    "starcoder2": "starcoder2", "gpt_oss": "gpt-oss", "lfm2": "lfm2",
}
# Families whose rows of q and k are stored so that dimensions that rotate together are neighbours.
PAIRED = {"llama", "mistral", "mixtral", "smollm3", "granite"}


def paired(tensor, heads):
    return tensor.reshape(heads, 2, tensor.shape[0] // heads // 2, *tensor.shape[1:]).swapaxes(1, 2).reshape(tensor.shape)


def stacked(tensors, name, parts):
    """Experts or heads of one layer behind each other: {…experts.0.w1: …, …} → one tensor."""
    return torch.stack([tensors.pop(name.format(i)) for i in range(parts)])


def converted(tensors, config):
    """As the converter changes them, still under the Hub's names."""
    family, out = config["model_type"], {}
    heads, kv_heads = config["num_attention_heads"], config.get("num_key_value_heads", config["num_attention_heads"])
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        if family == "mixtral":
            for part in ("w1", "w2", "w3"):
                out[f"layers.{layer}.feed_forward.experts.{part}.weight"] = stacked(
                    tensors, f"{at}.block_sparse_moe.experts.{{}}.{part}.weight", config["num_local_experts"])
        if family == "qwen3_moe" and f"{at}.mlp.experts.0.gate_proj.weight" in tensors:
            for part in ("gate_proj", "up_proj", "down_proj"):
                out[f"{at}.mlp.experts.{part}.weight"] = stacked(tensors, f"{at}.mlp.experts.{{}}.{part}.weight", config["num_experts"])
        if family == "stablelm" and config.get("qk_layernorm"):
            for part, count in (("q_layernorm", heads), ("k_layernorm", kv_heads)):
                out[f"{at}.self_attn.{part}.weight"] = stacked(tensors, f"{at}.self_attn.{part}.norms.{{}}.weight", count)
        if family == "gpt_oss":
            experts = f"{at}.mlp.experts"
            both, bias = tensors.pop(f"{experts}.gate_up_proj").transpose(1, 2), tensors.pop(f"{experts}.gate_up_proj_bias")
            for i, part in enumerate(("gate_proj", "up_proj")):
                out[f"{experts}.{part}.weight"], out[f"{experts}.{part}.bias"] = both[:, i::2].contiguous(), bias[:, i::2].contiguous()
            out[f"{experts}.down_proj.weight"] = tensors.pop(f"{experts}.down_proj").transpose(1, 2).contiguous()
            out[f"{experts}.down_proj.bias"] = tensors.pop(f"{experts}.down_proj_bias")
    for name, tensor in tensors.items():
        if family in PAIRED and ".q_proj." in name:
            tensor = paired(tensor, heads)
        if family in PAIRED and ".k_proj." in name:
            tensor = paired(tensor, kv_heads)
        if family.startswith("gemma") and name.endswith("norm.weight"):
            tensor = tensor + 1
        if name.endswith("conv.conv.weight"):
            tensor = tensor.squeeze(1)
        out[name] = tensor
    return out


def write_metadata(writer, config, family):
    heads, layers = config["num_attention_heads"], config["num_hidden_layers"]
    head_dim = config.get("head_dim") or config["hidden_size"] // heads
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    writer.add_block_count(layers)
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_rope_freq_base(rope.get("rope_theta") or config.get("rope_theta") or {"gpt_oss": 150000.0, "smollm3": 2e6, "lfm2": 1e6, "mixtral": 1e6, "gemma3_text": 1e6}.get(family, 10000.0))
    kv_heads = config.get("num_key_value_heads", heads)
    writer.add_head_count_kv([kv_heads if kind == "full_attention" else 0 for kind in config["layer_types"]] if family == "lfm2" else kv_heads)
    epsilon = config.get("norm_eps") or config.get("layer_norm_eps") or config.get("norm_epsilon") or config.get("rms_norm_eps")
    (writer.add_layer_norm_eps if family in ("stablelm", "starcoder2") else writer.add_layer_norm_rms_eps)(epsilon)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_key_length(head_dim)
    writer.add_value_length(head_dim)
    writer.add_rope_dimension_count(int(head_dim * config.get("partial_rotary_factor", 1)))
    if family in ("mixtral", "qwen3_moe", "gpt_oss"):
        writer.add_expert_count(config.get("num_local_experts") or config["num_experts"])
        writer.add_expert_used_count(config["num_experts_per_tok"])
    if family in ("qwen3_moe", "gpt_oss"):
        writer.add_expert_feed_forward_length(config.get("moe_intermediate_size") or config["intermediate_size"])
    if family in ("gemma2", "gemma3_text", "phi3", "gpt_oss"):
        writer.add_sliding_window(config.get("sliding_window") or 0)
    if family == "gemma2":
        writer.add_attn_logit_softcapping(config.get("attn_logit_softcapping", 50.0))
        writer.add_final_logit_softcapping(config.get("final_logit_softcapping", 30.0))
    if family == "granite":
        writer.add_attention_scale(config["attention_multiplier"])
        writer.add_embedding_scale(config["embedding_multiplier"])
        writer.add_residual_scale(config["residual_multiplier"])
        writer.add_logit_scale(config["logits_scaling"])
    if family == "stablelm":
        writer.add_parallel_residual(config.get("use_parallel_residual", False))
    if family == "lfm2":
        writer.add_shortconv_l_cache(config["conv_L_cache"])
    kind = rope.get("rope_type") or rope.get("type")
    if kind == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if kind == "longrope":
        original = config["original_max_position_embeddings"]
        scale = config["max_position_embeddings"] / original
        writer.add_rope_scaling_orig_ctx_len(original)
        writer.add_rope_scaling_attn_factors((1 + torch.tensor(scale).log().item() / torch.tensor(float(original)).log().item()) ** 0.5)
        for length in ("long", "short"):
            name = gguf.TENSOR_NAMES[getattr(gguf.MODEL_TENSOR, f"ROPE_FACTORS_{length.upper()}")]
            writer.add_tensor(f"{name}.weight", torch.tensor(rope[f"{length}_factor"], dtype=torch.float32).numpy())


def make(source, target):
    config = json.loads((source / "config.json").read_text())
    family = config["model_type"]
    architecture = ARCHITECTURES[family]
    tensors = {name: tensor for file in sorted(source.glob("model*.safetensors")) for name, tensor in load_file(file).items()}
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    writer = gguf.GGUFWriter(target / "model.gguf", architecture)
    write_metadata(writer, config, family)
    number = {name: key for key, name in gguf.MODEL_ARCH_NAMES.items()}[architecture]
    names = gguf.get_tensor_name_map(number, config["num_hidden_layers"])
    for name, tensor in converted(tensors, config).items():
        found = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if found is None:
            raise SystemExit(f"{source.name}: gguf-py knows no name for {name}")
        # What the converter writes is found again with suffix: a tensor without one is a weight.
        found = found if found.endswith((".weight", ".bias")) else f"{found}.weight"
        wide = tensor.dim() > 1 and tensor.dtype == torch.float16
        writer.add_tensor(found, (tensor if wide else tensor.float()).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    for file in ("golden.json", "golden.safetensors"):
        shutil.copy(source / file, target / file)
    print(f"{target.name}: {architecture}")


def main():
    cases, out, names = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    for folder in sorted(cases.iterdir()):
        if not names or folder.name in names:
            make(folder, out / folder.name)


if __name__ == "__main__":
    main()
