// A converted model in the browser's storage: written once, then read for every start and every
// rebuilt device.
import { openDescription } from "../model/description.ts";
import { isBaseName, type HubGuess } from "../model/hub-guess.ts";
import type { TemplateRenderer } from "../model/chat-template/render.ts";
import type { BaseModel, OpenedModel } from "../model/open.ts";
import { ConversionReport } from "../model/weights/convert.ts";
import type { WeightShape } from "../model/weight-format/format.ts";
import {
  sourceStore,
  storedBytes,
  weightShapes,
  type WeightChoice,
  type WeightStore,
} from "../model/weights/store.ts";
import type { CacheReader } from "../sources/cache/cache-reader.ts";
import { cacheKey, type ModelCache } from "../sources/cache/cache.ts";
import { textOf } from "../sources/files.ts";
import { hasCode } from "../util/errors.ts";
import type { LoadedModel } from "./loaded-model.ts";
import { formatName } from "../model/weights/choice.ts";

/** Raised when the bytes of a format change their meaning. */
const encodingVersion = 1;

const factsName = "anneal.json";

/** Facts that need the source of a model, stored with its weights. */
interface StoredFacts extends Pick<
  BaseModel,
  "parameters" | "sizeBytes" | "dtype" | "indexSha256" | "formerSha256"
> {
  source: LoadedModel["source"];
  format: string;
  conversionError: number | null;
  /** Absent in models that were stored before there were guesses. */
  hubGuess?: HubGuess | null;
  shapes: [name: string, shape: WeightShape][];
}

/** The cache key of a model in a format. */
export async function keyOf(
  { indexSha256 }: Pick<BaseModel, "indexSha256">,
  format: string,
): Promise<string> {
  return await cacheKey([encodingVersion, indexSha256, format]);
}

/**
 * Converts a model tensor by tensor into the cache. A conversion that ends early leaves nothing.
 * @param progress hears of the bytes written so far, in the wanted format
 * @throws UserError "quota", "busy", or what the source throws; the signal's AbortError
 */
export async function keepModel(
  cache: ModelCache,
  key: string,
  {
    model,
    choice,
    ...description
  }: {
    model: OpenedModel;
    choice: WeightChoice;
    source: LoadedModel["source"];
    revision: string | null;
    format: string;
  },
  progress: (doneBytes: number, totalBytes: number) => void,
  signal: AbortSignal,
): Promise<void> {
  const shapes = weightShapes(model.config, choice, model.tensors);
  const report = new ConversionReport();
  const store = sourceStore(model.tensors, shapes, report);
  const writer = await cache.create(key, {
    ...description,
    name: model.name,
    licence: model.licence,
  });
  try {
    for (const [name, text] of model.texts) {
      await writer.text(name, text);
    }
    const totalBytes = storedBytes(shapes);
    let doneBytes = 0;
    for (const name of shapes.keys()) {
      for await (const { binding, values } of store.parts(name, signal)) {
        const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
        await writer.write(`${name}/${binding}`, bytes);
        doneBytes += bytes.length;
        progress(doneBytes, totalBytes);
      }
    }
    const { parameters, sizeBytes, dtype, indexSha256, formerSha256 } = model;
    const facts: StoredFacts = {
      parameters,
      sizeBytes,
      dtype,
      indexSha256,
      formerSha256,
      source: description.source,
      format: formatName(choice),
      conversionError: conversionErrorOf(report),
      hubGuess: model.hubGuess,
      shapes: [...shapes],
    };
    await writer.text(factsName, JSON.stringify(facts));
    await writer.commit();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

/** Null below the rounding of f32, which bf16 values below the smallest f16 are. */
function conversionErrorOf({ overall }: ConversionReport): number | null {
  return overall.relative < 2 ** -23 ? null : overall.relative;
}

/** A stored model that is open; it cannot be deleted before `close`. */
export interface OpenKept {
  model: LoadedModel;
  close: () => Promise<void>;
}

/**
 * Opens a stored model. Weights are read, and verified, when an engine wants them.
 * @param onLost called once, when a weight turns out to be damaged, or the model gone
 * @throws UserError "missing-file", "damaged-file" or "busy"
 */
export async function openKept(
  cache: ModelCache,
  key: string,
  onLost: () => Promise<void>,
  render?: TemplateRenderer,
): Promise<OpenKept> {
  const reader = await cache.open(key);
  try {
    const said = (await cache.find(key))?.hubName;
    const set = await reader.files();
    const facts = JSON.parse(await textOf(set, factsName)) as StoredFacts;
    const { shapes, hubGuess = null, ...known } = facts;
    const model: LoadedModel = {
      ...known,
      hubGuess,
      hubName: said === undefined ? certainName(hubGuess, set.name) : said,
      name: set.name,
      revision: set.revision ?? null,
      licence: set.licence ?? null,
      ...(await openDescription(set, render)),
      weights: storeOf(reader, new Map(shapes), onLost),
    };
    return { model, close: reader.close };
  } catch (error) {
    await reader.close();
    throw error;
  }
}

/** Stored before there were guesses, a model of the Hub has its name. */
function certainName(guess: HubGuess | null, name: string): string | null {
  const certain = guess?.isCertain ? guess.name : name;
  return isBaseName(certain) ? certain : null;
}

/** A store that reads every binding in the pieces in which it was written. */
function storeOf(
  reader: CacheReader,
  shapes: ReadonlyMap<string, WeightShape>,
  onLost: () => Promise<void>,
): WeightStore {
  let isLost = false;
  const read: CacheReader["read"] = async (...place) => {
    try {
      return await reader.read(...place);
    } catch (error) {
      const isOver = hasCode(error, "damaged-file") || hasCode(error, "missing-file");
      if (isOver && !isLost) {
        isLost = true;
        await onLost();
      }
      throw error;
    }
  };
  return {
    shapes,
    isReady: true,
    async *parts(name, signal) {
      for (const binding of ["weight", "scales", "tables"] as const) {
        const blob = `${name}/${binding}`;
        let offsetBytes = 0;
        for (const [index, sizeBytes] of (reader.blobs.get(blob) ?? []).entries()) {
          const bytes = await read(blob, index, signal);
          yield { binding, offsetBytes, values: new Uint32Array(bytes.buffer) };
          offsetBytes += sizeBytes;
        }
      }
    },
  };
}
