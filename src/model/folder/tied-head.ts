// The head of a model whose config ties it to the embedding, where the files store one. Source:
// transformers 5.24, modeling_utils.py (PreTrainedModel.tie_weights).
import { headName, embeddingName } from "../tensors.ts";
import type { StoredTensor } from "./shards.ts";

/** A difference is mostly in the first bytes; equal tensors are read to the end in such pieces. */
const pieceBytes = 4 * 1024 ** 2;
/** Of a remote file a few places are compared; all of it once it is on this device. */
const sampledPlaces = 16;
const sampledBytes = 64 * 1024;

/**
 * The tensors as transformers 5 takes them: of two that are equal, or with the head alone, one is
 * embedding and head; two that differ stay two, whatever config.json says.
 * @param isRemote whether comparing all bytes of a file would download it
 * @returns the tensors by the model's names, with a head only where it differs
 */
export async function withTiedHead(
  stored: ReadonlyMap<string, StoredTensor>,
  isRemote: (fileName: string) => boolean,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, StoredTensor>> {
  const head = stored.get(headName);
  const embedding = stored.get(embeddingName);
  if (head === undefined) {
    return stored;
  }
  if (embedding === undefined) {
    return without(head, stored).set(embeddingName, { ...head, name: embeddingName });
  }
  const isSampled = isRemote(head.fileName) || isRemote(embedding.fileName);
  return (await areEqual(embedding, head, isSampled, signal)) ? without(head, stored) : stored;
}

function without(
  { name }: StoredTensor,
  stored: ReadonlyMap<string, StoredTensor>,
): Map<string, StoredTensor> {
  return new Map([...stored].filter(([other]) => other !== name));
}

/** Two types are never equal: treating them as two tensors is exact in any case. */
async function areEqual(
  one: StoredTensor,
  other: StoredTensor,
  isSampled: boolean,
  signal: AbortSignal,
): Promise<boolean> {
  const { sizeBytes } = one;
  if (one.dtype !== other.dtype || String(one.shape) !== String(other.shape)) {
    return false;
  }
  for (const [begin, end] of isSampled ? samplesOf(sizeBytes) : piecesOf(sizeBytes)) {
    const [ours, theirs] = await Promise.all([
      one.read(begin, end, signal),
      other.read(begin, end, signal),
    ]);
    if (ours.some((byte, i) => byte !== theirs[i])) {
      return false;
    }
  }
  return true;
}

function* piecesOf(sizeBytes: number): Generator<[begin: number, end: number]> {
  for (let begin = 0; begin < sizeBytes; begin += pieceBytes) {
    yield [begin, Math.min(begin + pieceBytes, sizeBytes)];
  }
}

/** Places spread evenly, the first and the last bytes among them. */
function* samplesOf(sizeBytes: number): Generator<[begin: number, end: number]> {
  const last = Math.max(0, sizeBytes - sampledBytes);
  for (let place = 0; place < sampledPlaces; place++) {
    const begin = Math.floor((last * place) / (sampledPlaces - 1));
    yield [begin, Math.min(begin + sampledBytes, sizeBytes)];
  }
}
