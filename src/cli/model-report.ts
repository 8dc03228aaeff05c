// What `models show` has found out about a model, for people and as JSON.
import type { ModelInfo } from '../contracts/model.js';
import type { EmbedqError } from '../errors.js';
import type { LoadedModel } from '../worker/load-model.js';
import { oneLine } from './display-width.js';
import type { Paint } from './paint.js';
import { formatCount } from './progress.js';

export interface ModelReport {
  readonly loaded: LoadedModel;
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  /** Paths in the repository that a variant can be. */
  readonly graphs: readonly string[];
  /** null: not asked for. */
  readonly probe: ProbeVerdict | null;
}

export interface ProbeVerdict {
  /** Why the model could not be served; null: it can. */
  readonly problem: EmbedqError | null;
  /** What it is when it serves; null where there is a problem. */
  readonly info: ModelInfo | null;
}

type Fact = readonly [label: string, ...lines: string[]];

export function describeModel(report: ModelReport, paint: Paint): string {
  const { loaded, files, probe } = report;
  const { info, description, resolved, manifest } = loaded;
  const { tokenizer, graph } = description;
  const warnings = warningsOf(report);
  const facts: Fact[] = [
    ['model', `${info.modelId}, revision ${info.revision}`],
    ['folder', resolved.folder, resolved.reason],
    ['looked in', ...resolved.tried],
    ['variant', `${info.variant} (${info.file})${description.variantNamed ? ', named' : ', by default'}`],
    ['variants', ...variantLines(report)],
    ['files', ...files.map(({ name, bytes }) => `${formatBytes(bytes).padStart(9)}  ${name}`)],
    ['fingerprint', info.fingerprint],
    ['dimensions', `${info.dim} floats a vector`],
    ['max_seq', `${info.maxSeq} tokens, from ${description.maxSeqSource}`, positionsText(description.positions)],
    ['architecture', description.architecture],
    ['graph', `inputs ${graph.inputs.join(', ')}`, `output ${graph.output} (${graph.outputKind}, ${graph.width} wide)`],
    ['chain', description.chainInWords],
    ['tokenizer', tokenizerText(tokenizer)],
    ['prompts', ...promptLines(info)],
    ...(manifest ? [['licence', manifest.licence] as Fact, ['source', manifest.source] as Fact] : []),
    [
      'manifest',
      manifest
        ? `by ${manifest.tool_version}, ${manifest.created_at}`
        : 'none: files and vectors have nothing to be held against',
    ],
    ['golden probes', probesText(report)],
    ['batch', batchText(probe)],
    ['warnings', ...(warnings.length > 0 ? warnings.map((warning) => paint('yellow', warning)) : ['none'])],
  ];
  const problem = probe?.problem
    ? `${paint('red', 'cannot be served as it is:')} ${probe.problem.message}\n  ${probe.problem.advice}\n`
    : '';
  return `${paint('bold', info.alias)}\n${facts.map((fact) => factLines(fact, paint)).join('')}${problem}`;
}

export function modelReportJson(report: ModelReport) {
  const { loaded, files, probe } = report;
  const { info, description, resolved, manifest } = loaded;
  return {
    alias: info.alias,
    model_id: info.modelId,
    revision: info.revision,
    folder: resolved.folder,
    found: { source: resolved.source, reason: resolved.reason, tried: resolved.tried },
    variant: info.variant,
    variant_named: description.variantNamed,
    variants: manifest?.variants ?? null,
    weights_files: report.graphs,
    files,
    fingerprint: info.fingerprint,
    dim: info.dim,
    max_seq: info.maxSeq,
    max_seq_source: description.maxSeqSource,
    positions: description.positions,
    architecture: description.architecture,
    graph: {
      inputs: description.graph.inputs,
      output: description.graph.output,
      output_kind: description.graph.outputKind,
      width: description.graph.width,
    },
    chain: description.chainInWords,
    tokenizer: {
      pad_id: description.tokenizer.padId,
      padding_side: description.tokenizer.paddingSide,
      truncation_side: description.tokenizer.truncationSide,
      lowercase: description.tokenizer.lowercase,
    },
    prompts: info.prompts,
    default_prompt_name: info.defaultPromptName,
    licence: manifest?.licence ?? null,
    source: manifest?.source ?? null,
    golden_probes: manifest?.golden_probes.length ?? null,
    batch_invariant: probe?.info?.batchInvariant ?? (probe?.problem?.code === 'E_MODEL_BATCH_DEPENDENT' ? false : null),
    warnings: warningsOf(report),
    problem: probe?.problem ? { code: probe.problem.code, message: probe.problem.message } : null,
  };
}

function factLines([label, ...lines]: Fact, paint: Paint): string {
  const shown = lines.filter((line) => line !== '');
  return shown.map((line, at) => `  ${paint('dim', (at === 0 ? label : '').padEnd(14))}  ${line}\n`).join('');
}

/** `22.5 MiB` */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const kibibytes = bytes / 1024;
  return kibibytes < 1024 ? `${kibibytes.toFixed(1)} KiB` : `${(kibibytes / 1024).toFixed(1)} MiB`;
}

function variantLines({ graphs, loaded: { manifest } }: ModelReport): string[] {
  return graphs.map((graph) => {
    const known = Object.entries(manifest?.variants ?? {}).find(([, { file }]) => file === graph);
    if (known === undefined) return graph;
    const [name, { fingerprint }] = known;
    return `${name}: ${graph}, fingerprint ${fingerprint}${name === manifest?.default_variant ? ', the default' : ''}`;
  });
}

function positionsText(positions: number | null): string {
  return positions === null ? '' : `the position table holds ${formatCount(positions)} tokens`;
}

function tokenizerText({
  padId,
  paddingSide,
  truncationSide,
  lowercase,
}: LoadedModel['description']['tokenizer']): string {
  const sides = `pads ${paddingSide} with id ${padId}, cuts ${truncationSide}`;
  return lowercase ? `${sides}, lower-cases first` : sides;
}

function promptLines({ prompts, defaultPromptName }: Pick<ModelInfo, 'prompts' | 'defaultPromptName'>): string[] {
  const lines = Object.entries(prompts).map(([name, text]) => {
    const preset = name === defaultPromptName ? ' (the default)' : '';
    return `${name}: "${oneLine(text, 80)}${text.endsWith(' ') ? ' ' : ''}"${preset}`;
  });
  return lines.length > 0 ? lines : ['none'];
}

function probesText({ loaded: { manifest }, probe }: ReportPart): string {
  const count = manifest?.golden_probes.length ?? 0;
  if (count === 0) return 'none';
  if (probe === null) return `${count} in the manifest, not run`;
  if (probe.problem?.code === 'E_MODEL_PROBES_FAILED')
    return `${count} in the manifest; they came out wrong, see below`;
  return probe.problem === null ? `${count} in the manifest, all came out right` : `${count} in the manifest`;
}

type ReportPart = Pick<ModelReport, 'loaded' | 'probe'>;

function batchText(probe: ProbeVerdict | null): string {
  if (probe === null) return 'not tried';
  if (probe.info !== null) {
    return probe.info.batchInvariant
      ? 'a text has the same vector alone and in any batch'
      : 'a text has another vector in another batch';
  }
  return probe.problem?.code === 'E_MODEL_BATCH_DEPENDENT'
    ? 'a text has another vector in another batch'
    : 'could not be tried';
}

function warningsOf({ loaded, probe }: ReportPart): string[] {
  return [...new Set([...loaded.info.warnings, ...(probe?.info?.warnings ?? [])])];
}
