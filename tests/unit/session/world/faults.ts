// The faults of the fault matrix, each with the moment at which its recovery begins.
import type { ErrorCode } from "../../../../src/util/errors.ts";
import { deviceFull, deviceLost, devices } from "./fragile-machine.ts";
import type { Scene } from "./scene.ts";

export interface Fault {
  name: string;
  /**
   * The error that the page receives when the run stops; null when it continues, or no page is
   * left.
   */
  stop: ErrorCode | null;
  /** The same, for a fault while the run resumes. */
  stopWhenTakenUp: ErrorCode | null;
  /** Set when another tab must resume the run. */
  isTakenUp?: true;
  /** The effect on the current save; after a lost connection it is repeated once. */
  save?: "fails" | "is repeated";
  strike: (scene: Scene) => void;
  /** Calls `act` during the recovery. Must be called before `strike`. */
  whenRecovering: (scene: Scene, act: () => void) => void;
}

const blockMs = 122_000;

const whileWaiting = (isLong: boolean) => (scene: Scene, act: () => void) => {
  scene.when(
    (event) =>
      event.kind === "run" &&
      event.phase.name === "recovering" &&
      (event.phase.waitMs === blockMs) === isLong,
    act,
  );
};

export const faults: readonly Fault[] = [
  {
    name: "the device is lost",
    stop: null,
    stopWhenTakenUp: null,
    strike: () => (devices.fault = deviceLost()),
    whenRecovering: whileWaiting(false),
  },
  {
    name: "the browser holds the GPU back",
    stop: null,
    stopWhenTakenUp: null,
    strike: () => Object.assign(devices, { fault: deviceLost(), refusals: 1 }),
    whenRecovering: whileWaiting(true),
  },
  {
    name: "the device is full",
    stop: "out-of-memory",
    stopWhenTakenUp: null, // without an earlier device, a run retries once
    strike: () => (devices.fault = deviceFull()),
    whenRecovering: (scene, act) => {
      scene.when((event) => event.kind === "run" && event.phase.name === "preparing", act);
    },
  },
  {
    name: "the disk is full",
    stop: null,
    stopWhenTakenUp: null,
    save: "fails",
    strike: (scene) => {
      scene.failNextWrite("QuotaExceededError");
    },
    whenRecovering: (scene, act) => {
      scene.when(({ kind }) => kind === "saveFailed", act);
    },
  },
  {
    name: "a write is aborted",
    stop: null,
    stopWhenTakenUp: null,
    save: "is repeated",
    strike: (scene) => {
      scene.failNextWrite("AbortError");
    },
    whenRecovering: (scene, act) => {
      scene.whenWriting(1, act);
    },
  },
  {
    name: "the connection is closed",
    stop: null,
    stopWhenTakenUp: null,
    save: "is repeated",
    strike: (scene) => {
      scene.closeConnection();
    },
    whenRecovering: (scene, act) => {
      scene.whenWriting(1, act);
    },
  },
  {
    name: "the database is deleted",
    stop: null,
    stopWhenTakenUp: "bad-checkpoint",
    strike: (scene) => {
      scene.deleteDatabase();
    },
    whenRecovering: (scene, act) => {
      scene.whenDeleted(act);
    },
  },
  {
    name: "the tab is killed",
    stop: null,
    stopWhenTakenUp: null,
    isTakenUp: true,
    strike: (scene) => {
      scene.kill();
    },
    whenRecovering: (scene, act) => {
      scene.whenTakenUp(act);
    },
  },
  {
    name: "another tab takes the run over",
    stop: "other-tab",
    stopWhenTakenUp: "other-tab",
    isTakenUp: true,
    strike: (scene) => {
      scene.takeOver();
    },
    whenRecovering: (scene, act) => {
      scene.whenTakenUp(act);
    },
  },
  {
    name: "the clock goes back a day",
    stop: null,
    stopWhenTakenUp: null,
    strike: (scene) => {
      scene.turnClockBack();
    },
    whenRecovering: (scene, act) => {
      scene.whenWriting(0, act);
    },
  },
];
