// The formats of what the configuration says about models: aliases, the entries of EMB_MODELS, and variants.
import {
  allOf,
  commaList,
  type Format,
  integer,
  isRecord,
  problemOf,
  shown,
  text,
  textFormat,
} from './config-formats.js';
import type { ModelEntry } from './contracts/model.js';

export const ALIAS_PATTERN = /^[a-z0-9][a-z0-9._-]{0,63}$/;

export const alias = textFormat((value) => {
  if (!ALIAS_PATTERN.test(value)) {
    throw new Error(
      `"${value}" is not an alias (lower-case letters, digits, . _ -; at most 64; first a letter or digit)`,
    );
  }
  return value;
});

const modelId = textFormat((value) => {
  if (!/^[\w.-]+(\/[\w.-]+)*$/.test(value) || value.split('/').some((part) => /^\.+$/.test(part))) {
    throw new Error(`"${value}" is not a model id (owner/name)`);
  }
  return value;
});

const revision = textFormat((value) => {
  if (!/^[\w.-]+$/.test(value) || /^\.+$/.test(value)) throw new Error(`"${value}" is not a revision`);
  return value;
});

export const maxSeq = integer(1, 1_000_000);

/** Of a ModelEntry, in the order in which EMB_MODELS has them. */
export const ENTRY_FIELDS = { alias, modelId, revision, dim: integer(1, 1_000_000), maxSeq } as const;

const TEXT_NAMES: Readonly<Record<string, string>> = { modelId: 'model_id', revision: 'rev', maxSeq: 'max_seq' };

/** One `alias:model_id:rev:dim:max_seq`. The model id may hold slashes but no colon. */
function parseEntry(value: string): ModelEntry {
  const parts = value.split(':').map((part) => part.trim());
  const fields = Object.entries(ENTRY_FIELDS);
  if (parts.length !== fields.length) {
    throw new Error(`"${value}" has ${parts.length} parts, alias:model_id:rev:dim:max_seq has ${fields.length}`);
  }
  const entry = allOf(fields.entries(), ([index, [name, format]]) => {
    try {
      return [name, format.parse(parts[index] ?? '')];
    } catch (error) {
      throw new Error(`${TEXT_NAMES[name] ?? name} in "${value}": ${problemOf(error)}`);
    }
  });
  // Every field was parsed by its own format.
  return Object.freeze(Object.fromEntries(entry)) as ModelEntry;
}

/** @throws Error where a field is missing, wrong or not one of an entry's */
function checkEntry(value: unknown): ModelEntry {
  if (!isRecord(value)) throw new Error(`${shown(value)} is not a model`);
  const entry = allOf(new Set([...Object.keys(ENTRY_FIELDS), ...Object.keys(value)]), (name) => {
    if (!isEntryField(name)) {
      throw new Error(`${name} is no field of a model; those are ${Object.keys(ENTRY_FIELDS).join(', ')}`);
    }
    try {
      return [name, ENTRY_FIELDS[name].check(value[name])];
    } catch (error) {
      throw new Error(`${name}: ${problemOf(error)}`);
    }
  });
  // Every field was checked by its own format.
  return Object.freeze(Object.fromEntries(entry)) as unknown as ModelEntry;
}

function isEntryField(name: string): name is keyof typeof ENTRY_FIELDS {
  return Object.hasOwn(ENTRY_FIELDS, name);
}

export const modelEntry: Format<ModelEntry> = { parse: parseEntry, check: checkEntry };

/** A list that has at least one item and no alias twice. */
function listOf<Item>(item: Format<Item>, noun: string, aliasOf: (item: Item) => string): Format<readonly Item[]> {
  const complete = <Part>(parts: readonly Part[], read: (part: Part) => Item) => {
    if (parts.length === 0) throw new Error(`it lists no ${noun}`);
    const seen = new Set<string>();
    return Object.freeze(
      allOf(parts, (part) => {
        const value = read(part);
        if (seen.has(aliasOf(value))) throw new Error(`alias "${aliasOf(value)}" is used twice`);
        seen.add(aliasOf(value));
        return value;
      }),
    );
  };
  return {
    parse: (value) => complete(commaList(value), item.parse),
    check(value) {
      if (!Array.isArray(value)) throw new Error(`${shown(value)} is not a list`);
      return complete(value, item.check);
    },
  };
}

export const modelEntries = listOf(modelEntry, 'model', (entry) => entry.alias);
export const aliases = listOf(alias, 'alias', (name) => name);

/** `alias=variant,…`; a variant is `fp32`, `int8` or a path inside the repository. */
export const variants: Format<Readonly<Record<string, string>>> = {
  parse(value) {
    const seen = new Set<string>();
    const pairs = allOf(commaList(value), (item) => {
      const at = item.indexOf('=');
      if (at < 1 || at === item.length - 1) throw new Error(`"${item}" is not alias=variant`);
      const name = alias.parse(item.slice(0, at).trim());
      if (seen.has(name)) throw new Error(`alias "${name}" is used twice`);
      seen.add(name);
      return [name, item.slice(at + 1).trim()];
    });
    return Object.freeze(Object.fromEntries(pairs));
  },
  check(value) {
    if (!isRecord(value)) throw new Error(`${shown(value)} is not an object of alias: variant`);
    const pairs = allOf(Object.entries(value), ([name, variant]) => {
      try {
        return [alias.check(name), text.check(variant)];
      } catch (error) {
        throw new Error(`${name}: ${problemOf(error)}`);
      }
    });
    return Object.freeze(Object.fromEntries(pairs));
  },
};
