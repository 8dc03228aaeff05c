// Strict reading of the command line. citty ignores what it does not know, takes `--out` as the value of `--file`
// when the value was forgotten, and keeps the last of two values; here each of these is refused by name.
import { parseArgs } from 'node:util';
import type { ArgDef, ArgsDef } from 'citty';
import { fail } from '../errors.js';
import { didYouMean } from '../nearest-word.js';

interface KnownOption {
  readonly name: string;
  readonly definition: ArgDef;
}

/**
 * Checks raw arguments against what a command defines.
 * @throws E_USAGE with what is wrong and, for a mistyped name, the nearest one
 */
export function checkArguments(rawArgs: readonly string[], definitions: ArgsDef, maxPositionals?: number): void {
  const known = knownOptions(definitions);
  const long = new Map([...known].filter(([key]) => key.length > 1));
  const { tokens } = parseArgs({
    args: [...rawArgs],
    strict: false,
    allowPositionals: true,
    tokens: true,
    options: Object.fromEntries(
      [...long].map(([key, { definition }]) => {
        const short = shortAlias(definition);
        return [key, { type: takesValue(definition) ? 'string' : 'boolean', ...(short ? { short } : {}) } as const];
      }),
    ),
  });
  const seen = new Set<string>();
  let positionals = 0;
  const allowedPositionals = maxPositionals ?? Object.values(definitions).filter(isPositional).length;
  for (const token of tokens) {
    if (token.kind === 'positional') {
      positionals++;
      if (positionals > allowedPositionals) throw fail('E_USAGE', { problem: `unexpected argument "${token.value}"` });
    } else if (token.kind === 'option') {
      const name = checkOption(token.rawName, token.name, token.value, token.inlineValue === true, known);
      if (seen.has(name)) throw fail('E_USAGE', { problem: `--${name} is given twice` });
      seen.add(name);
    }
  }
}

/** The option's canonical name. */
function checkOption(
  rawName: string,
  name: string,
  value: string | undefined,
  inline: boolean,
  known: ReadonlyMap<string, KnownOption>,
): string {
  const negated = name.startsWith('no-') ? known.get(name.slice(3)) : undefined;
  if (negated !== undefined && !takesValue(negated.definition)) {
    if (value !== undefined) throw fail('E_USAGE', { problem: `${rawName} takes no value` });
    return negated.name;
  }
  const option = known.get(name);
  if (option === undefined) {
    const names = [...known.keys()].filter((key) => key.length > 1).map((key) => `--${key}`);
    throw fail('E_USAGE', { problem: `unknown option ${rawName}${didYouMean(rawName, names)}` });
  }
  if (!takesValue(option.definition)) {
    if (value !== undefined) throw fail('E_USAGE', { problem: `${rawName} takes no value` });
  } else if (value === undefined || (!inline && /^-[^\d]/.test(value))) {
    throw fail('E_USAGE', { problem: `${rawName} needs a value (one that begins with - is written ${rawName}=-…)` });
  } else {
    checkChoice(option, value);
  }
  return option.name;
}

function checkChoice({ name, definition }: KnownOption, value: string): void {
  if (definition.type !== 'enum' || definition.options === undefined) return;
  if (definition.options.includes(value)) return;
  throw fail('E_USAGE', { problem: `--${name} is "${value}", it can be ${definition.options.join(', ')}` });
}

/** Options by every spelling that citty takes: as defined, camelCase, kebab-case, and the aliases. */
function knownOptions(definitions: ArgsDef): Map<string, KnownOption> {
  const known = new Map<string, KnownOption>();
  for (const [name, definition] of Object.entries(definitions)) {
    if (isPositional(definition)) continue;
    const camelCase = name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
    const kebabCase = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    for (const key of [name, camelCase, kebabCase, ...aliasesOf(definition)]) {
      known.set(key, { name: kebabCase, definition });
    }
  }
  return known;
}

function aliasesOf(definition: ArgDef): readonly string[] {
  return 'alias' in definition ? [definition.alias ?? []].flat() : [];
}

/** The one-letter spelling, without its dash. */
export function shortAlias(definition: ArgDef): string | undefined {
  return aliasesOf(definition).find((alias) => alias.length === 1);
}

function isPositional(definition: ArgDef): boolean {
  return definition.type === 'positional';
}

function takesValue(definition: ArgDef): boolean {
  return definition.type === 'string' || definition.type === 'enum';
}

/** @throws E_USAGE where the text is not an integer from `min` to `max` */
export function integerOption(name: string, value: string | undefined, min: number, max: number): number | undefined {
  if (value === undefined) return undefined;
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < min || number > max) {
    throw fail('E_USAGE', { problem: `--${name} is "${value}", it must be an integer from ${min} to ${max}` });
  }
  return number;
}
