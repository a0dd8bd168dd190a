// The log of a run as trainer_state.json of transformers' Trainer, for tools that plot it.
// Source: transformers 5.18, trainer_callback.py (TrainerState) and trainer.py
// (_maybe_log_save_evaluate).
import type { RunState } from "../checkpoint/file/run-state.ts";
import type { Recipe } from "../recipe/recipe.ts";
import { endOf, evaluationsWithoutGain } from "../train/end.ts";
import { bestOf } from "../train/held-out.ts";
import type { LogEntry } from "../train/state.ts";
import { PythonFloat, pythonJson, type PythonValue } from "./python-json.ts";

/**
 * The file with every step, in full precision. `loss` and `eval_loss` are in nats per supervised
 * token, but for rows with weights (see `LogEntry`). Fields that have no counterpart here
 * (`total_flos`, `trial_name`) have their defaults.
 * @param isCheckpoint for a Trainer to go on from: without the folder of the best step, which is
 *   not beside it, and with the state of early stopping, without which a Trainer cannot save
 */
export function trainerStateJson({ recipe, trainer }: RunState, isCheckpoint = false): string {
  const { log, step, totalSteps, tokensSeen } = trainer;
  const best = bestOf(log);
  const state = {
    best_global_step: best?.step ?? null,
    best_metric: best === null ? null : new PythonFloat(best.heldOutLoss),
    best_model_checkpoint: best === null || isCheckpoint ? null : `checkpoint-${best.step}`,
    epoch: new PythonFloat(log.at(-1)?.epoch ?? 0),
    eval_steps: recipe.evalSteps,
    global_step: step,
    is_hyper_param_search: false,
    is_local_process_zero: true,
    is_world_process_zero: true,
    log_history: log.flatMap(historyOf),
    logging_steps: 1,
    max_steps: totalSteps,
    num_input_tokens_seen: tokensSeen,
    num_train_epochs: epochsOf(recipe.epochs, recipe.maxSteps, trainer),
    save_steps: recipe.saveSteps,
    stateful_callbacks: {
      ...(isCheckpoint ? earlyStopping(trainer, recipe) : {}),
      TrainerControl: control(endOf(trainer, recipe) !== null),
    },
    total_flos: 0,
    train_batch_size: recipe.batchSize,
    trial_name: null,
    trial_params: null,
  };
  return `${pythonJson(state)}\n`;
}

/** Anneal logs training and evaluation of a step in one entry, the Trainer in two. */
function historyOf(entry: LogEntry): PythonValue[] {
  const place = { epoch: new PythonFloat(entry.epoch), step: entry.step };
  const training = floats({
    grad_norm: entry.gradNorm,
    learning_rate: entry.learningRate,
    loss: entry.loss,
  });
  const evaluation = floats({ eval_loss: entry.heldOutLoss });
  return [training, evaluation]
    .filter((fields) => Object.keys(fields).length > 0)
    .map((fields) => ({ ...fields, ...place }));
}

function floats(fields: Readonly<Record<string, number | undefined>>): Record<string, PythonFloat> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([key, value]) =>
      value === undefined ? [] : [[key, new PythonFloat(value)]],
    ),
  );
}

/**
 * Epochs rounded up, as the Trainer counts them. With maxSteps given, they follow from the
 * epochs per step in the log.
 */
function epochsOf(epochs: number, maxSteps: number, { log, totalSteps }: RunState["trainer"]) {
  const last = log.at(-1);
  if (maxSteps === 0 || last === undefined || last.step === 0) {
    return Math.ceil(epochs);
  }
  const epochsPerStep = last.epoch / last.step;
  // A rounding error must not add an epoch.
  return Math.max(1, Math.ceil(totalSteps * epochsPerStep - 1e-6));
}

/** The state of the Trainer's EarlyStoppingCallback. */
function earlyStopping({ log }: RunState["trainer"], recipe: Recipe): Record<string, PythonValue> {
  return {
    EarlyStoppingCallback: {
      args: {
        early_stopping_patience: recipe.earlyStoppingPatience,
        early_stopping_threshold: new PythonFloat(0),
      },
      attributes: { early_stopping_patience_counter: evaluationsWithoutGain(log, recipe) },
    },
  };
}

/** The state that the Trainer's TrainerControl saves at a checkpoint. */
function control(isDone: boolean): PythonValue {
  return {
    args: {
      should_epoch_stop: false,
      should_evaluate: false,
      should_log: false,
      should_save: true,
      should_training_stop: isDone,
    },
    attributes: {},
  };
}
