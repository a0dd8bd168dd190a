// A file as torch.save writes it: a zip archive without compression that holds a pickle and the
// bytes of each tensor. Source: torch 2.13, serialization.py (_save) and
// caffe2/serialize/inline_container.cc.
import { zipFiles } from "../../formats/zip.ts";
import type { AdapterBytes } from "../format.ts";
import { textFile } from "../format.ts";
import { pickle, type PickleValue } from "./pickle.ts";

/** The version that torch.save itself writes. */
const fileVersion = "3\n";

/**
 * The file, which torch.load(weights_only=True) opens.
 * @param name e.g. `optimizer.pt`
 */
export async function torchFile(name: string, value: PickleValue): Promise<AdapterBytes> {
  const root = name.slice(0, name.lastIndexOf("."));
  const { bytes, storages } = pickle(value);
  const blob = await zipFiles([
    { name: `${root}/data.pkl`, bytes },
    textFile(`${root}/byteorder`, "little"),
    ...storages.map((values, index) => ({
      name: `${root}/data/${index}`,
      bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
    })),
    textFile(`${root}/version`, fileVersion),
  ]);
  return { name, bytes: new Uint8Array(await blob.arrayBuffer()) };
}
