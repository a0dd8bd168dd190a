// Uniform structs as data: named fields of 4 bytes, their WGSL declaration and their bytes.

export type FieldType = "u32" | "f32";

export interface UniformField<Name extends string = string> {
  readonly name: Name;
  readonly type: FieldType;
  readonly offsetBytes: number;
}

export interface UniformStruct<Name extends string = string> {
  /** WGSL name of the variable; its type is the same word with a capital. */
  readonly variable: string;
  /** In the order of their offsets, without gaps. */
  readonly fields: readonly UniformField<Name>[];
  /** A multiple of 16, the alignment of a struct in WGSL's uniform address space. */
  readonly sizeBytes: number;
}

/** A number for every field. */
export type UniformValues<Struct> =
  Struct extends UniformStruct<infer Name> ? Record<Name, number> : never;

/** Lays out fields in the given order. Each aligns to its own 4 bytes, so none is padded. */
export function uniformStruct<Name extends string>(
  variable: string,
  types: Readonly<Record<Name, FieldType>>,
): UniformStruct<Name> {
  const entries = Object.entries(types) as [Name, FieldType][];
  const fields = entries.map(([name, type], index) => ({ name, type, offsetBytes: 4 * index }));
  return { variable, fields, sizeBytes: Math.ceil((4 * fields.length) / 16) * 16 };
}

/** WGSL of the struct and of its variable in group 0. */
export function uniformDeclaration({ variable, fields }: UniformStruct, binding: number): string {
  const type = variable.charAt(0).toUpperCase() + variable.slice(1);
  const members = fields.map((field) => `  ${field.name} : ${field.type},`).join("\n");
  return `struct ${type} {\n${members}\n}\n@group(0) @binding(${binding}) var<uniform> ${variable} : ${type};`;
}

/**
 * Writes one value for each field, in the order of the fields.
 * @param startBytes where the struct begins in `into`
 */
export function packUniforms(
  { fields }: UniformStruct,
  values: readonly number[],
  into: DataView,
  startBytes = 0,
): void {
  fields.forEach(({ type, offsetBytes }, index) => {
    const value = values[index] ?? 0;
    if (type === "f32") {
      into.setFloat32(startBytes + offsetBytes, value, true);
    } else {
      into.setUint32(startBytes + offsetBytes, value, true);
    }
  });
}
