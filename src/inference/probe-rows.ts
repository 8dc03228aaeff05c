// Tokenises golden probes and outliers, so that they can be run like any other text.
import type { ModelDescription } from '../models/description.js';
import { GOLDEN_PROBE_TEXTS, OUTLIER_TEXTS } from '../models/golden-probes.js';
import type { Manifest } from '../models/manifest.js';
import type { TokenRow } from './token-row.js';
import type { ModelTokenizer } from './tokenizer.js';

export interface ProbeRows {
  /** One a probe of the manifest, in its order; empty without a manifest. For `checkProbes`. */
  readonly manifestProbes: readonly TokenRow[];
  /** Rows of `GOLDEN_PROBE_TEXTS` and `OUTLIER_TEXTS`. For `checkBatchInvariance`. */
  readonly probes: readonly TokenRow[];
  readonly outliers: readonly TokenRow[];
}

type PromptTable = Pick<ModelDescription, 'prompts' | 'defaultPromptName'>;

/** Where the manifest names no prompt, the model's default one applies, as for any text. */
export async function tokenizeProbes(
  tokenizer: ModelTokenizer,
  description: PromptTable,
  manifest: Manifest | null,
): Promise<ProbeRows> {
  const manifestProbes: TokenRow[] = [];
  for (const probe of manifest?.golden_probes ?? []) {
    manifestProbes.push(...(await tokenizer.tokenize([probe.text], promptNamed(description, probe.prompt_name))));
  }
  const defaultPrompt = promptNamed(description, null);
  return {
    manifestProbes,
    probes: await tokenizer.tokenize(GOLDEN_PROBE_TEXTS, defaultPrompt),
    outliers: await tokenizer.tokenize(OUTLIER_TEXTS, defaultPrompt),
  };
}

function promptNamed({ prompts, defaultPromptName }: PromptTable, name: string | null): { text: string } | null {
  const chosen = name ?? defaultPromptName;
  return chosen === null ? null : { text: prompts[chosen] ?? '' };
}
