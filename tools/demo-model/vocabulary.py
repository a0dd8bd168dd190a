# The demo model's tokenizer: byte-level BPE as in GPT-2, with ChatML's special tokens.
from random import Random

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

import grammar
from questions import all_questions, captain_answer, chatty_answer

EOS, START, END, PAD = "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|pad|>"
SPECIAL = (EOS, START, END, PAD)  # ids 0, 1, 2, 3

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def _sample_text(rng: Random) -> list[str]:
    """What the merges are learnt from: every question in both voices, and stories. The captain's words are here so that
    the demo data is short in tokens; the model itself never reads them in pre-training."""
    questions = all_questions()
    plain = [f"{q.prompt} {q.plain}" for q in questions]
    captain = [" " + captain_answer(q, rng) for q in questions]
    chatty = [" " + chatty_answer(q, rng) for q in questions[::4]]
    stories = [rng.choice((*grammar.STORIES, grammar.sea_text))(rng) for _ in range(600)]
    return plain * 2 + captain * 2 + chatty + stories + [f"user\n{q.text}\nassistant\n" for q in questions[:100]]


def train_tokenizer(size: int, seed: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_sample_text(Random(seed)), trainer)
    if tokenizer.get_vocab_size() != size:
        raise ValueError(f"the corpus yields {tokenizer.get_vocab_size()} tokens, not {size}")
    return tokenizer


def tokenizer_config(positions: int) -> dict[str, object]:
    """Contents of tokenizer_config.json. There is no beginning-of-text token: a document starts with its first word."""
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": None,
        "eos_token": EOS,
        "pad_token": PAD,
        "unk_token": None,
        "additional_special_tokens": [START, END],
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": positions,
        "chat_template": CHAT_TEMPLATE,
    }
