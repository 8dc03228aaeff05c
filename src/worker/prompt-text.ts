// Which text goes before each input: the caller's, one of the model's by name, or the model's default.
import type { PromptChoice } from '../contracts/backend.js';
import { fail } from '../errors.js';

export interface ChosenPrompt {
  /** Name in the model's table; null where the caller gave a text, or where there is no prompt. */
  readonly name: string | null;
  /** Empty: nothing is put before the texts. */
  readonly text: string;
}

/** @throws E_PROMPT_UNKNOWN */
export function choosePrompt(
  choice: PromptChoice,
  model: {
    readonly alias: string;
    readonly prompts: Readonly<Record<string, string>>;
    readonly defaultPromptName: string | null;
  },
): ChosenPrompt {
  if (choice.kind === 'text') return { name: null, text: choice.text };
  const name = choice.kind === 'named' ? choice.name : model.defaultPromptName;
  if (name === null) return { name: null, text: '' };
  const text = Object.hasOwn(model.prompts, name) ? model.prompts[name] : undefined;
  if (text === undefined) {
    throw fail('E_PROMPT_UNKNOWN', { model: model.alias, promptName: name, known: Object.keys(model.prompts) });
  }
  return { name, text };
}
