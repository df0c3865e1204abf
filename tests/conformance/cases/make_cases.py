"""Makes golden cases of other seeds, sizes and options than the stored ones: checkpoints with random weights, and what transformers
computes from them. The layout is that of the cases in tests/fixtures/golden, so that `npm run conformance -- OUT` runs them.

    python3 -m venv VENV && VENV/bin/pip install torch transformers safetensors
    VENV/bin/python tests/conformance/cases/make_cases.py OUT [NAME ...]

Every case is a config.json as case_list.py states it, so that what is read is what the Hub has, not what transformers would write.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

from case_list import CASES
from mxfp4 import store_mxfp4

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
GREEDY_TOKENS = 32
# Below it, rounding could choose another token; such a case is made again with another seed.
LEAST_GAP = 0.02
ATTEMPTS = 12


def randomize(model, seed, spread):
    """Weights that make every part matter: logits a few units wide, norms around one, biases and sinks away from zero."""
    generator = torch.Generator().manual_seed(seed)
    zero_centred = model.config.model_type.startswith("gemma")
    tensors = dict(model.named_parameters()) | {n: b for n, b in model.named_buffers() if "correction_bias" in n}
    for name, tensor in tensors.items():
        noise = torch.randn(tensor.shape, generator=generator)
        if "norm" in name and name.endswith("weight"):
            value = 0.2 * noise + (0.0 if zero_centred else 1.0)
        elif "embed_tokens" in name or name == "lm_head.weight":
            tied = model.config.tie_word_embeddings
            value = noise * (1.2 / tensor.shape[-1] ** 0.5 * 2 if tied or name == "lm_head.weight" else 1.0)
        elif tensor.dim() == 1 or name.endswith("_bias"):
            value = noise * 0.3
        else:
            fan_in = tensor.shape[-2] if "gate_up_proj" in name and model.config.model_type == "gpt_oss" else tensor.shape[-1]
            value = noise * spread / fan_in**0.5
        tensor.data.copy_(value)


def forward(model, ids):
    """Logits [T, vocab] and every hidden state that is stored."""
    seen = {}
    layers = model.model.layers
    handles = [
        layers[0].register_forward_pre_hook(
            lambda _m, args, kwargs: seen.__setitem__("hidden_before_layer_0", args[0] if args else kwargs["hidden_states"]), with_kwargs=True
        )
    ]
    for i, layer in enumerate(layers):
        def keep(_module, _args, output, i=i):
            seen[f"hidden_after_layer_{i}"] = output[0] if isinstance(output, tuple) else output
        handles.append(layer.register_forward_hook(keep))
    final = getattr(model.model, "norm", None) or model.model.embedding_norm
    handles.append(final.register_forward_hook(lambda _m, _a, output: seen.__setitem__("final_norm", output)))
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
    for handle in handles:
        handle.remove()
    return logits, {name: value.reshape(len(ids), -1) for name, value in seen.items()}


def greedy(model, ids):
    """Each token from a pass over all before it: what a cache must reproduce."""
    ids, chosen, rows, gaps = list(ids), [], [], []
    for _ in range(GREEDY_TOKENS):
        row = forward(model, ids)[0][-1]
        best = torch.topk(row, 2).values
        gaps.append(float(best[0] - best[1]))
        chosen.append(int(row.argmax()))
        rows.append(row)
        ids.append(chosen[-1])
    return chosen, torch.stack(rows), gaps


def make_checkpoint(folder, case, seed):
    config = {"architectures": [case["class"]], "torch_dtype": case["dtype"], "eos_token_id": 2, **case["config"]}
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    parsed = AutoConfig.from_pretrained(folder)
    if case.get("mxfp4"):
        # The model is made plain; its experts are stored in blocks afterwards.
        del parsed.quantization_config
    model = AutoModelForCausalLM.from_config(parsed, dtype=torch.float32)
    randomize(model, seed, case["spread"])
    model = model.to(DTYPES[case["dtype"]])
    model.save_pretrained(folder, max_shard_size=case.get("shard_bytes", 10**9))
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    (folder / "generation_config.json").unlink(missing_ok=True)


def load_reference(folder, case):
    plain = AutoConfig.from_pretrained(folder)
    source = folder
    if case.get("mxfp4"):
        source = store_mxfp4(folder, case["seed"])
        del plain.quantization_config
    load = lambda dtype: AutoModelForCausalLM.from_pretrained(source, config=plain, dtype=dtype, attn_implementation="eager", experts_implementation="eager").eval()
    models = load(torch.float32), load(torch.float64)
    if source != folder:
        shutil.rmtree(source)
    return models


def attempt(folder, case, seed):
    shutil.rmtree(folder, ignore_errors=True)
    make_checkpoint(folder, case, seed)
    model, exact = load_reference(folder, case)
    vocab = case["config"]["vocab_size"]
    ids = np.random.default_rng(seed).integers(3, vocab, case["prompt"]).tolist()
    logits, hidden = forward(model, ids)
    chosen, rows, gaps = greedy(model, ids)
    exact_logits, exact_hidden = forward(exact, ids)
    exact_rows = torch.stack([forward(exact, ids + chosen[:k])[0][-1] for k in (0, GREEDY_TOKENS - 1)])
    error = max(float((logits - exact_logits).abs().max()), float((rows[[0, -1]] - exact_rows).abs().max()))
    tensors = {"input_ids": torch.tensor(ids), "logits": logits, "greedy_ids": torch.tensor(chosen), "greedy_logits": rows, **hidden}
    save_file({name: value.contiguous() for name, value in tensors.items()}, folder / "golden.safetensors")
    golden = {
        "prompt_ids": ids,
        "greedy_ids": chosen,
        "greedy_top2_gap": gaps,
        "logits_std": float(logits.std()),
        "float32_vs_float64": {"logits": {"max_abs": error}},
        "layer_types": getattr(model.config, "layer_types", None),
        "suggested_atol": {"float32_logits": 50 * error, "float16_logits": 0.1 * float(logits.std())},
    }
    (folder / "golden.json").write_text(json.dumps(golden, indent=1))
    return min(gaps), golden


def make(root, case):
    folder = root / case["name"]
    for number in range(ATTEMPTS):
        gap, golden = attempt(folder, case, case["seed"] + 1000 * number)
        if gap >= LEAST_GAP:
            break
    else:
        raise SystemExit(f"{case['name']}: every attempt had a near tie")
    bound = golden["suggested_atol"]["float32_logits"]
    print(f"{case['name']:32} logits std {golden['logits_std']:.2f}  bound {bound:.1e}  gap {gap:.3f}", flush=True)


def main():
    torch.set_num_threads(1)
    root, names = Path(sys.argv[1]), sys.argv[2:]
    unknown = set(names) - {case["name"] for case in CASES}
    if unknown:
        raise SystemExit(f"no case {', '.join(sorted(unknown))}")
    for case in CASES:
        if not names or case["name"] in names:
            make(root, case)


if __name__ == "__main__":
    main()
