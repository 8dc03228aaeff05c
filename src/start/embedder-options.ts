// What createEmbedder is given, checked as a whole: every fault is found before any model is loaded.
import path from 'node:path';
import { type Config, type GivenModels, inspectConfig } from '../config.js';
import { isRecord, problemOf, shown, text } from '../config-formats.js';
import { alias, aliases, maxSeq, modelEntries, modelEntry } from '../config-models.js';
import { type Logger, SILENT } from '../contracts/log.js';
import type { ModelEntry } from '../contracts/model.js';
import { fail } from '../errors.js';
import { didYouMean } from '../nearest-word.js';
import type { ModelRequest } from '../worker/load-model.js';

/** A model from a folder instead of EMB_MODELS: what it makes is taken from its files. */
export interface FolderModel {
  readonly folder: string;
  /** Default: the folder's name. */
  readonly alias?: string;
  /** `fp32`, `int8` or a path inside the folder. Default: `onnx/model.onnx`. */
  readonly variant?: string;
  /** Longest input in tokens; default: what the repository says. */
  readonly maxSeq?: number;
}

export interface EmbedderOptions {
  /** In the format of EMB_MODELS, or entries and folders. Default: EMB_MODELS. */
  readonly models?: string | readonly (ModelEntry | FolderModel)[];
  /** Of these models, load only the ones with these aliases. */
  readonly only?: readonly string[];
  /** Takes the place of what the environment says. */
  readonly config?: Partial<Omit<Config, 'models'>>;
  /** True: ready for bulk at once. Default: the bulk pool starts with the first bulk call. */
  readonly startBulkAtOnce?: boolean;
  readonly log?: Logger;
}

export interface CheckedOptions {
  readonly config: Config;
  /** At least one; no alias twice. */
  readonly requests: readonly ModelRequest[];
  readonly startBulkAtOnce: boolean;
  readonly log: Logger;
}

const OPTION_NAMES: readonly string[] = [
  'models',
  'only',
  'config',
  'startBulkAtOnce',
  'log',
] satisfies (keyof EmbedderOptions)[];

const FOLDER_FORMATS = { folder: text, alias, variant: text, maxSeq } as const;

/**
 * @param given whatever the caller passed; TypeScript's word for it is not taken
 * @throws E_CONFIG_INVALID with all faults at once, E_MODEL_UNKNOWN where `only` names a model that is not there
 */
export function checkOptions(given: unknown): CheckedOptions {
  if (!isRecord(given)) throw fail('E_CONFIG_INVALID', { faults: [`options: ${shown(given)} is not an object`] });
  const faults = Object.keys(given)
    .filter((name) => !OPTION_NAMES.includes(name))
    .map(
      (name) =>
        `${name}: there is no such option${didYouMean(name, OPTION_NAMES) || ';'} known: ${OPTION_NAMES.join(', ')}`,
    );
  const models = given.models === undefined ? null : checkModels(given.models);
  faults.push(...(models?.faults ?? []));
  const only = given.only === undefined ? null : attempt('only', faults, () => aliases.check(given.only));
  if (given.startBulkAtOnce !== undefined && typeof given.startBulkAtOnce !== 'boolean') {
    faults.push(`startBulkAtOnce: ${shown(given.startBulkAtOnce)} is not true or false`);
  }
  if (given.log !== undefined && !isLogger(given.log)) {
    faults.push('log: it is not an object with the functions debug, info, warn and error');
  }
  const inspected = inspectConfig({ overrides: given.config, models: models === null ? null : summarise(models) });
  faults.push(...inspected.faults);
  const { config } = inspected;
  if (faults.length > 0 || config === null) throw fail('E_CONFIG_INVALID', { faults });

  const all = (models?.list ?? config.models).map((model) => describeRequest(model, config));
  const known = all.map(aliasOfRequest);
  const unknown = only?.find((name) => !known.includes(name));
  if (unknown !== undefined) throw fail('E_MODEL_UNKNOWN', { model: unknown, known });
  return {
    config,
    requests: all.filter((request) => only === null || only.includes(aliasOfRequest(request))),
    startBulkAtOnce: given.startBulkAtOnce === true,
    log: isLogger(given.log) ? given.log : SILENT,
  };
}

