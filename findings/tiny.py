"""Small things for the findings: a random Llama, a tokenizer of bytes; no download, same numbers for
the same seed."""

import logging
import warnings

import torch
from transformers import LlamaConfig, LlamaForCausalLM


def llama(layers=2, tied=False, vocab=64, seed=0, **more):
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocab, hidden_size=32, intermediate_size=64, num_hidden_layers=layers,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
        tie_word_embeddings=tied, initializer_range=0.2, bos_token_id=1, eos_token_id=2,
        pad_token_id=0, **more)
    return LlamaForCausalLM(config).eval()


def stir(model, words, seed=1):
    """Gives the parameters whose name holds one of the words new random values."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if any(word in name for word in words):
                value.copy_(torch.randn(value.shape) * 0.2)


def bytes_tokenizer(chat_template):
    """A token for each byte, with the special tokens of Qwen's chats."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast
    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE({sign: i for i, sign in enumerate(signs)}, []))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=core, eos_token="<|im_end|>", pad_token="<|endoftext|>",
        additional_special_tokens=["<|im_start|>"], chat_template=chat_template)


def trl_template(name):
    """A model's own chat template, of which TRL has a copy."""
    import importlib.resources
    return (importlib.resources.files("trl") / "chat_templates" / f"{name}.jinja").read_text()


class Heard(logging.Handler):
    """Collects what Python warnings and the log say from WARNING up.

    Notes that a name is deprecated do not count.
    """

    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())

    def __enter__(self):
        from transformers.utils import logging as hf
        self.names = [logging.getLogger(), logging.getLogger("transformers")]
        hf.disable_progress_bar()
        for name in self.names:
            name.addHandler(self)
        self.catch = warnings.catch_warnings(record=True)
        self.caught = self.catch.__enter__()
        warnings.simplefilter("always")
        return self

    def __exit__(self, *what):
        self.catch.__exit__(*what)
        for name in self.names:
            name.removeHandler(self)
        self.lines += [str(w.message) for w in self.caught
                       if not issubclass(w.category, (DeprecationWarning, FutureWarning))]
