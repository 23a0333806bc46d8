"""Writes golden.json beside itself: what Hugging Face Transformers says about the shipped checkpoint
and about small random ones that cover every feature of a Llama config.

    python make_golden.py            needs torch, transformers, safetensors, sentencepiece, numpy

The random weights are a hash of the tensor's name and the element's index; hashed_checkpoint.cpp in
reference/ makes the same ones, so that no weights are stored here. Everything runs in float32 on the
CPU, with eager attention and a KV cache, as `generate` does by default.
"""

import json
import math
import pathlib
import platform
import tempfile

import numpy as np
import sentencepiece
import torch
import transformers
from safetensors.torch import load_file, save_file

HERE = pathlib.Path(__file__).resolve().parent
SHIPPED = HERE.parent.parent / "reference" / "checkpoint" / "stories"
TOP = 8  # likeliest tokens stored of each step
MASK = (1 << 64) - 1


def fnv1a(text):
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def hashed_tensor(name, shape):
    """Uniform in offset +- scale, rounded to float32 and then to bfloat16."""
    scale, offset = 0.25, 0.0  # biases
    if name.endswith("norm.weight"):
        offset = 1.0
    elif name == "model.embed_tokens.weight":
        scale = 1.0
    elif len(shape) == 2:
        scale = 2.0 / math.sqrt(shape[1])
    with np.errstate(over="ignore"):
        z = np.arange(1, math.prod(shape) + 1, dtype=np.uint64)
        z = np.uint64(fnv1a(name)) + z * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    unit = (z >> np.uint64(40)).astype(np.float64) * 2.0**-23 - 1.0
    values = (unit * scale + offset).astype(np.float32)
    return torch.from_numpy(values).reshape(shape).to(torch.bfloat16)


