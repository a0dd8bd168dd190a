// What can break under a run, each with the moment at which the recovery from it has begun.
import type { ErrorCode } from "../../../../src/util/errors.ts";
import { deviceFull, deviceLost, devices } from "./fragile-machine.ts";
import type { Scene } from "./scene.ts";

export interface Fault {
  name: string;
  /**
   * What the page is told when the run stops; null where it does not stop, or nobody is left to
   * tell.
   */
  stop: ErrorCode | null;
  /** The same, where it strikes a run that is being taken up. */
  stopWhenTakenUp: ErrorCode | null;
  /** Whether another tab has to take the run up. */
  isTakenUp?: true;
  /** Whether the save under way fails; one that loses its connection is made once more. */
  save?: "fails" | "is made again";
  strike: (scene: Scene) => void;
  /** Has `act` happen while the run recovers. To be called before it strikes. */
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
    stopWhenTakenUp: null, // before it had any device, a run tries once more
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
    save: "is made again",
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
    save: "is made again",
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
