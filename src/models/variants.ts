// Which weights file a variant's name means: `fp32`, `int8`, or a path inside the repository.
import path from 'node:path';

const FILE_BY_NAME = { fp32: 'onnx/model.onnx', int8: 'onnx/model_int8.onnx' } as const;

export const DEFAULT_VARIANT = 'fp32';

export interface Variant {
  /** `fp32`, `int8`, or the file's path. */
  readonly name: string;
  /** Path in the repository, with forward slashes. */
  readonly file: string;
}

/** A path that one of the names stands for gets that name, so that one file is always called the same. */
export function resolveVariant(variant: string): Variant {
  for (const [name, file] of Object.entries(FILE_BY_NAME)) {
    if (variant === name || path.posix.normalize(variant) === file) return { name, file };
  }
  const file = variant.includes('..') || path.isAbsolute(variant) ? variant : path.posix.normalize(variant);
  return { name: file, file };
}