interface CheckedModels {
  readonly list: readonly (ModelEntry | NamedFolder)[];
  readonly faults: readonly string[];
}

type NamedFolder = FolderModel & { readonly alias: string };

function checkModels(given: unknown): CheckedModels {
  const faults: string[] = [];
  if (typeof given === 'string') {
    return { list: attempt('models', faults, () => modelEntries.parse(given)) ?? [], faults };
  }
  if (!Array.isArray(given)) {
    return { list: [], faults: [`models: ${shown(given)} is neither a list nor a text in the format of EMB_MODELS`] };
  }
  if (given.length === 0) faults.push('models: it lists no model; at least one is needed');
  const list: (ModelEntry | NamedFolder)[] = [];
  for (const [index, item] of given.entries()) {
    const where = `models[${index}]`;
    const model =
      isRecord(item) && 'folder' in item
        ? checkFolder(where, item, faults)
        : attempt(where, faults, () => modelEntry.check(item));
    if (model === null) continue;
    if (list.some((earlier) => earlier.alias === model.alias)) {
      faults.push(`${where}: alias "${model.alias}" is used twice`);
    }
    list.push(model);
  }
  return { list, faults };
}

function checkFolder(where: string, item: Readonly<Record<string, unknown>>, faults: string[]): NamedFolder | null {
  const before = faults.length;
  const known = Object.keys(FOLDER_FORMATS);
  for (const [name, value] of Object.entries(item)) {
    if (!isFolderField(name)) {
      faults.push(
        `${where}.${name}: there is no such field${didYouMean(name, known) || ';'} known: ${known.join(', ')}`,
      );
    } else if (value !== undefined || name === 'folder') {
      attempt(`${where}.${name}`, faults, () => FOLDER_FORMATS[name].check(value));
    }
  }
  if (faults.length > before) return null;
  // Every field was checked by its own format.
  const folder = item as unknown as FolderModel;
  return { ...folder, alias: folder.alias ?? aliasOfFolder(folder.folder) };
}

function isFolderField(name: string): name is keyof typeof FOLDER_FORMATS {
  return Object.hasOwn(FOLDER_FORMATS, name);
}

function summarise({ list, faults }: CheckedModels): GivenModels {
  const entries = list.filter((model): model is ModelEntry => !('folder' in model));
  const served = list.map((model) => ({ alias: model.alias, maxSeq: model.maxSeq ?? null }));
  return { entries, served: faults.length > 0 ? null : served };
}

/** The value, or null and one more fault. */
function attempt<Value>(name: string, faults: string[], read: () => Value): Value | null {
  try {
    return read();
  } catch (error) {
    faults.push(`${name}: ${problemOf(error)}`);
    return null;
  }
}

function isLogger(value: unknown): value is Logger {
  if (typeof value !== 'object' || value === null) return false;
  return ['debug', 'info', 'warn', 'error'].every((level) => typeof Reflect.get(value, level) === 'function');
}

function describeRequest(model: ModelEntry | NamedFolder, config: Config): ModelRequest {
  const variant = config.modelVariants[model.alias] ?? null;
  if (!('folder' in model)) return { kind: 'entry', entry: model, variant };
  const { folder, alias: name, maxSeq: longest = null } = model;
  return { kind: 'folder', alias: name, folder, variant: model.variant ?? variant, maxSeq: longest };
}

function aliasOfRequest(request: ModelRequest): string {
  return request.kind === 'folder' ? request.alias : request.entry.alias;
}

/** The folder's name, in the characters an alias may have and no longer than one may be. */
function aliasOfFolder(folder: string): string {
  const name = path.basename(path.resolve(folder)).toLowerCase();
  const fit = name.replaceAll(/[^a-z0-9._-]+/g, '-').replace(/^[^a-z0-9]+/, '');
  return fit.slice(0, 64) || 'model';
}