def hashed_tensors(config):
    c, f = config["hidden_size"], config["intermediate_size"]
    heads = config["num_attention_heads"]
    kv_heads = config.get("num_key_value_heads", heads)
    d = config.get("head_dim", c // heads)
    attention_bias, mlp_bias = config.get("attention_bias", False), config.get("mlp_bias", False)
    shapes = {"model.embed_tokens.weight": (config["vocab_size"], c), "model.norm.weight": (c,)}
    if not config.get("tie_word_embeddings", False):
        shapes["lm_head.weight"] = (config["vocab_size"], c)

    def projection(name, n, k, bias):
        shapes[name + ".weight"] = (n, k)
        if bias:
            shapes[name + ".bias"] = (n,)

    for i in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{i}."
        shapes[prefix + "input_layernorm.weight"] = (c,)
        shapes[prefix + "post_attention_layernorm.weight"] = (c,)
        projection(prefix + "self_attn.q_proj", heads * d, c, attention_bias)
        projection(prefix + "self_attn.k_proj", kv_heads * d, c, attention_bias)
        projection(prefix + "self_attn.v_proj", kv_heads * d, c, attention_bias)
        projection(prefix + "self_attn.o_proj", c, heads * d, attention_bias)
        projection(prefix + "mlp.gate_proj", f, c, mlp_bias)
        projection(prefix + "mlp.up_proj", f, c, mlp_bias)
        projection(prefix + "mlp.down_proj", c, f, mlp_bias)
    return {name: hashed_tensor(name, shape) for name, shape in shapes.items()}


def checksum(tensors):
    """Sum over all elements, tensors in order of name, of bf16 bits times (place + 1), mod 2^64."""
    total = 0
    for name in sorted(tensors):
        bits = tensors[name].flatten().view(torch.int16).numpy().astype(np.uint16).astype(np.uint64)
        places = np.arange(1, bits.size + 1, dtype=np.uint64)
        total = (total + int((bits * places).sum())) & MASK
    return format(total, "016x")


def configs():
    """name -> config.json; each turns on one feature, in the older spelling unless it says v5."""
    base = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": 160,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 128,
        "rms_norm_eps": 1e-5,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    old = {**base, "rope_theta": 10000.0, "torch_dtype": "bfloat16"}

    def v5(**rope):
        return {**base, "rope_parameters": {"rope_theta": 10000.0, **rope}, "dtype": "bfloat16"}

    llama3 = {
        "factor": 4.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32,
    }
    return {
        "gqa": old,
        "gqa_v5": v5(rope_type="default"),
        "mha": {**old, "num_key_value_heads": 4},
        "mqa": {**old, "num_key_value_heads": 1},
        "tied": {**old, "tie_word_embeddings": True},
        "eps": {**old, "rms_norm_eps": 0.05},
        "theta": {**old, "rope_theta": 500.0},
        "theta_v5": v5(rope_type="default", rope_theta=500.0),
        "linear": {**old, "rope_scaling": {"type": "linear", "factor": 2.5}},
        "linear_v5": v5(rope_type="linear", factor=2.5),
        "dynamic": {
            **old,
            "max_position_embeddings": 24,
            "rope_scaling": {"type": "dynamic", "factor": 2.0},
        },
        "dynamic_v5": {**v5(rope_type="dynamic", factor=2.0), "max_position_embeddings": 24},
        "llama3": {**old, "rope_scaling": {"rope_type": "llama3", **llama3}},
        "llama3_v5": v5(rope_type="llama3", **llama3),
        "attention_bias": {**old, "attention_bias": True},
        "mlp_bias": {**old, "mlp_bias": True},
        "head_dim": {**old, "head_dim": 24},
        "odd_shapes": {
            **old,
            "vocab_size": 131,
            "hidden_size": 60,
            "intermediate_size": 77,
            "num_attention_heads": 6,
            "num_key_value_heads": 3,
            "head_dim": 10,
        },
        "everything_v5": {
            **v5(rope_type="dynamic", factor=3.0, rope_theta=2000.0),
            "max_position_embeddings": 24,
            "head_dim": 12,
            "num_key_value_heads": 1,
            "tie_word_embeddings": True,
            "attention_bias": True,
            "mlp_bias": True,
        },
    }


def random_prompt(name, length, vocab):
    return [1] + [(fnv1a(f"{name}/{i}") >> 20) % (vocab - 3) + 3 for i in range(length - 1)]


def numbers(tensor):
    return [float(f"{x:.8g}") for x in tensor.tolist()]


def load(folder):
    return transformers.LlamaForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()


@torch.no_grad()
def continuation(folder, prompt, n, stop):
    """Greedy tokens, the likeliest of each step with their logits, all logits of the first one.

    A fresh model each time: Transformers keeps the frequencies of dynamic scaling between calls.
    """
    model = load(folder)
    model.generation_config.eos_token_id = stop
    model.generation_config.pad_token_id = 0
    out = model.generate(
        torch.tensor([prompt]),
        attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        do_sample=False,
        max_new_tokens=n,
        max_length=None,
        output_logits=True,
        return_dict_in_generate=True,
    )
    steps = [logits[0] for logits in out.logits]
    tops = [torch.topk(logits, TOP) for logits in steps]
    return {
        "prompt": prompt,
        "greedy": out.sequences[0, len(prompt) :].tolist(),
        "first_logits": numbers(steps[0]),
        "top_ids": [top.indices.tolist() for top in tops],
        "top_logits": [numbers(top.values) for top in tops],
        "logsumexp": [float(f"{torch.logsumexp(x.double(), 0).item():.8g}") for x in steps],
    }


@torch.no_grad()
def log_likelihood(folder, ids):
    """Log-probability of each token but the first, given those before it."""
    logits = load(folder)(torch.tensor([ids])).logits[0, :-1]
    log_probs = torch.log_softmax(logits.double(), -1)
    return numbers(log_probs.gather(1, torch.tensor(ids[1:]).unsqueeze(1)).squeeze(1))


def random_case(name, config):
    with tempfile.TemporaryDirectory() as folder:
        tensors = hashed_tensors(config)
        save_file(tensors, f"{folder}/model.safetensors", metadata={"format": "pt"})
        pathlib.Path(folder, "config.json").write_text(json.dumps(config))
        stem = name.removesuffix("_v5")  # both spellings get the same prompts, so the same answers
        prompts = [random_prompt(stem, length, config["vocab_size"]) for length in (1, 7, 30)]
        return {
            "name": name,
            "config": config,
            "checksum": checksum(tensors),
            "continuations": [continuation(folder, prompt, 24, None) for prompt in prompts],
            "scored": {"ids": prompts[-1], "log_probs": log_likelihood(folder, prompts[-1])},
        }


def shipped_case():
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(SHIPPED / "tokenizer.model"))
    texts = [
        "Once upon a time",
        "Once upon a time, there was a boy named Tom.",
        "There once was a shy mouse",
        "One windy day, Lily ran with the kite",
        '"Why are you crying?" asked the bear.',
        "Zürich 2024!",  # characters that only byte pieces cover
    ]
    scored = (
        "Once upon a time, there was a little girl named Anna. She had a red ball that she loved very "
        "much. One sunny day, Anna took the ball to the park. She played and played until it was late."
    )
    continuations = []
    for text in texts:
        prompt = [1] + tokenizer.encode(text)
        entry = continuation(SHIPPED, prompt, 120, 2)
        kept = 24  # steps with logits; the tokens are all there
        for key in ("top_ids", "top_logits", "logsumexp"):
            entry[key] = entry[key][:kept]
        continuations.append({"text": text, "continued": tokenizer.decode(entry["greedy"]), **entry})
    ids = [1] + tokenizer.encode(scored)
    return {
        "checksum": checksum(load_file(SHIPPED / "model.safetensors")),
        "continuations": continuations,
        "scored": {"text": scored, "ids": ids, "log_probs": log_likelihood(SHIPPED, ids)},
    }


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    golden = {
        "made_with": {
            "transformers": transformers.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            "dtype": "float32",
        },
        "shipped": shipped_case(),
        "random": [random_case(name, config) for name, config in configs().items()],
    }
    text = json.dumps(golden, separators=(",", ":"), ensure_ascii=False)
    text = text.replace('{"name":', '\n{"name":').replace('{"prompt":', '\n{"prompt":')
    (HERE / "golden.json").write_text(text + "\n", encoding="utf-8")
    print(f"golden.json: {len(text) / 1e3:.0f} kB, {len(golden['random'])} random checkpoints")


if __name__ == "__main__":
    main()
