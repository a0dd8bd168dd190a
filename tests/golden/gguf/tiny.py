"""Writes tiny.gguf and tiny.json: a Llama of random weights with a SentencePiece vocabulary, as llama.cpp's converter writes
it, and what transformers and sentencepiece read from it.

Run with the versions of requirements.txt: python tests/golden/gguf/tiny.py
The same bytes come out each time on one machine.
"""

import hashlib
import json
import random
from importlib.metadata import version
from pathlib import Path

import gguf
import numpy as np
import sentencepiece
import torch
from gguf import GGMLQuantizationType as Type
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from vocabulary import train_vocabulary

HERE = Path(__file__).parent
HEADS, KEY_HEADS, HEAD_DIM, HIDDEN, LAYERS, WIDTH = 4, 2, 16, 64, 2, 96
TYPES = {
    "token_embd": Type.Q8_0,
    "output": Type.F32,
    "attn_q": Type.Q4_0,
    "attn_k": Type.Q4_1,
    "attn_v": Type.Q8_0,
    "attn_output": Type.F16,
    "ffn_gate": Type.Q5_0,
    "ffn_up": Type.Q5_1,
    "ffn_down": Type.BF16,
}
NAMES = {
    "model.embed_tokens.": "token_embd.",
    "model.norm.": "output_norm.",
    "lm_head.": "output.",
    "model.layers.": "blk.",
    ".input_layernorm.": ".attn_norm.",
    ".post_attention_layernorm.": ".ffn_norm.",
    ".self_attn.q_proj.": ".attn_q.",
    ".self_attn.k_proj.": ".attn_k.",
    ".self_attn.v_proj.": ".attn_v.",
    ".self_attn.o_proj.": ".attn_output.",
    ".mlp.gate_proj.": ".ffn_gate.",
    ".mlp.up_proj.": ".ffn_up.",
    ".mlp.down_proj.": ".ffn_down.",
}
PLAIN = [
    "", " ", "  ", "   ", "a", " a", "  a", "a ", "a  b", "the sea", "The  sea   shells", "train(rows)", "12345", "3.14159",
    "\n", "\n\n", "a\nb", "\t", "\r\n", "naïve café", "e\u0301", "模型", "🙂", "👨‍👩‍👧", "שלום", "नमस्ते", "ภาษา", "------", "=======", "!!!!!",
    "\u2581", "\u2581\u2581x", "\u00a0", "\u200b", "\ufeff", "\u0000", "<", "<s", "unk>", "x" * 100, "sea " * 20, " " * 40,
]  # fmt: skip


def texts() -> list[str]:
    rng = random.Random(11)
    pools = ["the sea shells", "  ", "\n\t", "0123456789", "éüñß", "模型学习", "🙂🚀", "-=.!?", "Model lernt", "\u0301\u200d\u00a0"]
    made = ["".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(1, 40))) for _ in range(180)]
    return PLAIN + made


def token_type(words: sentencepiece.SentencePieceProcessor, token: int) -> gguf.TokenType:
    if words.IsUnknown(token):
        return gguf.TokenType.UNKNOWN
    if words.IsControl(token):
        return gguf.TokenType.CONTROL
    if words.IsByte(token):
        return gguf.TokenType.BYTE
    is_user_defined = words.IdToPiece(token) == "<tool>"
    return gguf.TokenType.USER_DEFINED if is_user_defined else gguf.TokenType.NORMAL


def write_metadata(writer: gguf.GGUFWriter, words: sentencepiece.SentencePieceProcessor) -> None:
    writer.add_name("Tiny Llama")
    writer.add_license("apache-2.0")
    writer.add_context_length(256)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KEY_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(HEAD_DIM)
    writer.add_vocab_size(len(words))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([words.IdToPiece(token) for token in range(len(words))])
    writer.add_token_scores([words.GetScore(token) for token in range(len(words))])
    writer.add_token_types([token_type(words, token) for token in range(len(words))])
    writer.add_bos_token_id(words.bos_id())
    writer.add_eos_token_id(words.eos_id())
    writer.add_unk_token_id(words.unk_id())
    writer.add_chat_template("{% for message in messages %}{{ message['content'] }}<|im_end|>{% endfor %}")


def permuted(weight: np.ndarray, heads: int) -> np.ndarray:
    """Permutes rows like LlamaModel.permute in llama.cpp's conversion/llama.py."""
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, -1)
    return halves.swapaxes(1, 2).reshape(weight.shape)


def write_tensors(writer: gguf.GGUFWriter, model: LlamaForCausalLM) -> None:
    for name, tensor in model.state_dict().items():
        weight = tensor.numpy()
        if "q_proj" in name or "k_proj" in name:
            weight = permuted(weight, HEADS if "q_proj" in name else KEY_HEADS)
        for theirs, ours in NAMES.items():
            name = name.replace(theirs, ours)
        kind = TYPES.get(name.split(".")[-2], Type.F32)
        writer.add_tensor(name, gguf.quants.quantize(np.ascontiguousarray(weight), kind), raw_dtype=kind)


def main() -> None:
    torch.manual_seed(0)
    words = train_vocabulary()
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=HIDDEN, intermediate_size=WIDTH, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=KEY_HEADS, head_dim=HEAD_DIM, tie_word_embeddings=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.normal_(1 if "norm" in name else 0, 0.3)
    writer = gguf.GGUFWriter(HERE / "tiny.gguf", "llama")
    write_metadata(writer, words)
    write_tensors(writer, model)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    loaded = AutoModelForCausalLM.from_pretrained(HERE, gguf_file="tiny.gguf", dtype=torch.float32)
    golden = {
        "versions": {name: version(name) for name in ["gguf", "torch", "transformers", "sentencepiece"]},
        "tensors": {
            name: {"shape": list(tensor.shape), "sha256": hashlib.sha256(tensor.numpy().tobytes()).hexdigest()}
            for name, tensor in loaded.state_dict().items()
        },
        "texts": [{"text": text, "ids": words.Encode(text)} for text in texts()],
    }
    (HERE / "tiny.json").write_text(json.dumps(golden, indent=1) + "\n")


main()
