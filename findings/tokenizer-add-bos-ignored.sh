#!/usr/bin/env bash
# transformers 5 does not read add_bos_token and add_eos_token of tokenizer_config.json.
# Software: transformers 5.24.0, tokenizers 0.23.3.
# Expected: LlamaTokenizer documents both options, so the folder's values count.
# Behaviour: where the folder has a tokenizer.json, its post-processor decides alone. The
#   same options as arguments of from_pretrained do count.
# Why it matters: a folder that switches the begin token off, since its chat template writes
#   one, still gets it; one that asks for an end token trains without it. Nothing warns.
#   Pass the options to from_pretrained, and look at the first and last token.

set -euo pipefail
source "$(dirname "$0")/lib.sh"
python_with transformers==5.24.0 tokenizers==0.23.3
seen 2026-11-29 <<'END'
tokenizer.json without begin token
  config names neither option: ▁hi
  config sets both true: ▁hi
  config sets both false: ▁hi
  from_pretrained sets both true: <s> ▁hi </s>
tokenizer.json with begin token
  config names neither option: <s> ▁hi
  config sets both true: <s> ▁hi
  config sets both false: <s> ▁hi
  from_pretrained sets both false: ▁hi
warnings: 0
END
run env PYTHONIOENCODING=utf-8 "$PY" - <<'END'
import json, logging, os, warnings
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors
from transformers import AutoTokenizer
from transformers.utils import logging as hf

heard = []
handler = logging.Handler(logging.WARNING)
handler.emit = heard.append
hf.get_logger("transformers").addHandler(handler)
warnings.showwarning = lambda *what: heard.append(what)

special = ["<unk>", "<s>", "</s>"]
words = special + ["▁", "h", "i", "▁h", "▁hi"]

def folder(name, has_begin, options):
    maker = Tokenizer(models.BPE({w: i for i, w in enumerate(words)},
                                 [("▁", "h"), ("▁h", "i")], unk_token="<unk>"))
    maker.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    maker.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse()])
    maker.add_special_tokens([AddedToken(w, special=True, normalized=False) for w in special])
    if has_begin:
        maker.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    os.makedirs(name)
    maker.save(name + "/tokenizer.json")
    json.dump({"model_type": "llama"}, open(name + "/config.json", "w"))
    json.dump({"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>",
               "unk_token": "<unk>", **options}, open(name + "/tokenizer_config.json", "w"))
    return name

def both(value):
    return {"add_bos_token": value, "add_eos_token": value}

def tell(name, where, arguments={}):
    print(f"  {name}:", *AutoTokenizer.from_pretrained(where, **arguments)("hi").tokens())

for has_begin in (False, True):
    print("tokenizer.json", "with" if has_begin else "without", "begin token")
    plain = folder(f"plain{has_begin}", has_begin, {})
    tell("config names neither option", plain)
    tell("config sets both true", folder(f"on{has_begin}", has_begin, both(True)))
    tell("config sets both false", folder(f"off{has_begin}", has_begin, both(False)))
    wanted = not has_begin
    tell(f"from_pretrained sets both {str(wanted).lower()}", plain, both(wanted))
print("warnings:", len(heard))
END
verdict
