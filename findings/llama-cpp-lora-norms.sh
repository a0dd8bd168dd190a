#!/usr/bin/env bash
# llama.cpp's LoRA converter keeps trained norms in the GGUF file; llama.cpp then ignores them.
# Software: node-llama-cpp 3.22.1 (llama.cpp v0.5.0), peft 0.21.2, transformers 5.24.0,
#   torch 2.13.0. Linux on x64.
# Expected: norms trained through modules_to_save act, or the file is refused.
# Behaviour: the converter writes them into the file as *_norm.weight tensors.
#   llama.cpp loads the file and skips them. The answers are those of the adapter without them.
# Why it matters: an adapter with trained norms acts otherwise in llama.cpp than in training.
#   Leave norms out of modules_to_save for a GGUF LoRA, or merge into a whole GGUF model.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with torch==2.13.0 transformers==5.24.0 peft==0.21.2 safetensors==0.8.0
npm_with node-llama-cpp@3.22.1 @node-llama-cpp/linux-x64@3.22.1
git clone -q node_modules/node-llama-cpp/llama/gitRelease.bundle llama.cpp 2>git.log
seen 2026-11-29 <<'END'
norm tensors in the GGUF adapter: 4
base, llama.cpp equals transformers: True
adapter, llama.cpp equals PEFT: False
adapter, llama.cpp equals PEFT without the trained norms: True
trained norms change the most likely token: True
END
cat >make.py <<'END'
import json, sys
sys.path.insert(1, "llama.cpp/gguf-py")
import gguf, torch
from peft import LoraConfig, get_peft_model
from tiny import llama, stir

def answer(model):
    with torch.no_grad():
        return model.eval()(torch.tensor([[1, 5, 9, 13]])).logits[0, -1].softmax(-1).tolist()

def write_base(model, path):
    c = model.config
    w = gguf.GGUFWriter(path, "llama")
    w.add_block_count(c.num_hidden_layers)
    w.add_context_length(c.max_position_embeddings)
    w.add_embedding_length(c.hidden_size)
    w.add_feed_forward_length(c.intermediate_size)
    w.add_head_count(c.num_attention_heads)
    w.add_head_count_kv(c.num_key_value_heads)
    w.add_layer_norm_rms_eps(c.rms_norm_eps)
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("default")
    w.add_token_list(["<pad>", "<s>", "</s>"] + [chr(33 + i) for i in range(61)])
    w.add_token_types([3] * 3 + [1] * 61)
    w.add_token_merges(["A B"])
    w.add_bos_token_id(1)
    w.add_eos_token_id(2)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, c.num_hidden_layers)
    heads = {"q_proj": c.num_attention_heads, "k_proj": c.num_key_value_heads}
    for name, value in model.state_dict().items():
        value = value.numpy()
        for part, n in heads.items():
            if part in name:  # GGUF's llama pairs the rows of RoPE in another order
                value = value.reshape(n, 2, -1, value.shape[1]).swapaxes(1, 2).reshape(value.shape)
        w.add_tensor(names.get_name(name, (".weight",)), value)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()

base = llama()
base.save_pretrained("base")
write_base(base, "base.gguf")
result = {"base": answer(base)}
model = get_peft_model(llama(), LoraConfig(
    r=4, lora_alpha=8, target_modules=["v_proj", "down_proj"], task_type="CAUSAL_LM",
    modules_to_save=["input_layernorm", "post_attention_layernorm"]))
stir(model, ["lora_B", "modules_to_save"])
model.save_pretrained("adapter")
result["trained"] = answer(model)
with torch.no_grad():
    for name, value in model.named_parameters():
        if "modules_to_save" in name:
            value.fill_(1.0)  # as in the base model
result["no norms"] = answer(model)
json.dump(result, open("torch.json", "w"))
END
cat >ask.mjs <<'END'
import { writeFileSync } from "node:fs";
import { getLlama, LlamaLogLevel } from "node-llama-cpp";
const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error });
const model = await llama.loadModel({ modelPath: "base.gguf" });
const answer = async (lora) => {
  const context = await model.createContext({
    contextSize: 128, threads: 1, flashAttention: false, lora,
    experimentalKvCacheKeyType: "F32", experimentalKvCacheValueType: "F32",
  });
  const last = [13, { generateNext: { probabilities: true } }];
  const steps = await context.getSequence().controlledEvaluate([1, 5, 9, last]);
  const all = Array(64).fill(0);
  for (const [token, p] of steps.at(-1).next.probabilities) all[token] = p;
  await context.dispose();
  return all;
};
const result = { base: await answer(undefined), adapter: await answer("adapter.gguf") };
writeFileSync("llama.json", JSON.stringify(result));
process.exit(0);
END
cat >compare.py <<'END'
import json, sys
sys.path.insert(1, "llama.cpp/gguf-py")
import gguf

torch, llama = json.load(open("torch.json")), json.load(open("llama.json"))

def same(a, b):
    return max(abs(x - y) for x, y in zip(a, b)) < 1e-3

def first(a):
    return a.index(max(a))

tensors = gguf.GGUFReader("adapter.gguf").tensors
print("norm tensors in the GGUF adapter:", sum(t.name.endswith("_norm.weight") for t in tensors))
print("base, llama.cpp equals transformers:", same(llama["base"], torch["base"]))
print("adapter, llama.cpp equals PEFT:", same(llama["adapter"], torch["trained"]))
print("adapter, llama.cpp equals PEFT without the trained norms:",
      same(llama["adapter"], torch["no norms"]))
print("trained norms change the most likely token:",
      first(torch["trained"]) != first(torch["no norms"]))
END
all() {
  "$PY" make.py &&
    "$PY" llama.cpp/convert_lora_to_gguf.py adapter --base base --outtype f32 \
      --outfile adapter.gguf >converter.log 2>&1 &&
    node ask.mjs >node.log &&
    "$PY" compare.py
}
run all
verdict
