// A disk in a file (ext4 on a loop device) whose power can be cut: unflushed writes are lost.
// Needs root and the right to mount.
import { execFileSync } from "node:child_process";
import { mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const sizeBytes = 2 ** 30;

export class LoopDisk {
  /** The mount point. */
  readonly path: string;
  readonly #file: string;

  /** @throws Error with the message of `mkfs.ext4` or `mount` */
  constructor(folder: string, name: string) {
    this.path = join(folder, name);
    this.#file = `${this.path}.ext4`;
    mkdirSync(this.path);
    writeFileSync(this.#file, "");
    truncateSync(this.#file, sizeBytes);
    run("mkfs.ext4", "-q", "-F", this.#file);
    this.#mount();
  }

  /** Drops unflushed writes. Call it when no process uses the disk. */
  cutPower(): void {
    const left = `${this.#file}.left`;
    run("cp", "--sparse=always", this.#file, left);
    // The system flushes its cache to the old file, which is no longer the disk.
    this.#unmount();
    renameSync(left, this.#file);
    this.#mount();
  }

  remove(): void {
    this.#unmount();
    rmSync(this.#file);
  }

  #mount(): void {
    run("mount", "-o", "loop", this.#file, this.path);
  }

  /** Lazy, because a helper process of an ended browser may still use the disk. */
  #unmount(): void {
    run("umount", "--lazy", this.path);
  }
}

function run(command: string, ...given: string[]): void {
  execFileSync(command, given, { stdio: "pipe" });
}
