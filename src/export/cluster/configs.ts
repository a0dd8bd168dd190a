// Configurations of `accelerate launch` for one device, several, and several that share the model.
// Source: accelerate 1.15, commands/config/config_args.py and commands/launch.py.
import { textFile, type AdapterBytes } from "../format.ts";

const machine = `compute_environment: LOCAL_MACHINE
mixed_precision: "no"
num_machines: 1
machine_rank: 0
rdzv_backend: static
same_network: true
main_training_function: main
`;

/** num_processes is the number of devices. */
export function accelerateConfigs(): AdapterBytes[] {
  return [
    textFile("accelerate/one.yaml", `${machine}distributed_type: "NO"\nnum_processes: 1\n`),
    textFile("accelerate/ddp.yaml", `${machine}distributed_type: MULTI_GPU\nnum_processes: 2\n`),
    textFile("accelerate/fsdp.yaml", `${machine}${fsdp}`),
  ];
}

/** FULL_STATE_DICT reads optimizer.bin, in which moments have names. */
const fsdp = `distributed_type: FSDP
num_processes: 2
fsdp_config:
  fsdp_version: 2
  fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP
  fsdp_reshard_after_forward: true
  fsdp_cpu_ram_efficient_loading: false
  fsdp_state_dict_type: FULL_STATE_DICT
`;
