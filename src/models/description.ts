// What reading a model repository yields: everything that decides a vector, as plain data that can be sent to an
// inference process. Rules: the sentence-transformers repository layout (docs/reference/model-format.md).

/** How token vectors become one vector, in the vocabulary of sentence-transformers. */
export type PoolingMode = 'cls' | 'max' | 'mean' | 'mean_sqrt_len' | 'weightedmean' | 'lasttoken';

export type Activation = 'identity' | 'tanh' | 'relu' | 'gelu' | 'sigmoid' | 'silu' | 'leaky_relu' | 'elu';

export interface PoolingStep {
  readonly kind: 'pooling';
  /** Several are concatenated in this order. */
  readonly modes: readonly PoolingMode[];
  /** False: the prompt's tokens are left out. */
  readonly includePrompt: boolean;
}

export interface DenseStep {
  readonly kind: 'dense';
  readonly inFeatures: number;
  readonly outFeatures: number;
  /** Row-major [outFeatures, inFeatures], as torch.nn.Linear keeps it. */
  readonly weight: Float32Array;
  /** [outFeatures], or null where the layer has none. */
  readonly bias: Float32Array | null;
  readonly activation: Activation;
  readonly useResidual: boolean;
}

export interface LayerNormStep {
  readonly kind: 'layer_norm';
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly epsilon: number;
}

export interface NormalizeStep {
  readonly kind: 'normalize';
}

/** One module of the chain after the transformer. */
export type ChainStep = PoolingStep | DenseStep | LayerNormStep | NormalizeStep;

export interface TokenizerDescription {
  /** Absolute path of tokenizer.json. */
  readonly file: string;
  readonly padId: number;
  readonly paddingSide: 'left' | 'right';
  readonly truncationSide: 'left' | 'right';
  /** Put a Lowercase normaliser before the tokenizer's own (`do_lower_case`). */
  readonly lowercase: boolean;
}

export interface GraphDescription {
  /** Absolute path of the ONNX file. */
  readonly file: string;
  /** The inputs that the graph declares. */
  readonly inputs: readonly ('input_ids' | 'attention_mask' | 'token_type_ids' | 'position_ids')[];
  /** The output to read. */
  readonly output: string;
  /** `tokens`: [batch, tokens, width], pooled by the chain. `sentence`: [batch, width], pooling is taken as done. */
  readonly outputKind: 'tokens' | 'sentence';
  /** Floats a token (or sentence) of the output. */
  readonly width: number;
}

export interface ModelDescription {
  /** For messages: the alias, or the folder. */
  readonly name: string;
  /** Absolute path of the repository. */
  readonly folder: string;
  /** `fp32`, `int8`, or the weights' path in the repository. */
  readonly variant: string;
  /** The weights' path in the repository, such as `onnx/model.onnx`. */
  readonly weightsFile: string;
  /** External data files of the weights, as paths in the repository. */
  readonly externalDataFiles: readonly string[];
  /** Paths in the repository of every file that decides a vector, the weights included; sorted. */
  readonly files: readonly string[];
  /** True where the variant was named by the operator, not taken by default. */
  readonly variantNamed: boolean;
  readonly architecture: string;
  /** Floats per vector at the end of the chain (after truncateDim). */
  readonly dim: number;
  /** Longest input in tokens, special tokens included. */
  readonly maxSeq: number;
  /** Where maxSeq came from, in words. */
  readonly maxSeqSource: string;
  /** Most tokens that the position table holds; null where the architecture has none. */
  readonly positions: number | null;
  readonly tokenizer: TokenizerDescription;
  readonly graph: GraphDescription;
  readonly chain: readonly ChainStep[];
  /** The chain in words, such as `mean pooling → normalize`. */
  readonly chainInWords: string;
  /** Cut after the chain without normalising again (the repository's own `truncate_dim`); null: no cut. */
  readonly truncateDim: number | null;
  readonly prompts: Readonly<Record<string, string>>;
  readonly defaultPromptName: string | null;
  /** Things a person should know, such as "no modules.json: mean pooling, not normalised". */
  readonly warnings: readonly string[];
}
