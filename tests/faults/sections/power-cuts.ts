// Cuts the power at a random moment while the browser saves in a loop: its processes end, and
// unflushed writes are lost. With `relaxed` transactions every cut loses an acknowledged save.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Backend } from "../browser.ts";
import { LoopDisk } from "../loop-disk.ts";
import type { Setting } from "../run.ts";
import type { Tally } from "../tally.ts";
import { killAtRandom } from "./random-kills.ts";

/** Prints a message and does nothing where no loop device can be created. */
export async function powerCuts(
  backend: Backend,
  count: number,
  setting: Setting,
  tally: Tally,
): Promise<void> {
  let disk: LoopDisk;
  try {
    disk = new LoopDisk(setting.folder, `power-cuts-${backend}`);
  } catch (error) {
    console.log(`${backend}: power cuts skipped, no loop device (${String(error)})`);
    return;
  }
  try {
    tally.add(`${backend}, the disk loses only unflushed writes`, forgetfulnessFaults(disk));
    const profile = join(disk.path, "profile");
    const afterKill = () => {
      disk.cutPower();
    };
    await killAtRandom("power cut", { profile, backend, afterKill }, count, setting, tally);
  } finally {
    disk.remove();
  }
}

/** Checks the disk itself: a cut without lost writes would prove nothing. */
function forgetfulnessFaults(disk: LoopDisk): string[] {
  const isKept = (name: string) => {
    const path = join(disk.path, name);
    return existsSync(path) && readFileSync(path, "utf8") === "kept";
  };
  writeFileSync(join(disk.path, "flushed"), "kept", { flush: true });
  writeFileSync(join(disk.path, "not flushed"), "kept");
  disk.cutPower();
  return [
    ...(isKept("flushed") ? [] : ["the disk lost flushed data"]),
    ...(isKept("not flushed") ? ["the disk kept unflushed data"] : []),
  ];
}
