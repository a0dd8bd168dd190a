# Quantises small matrices with bitsandbytes in 4 bits, as transformers stores them.
# Run: pip install bitsandbytes==0.50.2 torch==2.13.0 safetensors==0.8.0 && python tests/golden/bnb/make.py
# (contents: README.md)
from pathlib import Path

import bitsandbytes
import bitsandbytes.functional as F
import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
CASES = {
    # shape, quant_type, double quantisation, blocksize, dtype before
    "nf4_double": ((40, 512), "nf4", True, 64, torch.float32),
    "nf4_double_bf16": ((8, 192), "nf4", True, 64, torch.bfloat16),
    "fp4_double": ((12, 128), "fp4", True, 64, torch.float32),
    "nf4_single": ((6, 128), "nf4", False, 64, torch.float32),
    "fp4_single": ((6, 64), "fp4", False, 64, torch.float16),
    "nf4_blocks_of_128": ((6, 256), "nf4", True, 128, torch.float32),
    "nf4_broken_rows": ((5, 100), "nf4", True, 64, torch.float32),
}

torch.manual_seed(11)
tensors = {}
for name, (shape, quant_type, double, blocksize, dtype) in CASES.items():
    rows, cols = shape
    sizes = 2.0 ** torch.randint(-8, 3, (rows * cols // 4, 1))
    weight = (torch.randn(rows * cols // 4, 4) * sizes).reshape(shape).to(dtype)
    weight[0, :64] = 0
    packed, state = F.quantize_4bit(weight, blocksize=blocksize, compress_statistics=double, quant_type=quant_type)
    tensors[f"{name}.weight"] = packed
    for key, value in state.as_dict(packed=True).items():
        tensors[f"{name}.weight.{key}"] = value.contiguous()
    # In f32: the original dtype would only round the result.
    state.dtype = torch.float32
    tensors[f"{name}.dequantized"] = F.dequantize_4bit(packed, state).reshape(shape).contiguous()

save_file(tensors, HERE / "cases.safetensors", {"format": "pt", "bitsandbytes": bitsandbytes.__version__})
