// Decides the longest input of a model: who says so first is believed, but never beyond the position table.
import { fail } from '../errors.js';
import type { TransformerConfig } from './transformer-config.js';

export interface MaxSeq {
  /** Tokens, special tokens included. */
  readonly value: number;
  /** Where the value came from, in words. */
  readonly source: string;
}

/**
 * @param configured the registry's value, or null
 * @param modelMaxLength of tokenizer_config.json, or null
 * @throws E_MODEL_MAX_SEQ_TOO_LARGE for a configured value beyond the position table, E_MODEL_UNSUPPORTED where
 * nobody says anything
 */
export function decideMaxSeq(
  model: string,
  configured: number | null,
  transformer: TransformerConfig,
  modelMaxLength: number | null,
): MaxSeq {
  const { positions } = transformer;
  if (configured !== null) {
    if (positions !== null && configured > positions) {
      throw fail('E_MODEL_MAX_SEQ_TOO_LARGE', { model, configured, positions });
    }
    return { value: configured, source: 'configured' };
  }
  const stated =
    transformer.maxSeqLength !== null
      ? { value: transformer.maxSeqLength.value, source: `max_seq_length of ${transformer.maxSeqLength.file}` }
      : modelMaxLength !== null
        ? { value: modelMaxLength, source: 'model_max_length of tokenizer_config.json' }
        : null;
  if (stated !== null && (positions === null || stated.value <= positions)) return stated;
  if (positions !== null) return { value: positions, source: `the position table of config.json (${positions})` };
  throw fail('E_MODEL_UNSUPPORTED', { model, what: 'no file says how long a text may be; configure its max_seq' });
}
