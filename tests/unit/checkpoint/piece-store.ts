// A store of runs with long logs, which are stored in pieces.
import { expect } from "vitest";
import { decodeManifest } from "../../../src/checkpoint/database/manifest.ts";
import type { RunState } from "../../../src/checkpoint/file/run-state.ts";
import { TestStore } from "./test-store.ts";

export class PieceStore extends TestStore {
  /** @returns the keys, in order */
  async saveRuns(...runs: RunState[]): Promise<string[]> {
    const keys: string[] = [];
    for (const run of runs) {
      keys.push((await this.store.saveCheckpoint(run)).key);
    }
    return keys;
  }

  /** The keys of all stored pieces. */
  async pieces(): Promise<string[]> {
    return (await this.raw.keys()).filter((key) => key.startsWith("piece/"));
  }

  /** The pieces that the manifest of a checkpoint names. */
  async piecesOf(key: string): Promise<string[]> {
    const manifest = await decodeManifest(await this.raw.get(`manifest/${key}`));
    const chunks = typeof manifest === "string" ? [] : manifest.chunks;
    return chunks
      .filter(({ copy }) => copy !== undefined)
      .map(({ copy, sha256 }) => `piece/${copy!}/${sha256}`);
  }

  /** Flips a bit of a piece. */
  async flip(piece: string, at = 50): Promise<void> {
    const bytes = new Uint8Array(((await this.raw.get(piece)) as ArrayBuffer).slice(0));
    bytes[at % bytes.length]! ^= 4;
    await this.raw.set(piece, bytes.buffer);
  }

  /** Requires that the stored pieces are those that the checkpoints name, all of them sound. */
  async expectNoLeftovers(): Promise<void> {
    const listed = await this.store.listCheckpoints();
    const named = await Promise.all(listed.map(({ key }) => this.piecesOf(key)));
    expect(await this.pieces()).toEqual([...new Set(named.flat())].sort());
    expect(await this.store.repair()).toEqual([]);
  }
}
