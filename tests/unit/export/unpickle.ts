// Reads the pickles that export/transformers writes, for its tests: values, tensors by their key.
export interface TensorRecord {
  key: string;
  shape: unknown;
  strides: unknown;
}

const mark = Symbol("mark");

/** @throws Error for an opcode that Anneal does not write */
export function unpickle(bytes: Uint8Array): unknown {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const stack: unknown[] = [];
  const fromMark = () => {
    const items = stack.splice(stack.lastIndexOf(mark) + 1);
    stack.pop();
    return items;
  };
  const line = (at: number) => {
    const end = bytes.indexOf(10, at);
    return { text: Buffer.from(bytes.subarray(at, end)).toString(), next: end + 1 };
  };
  for (let at = 2; at < bytes.length;) {
    const code = bytes[at++]!;
    switch (String.fromCharCode(code)) {
      case "N":
        stack.push(null);
        break;
      case "\x88":
      case "\x89":
        stack.push(code === 0x88);
        break;
      case "J":
        stack.push(view.getInt32(at, true));
        at += 4;
        break;
      case "G":
        stack.push({ float: view.getFloat64(at) });
        at += 8;
        break;
      case "X": {
        const length = view.getUint32(at, true);
        stack.push(Buffer.from(bytes.subarray(at + 4, at + 4 + length)).toString());
        at += 4 + length;
        break;
      }
      case "]":
        stack.push([]);
        break;
      case "}":
        stack.push(new Map());
        break;
      case ")":
        stack.push({ tuple: [] });
        break;
      case "(":
        stack.push(mark);
        break;
      case "e": {
        const items = fromMark();
        (stack.at(-1) as unknown[]).push(...items);
        break;
      }
      case "u": {
        const items = fromMark();
        const dict = stack.at(-1) as Map<unknown, unknown>;
        for (let i = 0; i < items.length; i += 2) {
          dict.set(items[i], items[i + 1]);
        }
        break;
      }
      case "t":
        stack.push({ tuple: fromMark() });
        break;
      case "c": {
        const module = line(at);
        const name = line(module.next);
        stack.push(`${module.text}.${name.text}`);
        at = name.next;
        break;
      }
      case "Q": {
        const { tuple } = stack.pop() as { tuple: unknown[] };
        stack.push({ storage: tuple });
        break;
      }
      case "R": {
        const { tuple } = stack.pop() as { tuple: unknown[] };
        const callee = stack.pop();
        stack.push(callee === "collections.OrderedDict" ? new Map() : built(callee, tuple));
        break;
      }
      case ".":
        return stack.pop();
      default:
        throw new Error(`opcode ${code} at ${at - 1}`);
    }
  }
  throw new Error("no end");
}

function built(callee: unknown, [storage, offset, shape, strides]: unknown[]): TensorRecord {
  const { storage: id } = storage as { storage: unknown[] };
  const isTensor = callee === "torch._utils._rebuild_tensor_v2" && offset === 0;
  if (!isTensor || id[0] !== "storage" || id[1] !== "torch.FloatStorage" || id[3] !== "cpu") {
    throw new Error(`not a tensor: ${String(callee)} ${JSON.stringify(id)}`);
  }
  return {
    key: String(id[2]),
    shape: (shape as { tuple: unknown }).tuple,
    strides: (strides as { tuple: unknown }).tuple,
  };
}
