#!/usr/bin/env bash
# transformers 5 replaces the normaliser of tokenizer.json for LlamaTokenizer folders.
# Software: transformers 5.24.0, tokenizers 0.23.3.
# Expected: a folder with tokenizer.json gives the tokens that tokenizer.json describes.
# Behaviour: with tokenizer_class LlamaTokenizer and legacy false or absent, the class puts
#   its own splitting in. Text after a special token then gets no word mark in front.
#   With legacy true, or another class, the tokens are those of tokenizer.json.
# Why it matters: in a chat, the first word of every turn has another id.
#   A model tuned on tokenizer.json's tokens is asked in others, and nothing warns.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with transformers==5.24.0 tokenizers==0.23.3
seen 2026-11-29 <<'END'
tokenizer.json alone: <|user|> ▁Hi
LlamaTokenizer, legacy false: <|user|> Hi
LlamaTokenizer, legacy absent: <|user|> Hi
LlamaTokenizer, legacy true: <|user|> ▁Hi
PreTrainedTokenizerFast: <|user|> ▁Hi
END
run env PYTHONIOENCODING=utf-8 "$PY" - <<'END'
import json, os
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers
from transformers import AutoTokenizer

# The shape of Llama 2's tokenizer.json: a word mark in front of each piece of text.
special = ["<unk>", "<s>", "</s>", "<|user|>"]
words = special + ["▁", "H", "i", "▁H", "▁Hi", "Hi"]
maker = Tokenizer(models.BPE({w: i for i, w in enumerate(words)},
                             [("▁", "H"), ("▁H", "i"), ("H", "i")], unk_token="<unk>"))
maker.normalizer = normalizers.Sequence(
    [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
maker.decoder = decoders.Sequence(
    [decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
maker.add_special_tokens([AddedToken(w, special=True, normalized=False) for w in special])
text = "<|user|>Hi"
print("tokenizer.json alone:", *maker.encode(text, add_special_tokens=False).tokens)

def tell(name, kind, **more):
    folder = name.replace(" ", "_")
    os.makedirs(folder)
    maker.save(folder + "/tokenizer.json")
    json.dump({"model_type": "llama"}, open(folder + "/config.json", "w"))
    json.dump({"tokenizer_class": kind, "bos_token": "<s>", "eos_token": "</s>",
               "unk_token": "<unk>", **more}, open(folder + "/tokenizer_config.json", "w"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    print(name + ":", *tokenizer(text, add_special_tokens=False).tokens())

tell("LlamaTokenizer, legacy false", "LlamaTokenizer", legacy=False)
tell("LlamaTokenizer, legacy absent", "LlamaTokenizer")
tell("LlamaTokenizer, legacy true", "LlamaTokenizer", legacy=True)
tell("PreTrainedTokenizerFast", "PreTrainedTokenizerFast")
END
verdict
