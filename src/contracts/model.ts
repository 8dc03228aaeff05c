// What the parts of embedq tell each other about a model. Plain data, no logic.

/** One entry of EMB_MODELS: `alias:model_id:rev:dim:max_seq`. */
export interface ModelEntry {
  /** The short name callers use; `^[a-z0-9][a-z0-9._-]*$`. */
  readonly alias: string;
  /** Repository name, such as `sentence-transformers/all-MiniLM-L6-v2`. */
  readonly modelId: string;
  /** Revision; `default` means the one that the source calls its default. */
  readonly revision: string;
  /** Length of a vector. A repository that says otherwise is refused. */
  readonly dim: number;
  /** Longest input in tokens, special tokens included. */
  readonly maxSeq: number;
}

/** Where a model's files were found. */
export type ModelSource = 'bundled' | 'local' | 'cache' | 'folder';

/** Everything a caller may want to know about a model that is being served. */
export interface ModelInfo {
  readonly alias: string;
  readonly modelId: string;
  readonly revision: string;
  /** Length of a vector, floats. */
  readonly dim: number;
  /** Longest input in tokens, special tokens included. */
  readonly maxSeq: number;
  /** 16 hex digits that name the vector space; vectors of different fingerprints must not be compared. */
  readonly fingerprint: string;
  /** Which weights file: `fp32`, `int8`, or the file's path in the repository. */
  readonly variant: string;
  /** Path of the weights inside the repository, such as `onnx/model_int8.onnx`. */
  readonly file: string;
  readonly source: ModelSource;
  /** Prompts by name, as the repository defines them. */
  readonly prompts: Readonly<Record<string, string>>;
  readonly defaultPromptName: string | null;
  /** False only for a model that was named explicitly although its vectors depend on their batch. */
  readonly batchInvariant: boolean;
  readonly warnings: readonly string[];
}
