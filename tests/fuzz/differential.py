# Reads the files that differential.ts packed into one, each after its length, with the safetensors package (0.8.0).
# Prints 1 for each accepted file and 0 for each rejected one.
import struct
import sys

from safetensors import SafetensorError, deserialize

with open(sys.argv[1], "rb") as file:
    packed = file.read()

at = 0
verdicts = []
while at < len(packed):
    (length,) = struct.unpack_from("<I", packed, at)
    try:
        deserialize(packed[at + 4 : at + 4 + length])
        verdicts.append("1")
    except SafetensorError:
        verdicts.append("0")
    at += 4 + length
print("".join(verdicts))
