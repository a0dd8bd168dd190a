// The state of optimizer and schedule at a step as the Trainer saves it: optimizer.pt and
// scheduler.pt. Source: transformers 5.24, trainer.py (create_optimizer, create_scheduler); torch
// 2.13, optim/optimizer.py and optim/lr_scheduler.py (state_dict).
import type { AdapterTensor } from "../../adapter/state.ts";
import type { RunState } from "../../checkpoint/file/run-state.ts";
import { learningRateAt } from "../../train/schedule.ts";
import { PythonFloat } from "../python-json.ts";
import { PickleTensor, PickleTuple, type PickleValue } from "./pickle.ts";

type Run = Pick<RunState, "recipe" | "trainer" | "adapter">;

/**
 * AdamW's state_dict. The Trainer numbers parameters by their order in the model, in a group that
 * decays and one that does not; all LoRA matrices decay, so the second is empty.
 */
export function optimizerState(run: Run): PickleValue {
  const tensors = inModelOrder(run.adapter.tensors);
  const state = tensors.map((tensor, index) => [index, stateOf(tensor, run.trainer.step)] as const);
  return {
    state: new Map(state),
    param_groups: groupsOf(
      run,
      tensors.map((_, index) => index),
    ),
  };
}

/** The same by the names of the parameters in the model, as FSDP reads it. */
export function namedOptimizerState(run: Run): PickleValue {
  const tensors = inModelOrder(run.adapter.tensors);
  const nameOf = ({ name }: AdapterTensor) => name.replace(/\.weight$/, ".default.weight");
  const state = tensors.map((tensor) => [nameOf(tensor), stateOf(tensor, run.trainer.step)]);
  return {
    state: Object.fromEntries(state) as Record<string, PickleValue>,
    param_groups: groupsOf(run, tensors.map(nameOf)),
  };
}

function groupsOf(
  { recipe, trainer }: Run,
  params: readonly number[] | readonly string[],
): PickleValue {
  const group = {
    lr: new PythonFloat(rateAfter({ recipe, trainer })),
    betas: new PickleTuple(new PythonFloat(recipe.beta1), new PythonFloat(recipe.beta2)),
    eps: new PythonFloat(recipe.epsilon),
    amsgrad: false,
    maximize: false,
    foreach: null,
    capturable: false,
    differentiable: false,
    fused: true, // the Trainer's default, adamw_torch_fused
    decoupled_weight_decay: true,
    initial_lr: new PythonFloat(recipe.learningRate),
  };
  return [
    { weight_decay: new PythonFloat(recipe.weightDecay), ...group, params },
    { weight_decay: new PythonFloat(0), ...group, params: [] },
  ];
}

/** LambdaLR's state_dict: its functions follow from the script's arguments. */
export function schedulerState({ recipe, trainer }: Omit<Run, "adapter">): PickleValue {
  const twice = (value: number) => [new PythonFloat(value), new PythonFloat(value)];
  return {
    base_lrs: twice(recipe.learningRate),
    last_epoch: trainer.step,
    _step_count: trainer.step + 1,
    _is_initial: false,
    _get_lr_called_within_step: false,
    _last_lr: twice(rateAfter({ recipe, trainer })),
    lr_lambdas: [{}, {}],
  };
}

/** The rate of the next step. */
function rateAfter({ recipe, trainer }: Omit<Run, "adapter">): number {
  return learningRateAt(recipe, trainer.step, trainer.totalSteps);
}

function stateOf({ shape, moment1, moment2 }: AdapterTensor, step: number): PickleValue {
  return {
    step: new PickleTensor([], Float32Array.of(step)),
    exp_avg: new PickleTensor(shape, unshared(moment1)),
    exp_avg_sq: new PickleTensor(shape, unshared(moment2)),
  };
}

/** Values for a Blob, which cannot hold shared memory. */
function unshared(values: Float32Array): Float32Array<ArrayBuffer> {
  return values.buffer instanceof ArrayBuffer
    ? (values as Float32Array<ArrayBuffer>)
    : values.slice();
}

/** Modules of a layer as transformers' classes define them; in Phi-3's, o_proj comes first. */
const modulesInOrder = [
  ...["q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj"],
  ...["gate_proj", "gate_up_proj", "up_proj", "down_proj"],
];

/** The order of `model.named_parameters()`: layers, then modules, A before B. */
export function inModelOrder(tensors: readonly AdapterTensor[]): AdapterTensor[] {
  const placeOf = ({ name }: AdapterTensor) => {
    const [, layer = "", module = "", matrix = ""] =
      /\.layers\.(\d+)\..*?(\w+)\.lora_([AB])\.weight$/.exec(name) ?? [];
    return [Number(layer), modulesInOrder.indexOf(module), matrix === "A" ? 0 : 1] as const;
  };
  return [...tensors].sort((one, other) => {
    const [a, b] = [placeOf(one), placeOf(other)];
    return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
  });
}
