// The Python packages with which the exported scripts are tested (tests/interop/trainer).
export const requirementsText = `torch==2.13.0
transformers==5.24.0
trl==1.16.0
peft==0.21.2
accelerate==1.15.0
datasets==5.2.0
safetensors==0.8.0
`;
