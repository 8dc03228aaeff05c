// `embedq embed`: texts of the command line, or of a file of any size, into vectors.
import type { ArgsDef, ParsedArgs } from 'citty';
import type { Embedder } from '../contracts/embedder.js';
import type { EmbedOptions } from '../contracts/embedding.js';
import type { Profile } from '../contracts/lane.js';
import { fail } from '../errors.js';
import { integerOption } from './arguments.js';
import { type CommandEnvironment, defineEmbedqCommand, EXIT_FAILURE, EXIT_OK } from './command.js';
import { type Delivered, deliver } from './deliver.js';
import { oneLine } from './display-width.js';
import { createFormat, FORMATS, type FormatName } from './formats.js';
import { MODEL_ARGUMENTS, openChosenModel } from './open-embedder.js';
import { fileOutput, type Output, stdoutOutput } from './output.js';
import { PLAIN, paintFor } from './paint.js';
import { createProgress, formatCount, formatDuration } from './progress.js';
import { type InputFormat, openTextSource, readTexts, type TextRow } from './read-texts.js';
import type { Reporter } from './reporter.js';
import { isSameFile } from './same-file.js';

const ARGUMENTS = {
  texts: {
    type: 'positional',
    required: false,
    description: 'Texts to embed; quote each one. After -- they may begin with a dash.',
  },
  file: {
    type: 'string',
    alias: 'f',
    valueHint: 'path',
    description:
      'Read texts from a file: .txt has a text a line, .jsonl a JSON string or {"text": …} a line. - is stdin. Any size.',
  },
  'input-format': {
    type: 'enum',
    options: ['txt', 'jsonl'],
    description: 'What the file is. Default: by its ending, else by its first line ({"text": …} means jsonl).',
  },
  out: {
    type: 'string',
    alias: 'o',
    valueHint: 'path',
    description: 'Write to a file, which appears when it is whole. Default: stdout.',
  },
  format: {
    type: 'enum',
    options: [...FORMATS],
    description: 'Shape of the result. Default: by the ending of --out, else table on a terminal and jsonl elsewhere.',
  },
  ...MODEL_ARGUMENTS,
  profile: {
    type: 'enum',
    options: ['rt', 'bulk'],
    description: 'rt answers few texts soonest, bulk many texts fastest. Default: rt for texts, bulk for a file.',
  },
  'prompt-name': {
    type: 'string',
    valueHint: 'name',
    description: "One of the model's prompts, such as query. Default: the model's default prompt, if it has one.",
  },
  prompt: { type: 'string', valueHint: 'text', description: "A prompt's own text, put before each text as it is." },
  dimensions: {
    type: 'string',
    valueHint: 'floats',
    description: "Cut each vector to this many floats and normalise it again. Default: the model's own.",
  },
  truncate: {
    type: 'boolean',
    default: true,
    description: 'Cut texts that are longer than the model takes.',
    negativeDescription: 'Refuse texts that are longer than the model takes. Default: cut them, and say how many.',
  },
  quiet: { type: 'boolean', alias: 'q', description: 'No progress bar and no warnings on stderr; errors only.' },
  json: { type: 'boolean', description: 'Errors and warnings on stderr as JSON, one object a line.' },
} satisfies ArgsDef;

type EmbedArguments = ParsedArgs<typeof ARGUMENTS>;

export const embedCommand = defineEmbedqCommand({
  meta: {
    name: 'embed',
    description:
      'Turn texts or a file of texts into vectors. Results go to stdout or to --out, everything else to stderr.',
  },
  args: ARGUMENTS,
  maxPositionals: Number.POSITIVE_INFINITY,
  examples: [
    { command: 'embedq embed "Hello world"' },
    { command: 'embedq embed --file texts.jsonl --out vectors.jsonl', does: 'a file of any size, with a progress bar' },
    { command: 'embedq embed --file texts.txt --out vectors.npy', does: 'for numpy.load: float32 [texts, dimensions]' },
    { command: 'cut -f2 table.tsv | embedq embed --file - | gzip > vectors.jsonl.gz' },
    { command: 'embedq embed --model ./my-model --variant int8 --prompt-name query "a question"' },
  ],
  notes: [
    'jsonl: a row a text, in the order of the input: {"index", "model", "dim", "fingerprint", "vector"}. json: one array of these. npy: float32, needs --out for a file, because its size stands at its beginning. table: for people.',
    'Vectors of different fingerprints may not be compared. A text that cannot be computed gets {"index", "model", "error"} (in .npy a row of NaN) and the exit code 1; the others are delivered.',
    'Exit codes: 0 done, 1 failed, 2 wrong usage, 130 ended by Ctrl-C (--out is then left as it was).',
  ],
  run: ({ args }, environment) => runEmbed(args, environment),
});

async function runEmbed(args: EmbedArguments, environment: CommandEnvironment): Promise<number> {
  const { reporter, interruption } = environment;
  const plan = planFrom(args);
  const startedAtMs = performance.now();
  const source = args.file === undefined ? null : await openTextSource(args.file);
  const progress = createProgress(process.stderr, source?.sizeBytes ?? null, source === null || args.quiet === true);
  let embedder: Embedder | null = null;
  let output: Output | null = null;
  let delivered: Delivered;
  try {
    // Opened before the model is loaded: a path that cannot be written should not cost a wait.
    output = plan.outFile === null ? stdoutOutput() : await fileOutput(plan.outFile, interruption);
    if (plan.format === 'npy' && plan.rowCount === null && output.overwrite === null) {
      throw fail('E_USAGE', { problem: `${plan.outFile} cannot hold .npy: its size stands at its beginning` });
    }
    const opened = await openChosenModel(args, plan.profile, interruption.signal);
    embedder = opened.embedder;
    const dim = embedder.models[0]?.dim ?? 0;
    const options = embedOptions(args, plan, opened.promptName, dim);
    const paint = plan.outFile === null ? paintFor(process.stdout) : PLAIN;
    const format = createFormat(plan.format, { dim: options.dimensions ?? dim, rowCount: plan.rowCount, paint });
    const rows = source === null ? rowsOf(plan.texts) : readTexts(source, plan.inputFormat);
    delivered = await deliver(rows, { embedder, options, format, output, progress, signal: interruption.signal });
  } finally {
    progress.stop();
    await embedder?.close();
    await output?.discard();
    source?.close();
  }
  report(delivered, (performance.now() - startedAtMs) / 1000, source !== null, reporter);
  return delivered.failed > 0 ? EXIT_FAILURE : EXIT_OK;
}

interface EmbedPlan {
  readonly texts: readonly string[];
  /** null: a file, counted when it is read. */
  readonly rowCount: number | null;
  readonly inputFormat: InputFormat | null;
  readonly profile: Profile;
  readonly format: FormatName;
  /** null: stdout. */
  readonly outFile: string | null;
}

/** What the arguments mean together. @throws E_USAGE where they contradict each other */
function planFrom(args: EmbedArguments): EmbedPlan {
  const texts = args._;
  const fromFile = args.file !== undefined;
  const misuse = (problem: string) => fail('E_USAGE', { problem });
  if (fromFile && texts.length > 0) throw misuse('give texts or --file, not both');
  if (!fromFile && texts.length === 0) throw misuse('give texts, or --file with a path (- for stdin)');
  if (!fromFile && texts.length === 1 && texts[0] === '-') throw misuse('stdin is read with --file -');
  if (!fromFile && args['input-format'] !== undefined) throw misuse('--input-format goes with --file');
  if (args.prompt !== undefined && args['prompt-name'] !== undefined) {
    throw misuse('give --prompt-name or --prompt, not both');
  }
  const outFile = args.out === undefined || args.out === '-' ? null : args.out;
  const format = (args.format as FormatName | undefined) ?? defaultFormat(outFile);
  if (format === 'npy' && outFile === null && process.stdout.isTTY === true) {
    throw misuse('.npy is no text for a terminal; give --out');
  }
  if (format === 'npy' && outFile === null && fromFile) {
    throw misuse('.npy says its size at its beginning, so a file of texts needs --out');
  }
  if (args.file !== undefined && outFile !== null && isSameFile(args.file, outFile)) {
    throw misuse(`--out ${outFile} is the file that is read; choose another, or the texts would be lost`);
  }
  return {
    texts,
    rowCount: fromFile ? null : texts.length,
    inputFormat: (args['input-format'] as InputFormat | undefined) ?? null,
    profile: (args.profile as Profile | undefined) ?? (fromFile ? 'bulk' : 'rt'),
    format,
    outFile,
  };
}

function defaultFormat(outFile: string | null): FormatName {
  if (outFile === null) return process.stdout.isTTY === true ? 'table' : 'jsonl';
  if (/\.npy$/i.test(outFile)) return 'npy';
  return /\.json$/i.test(outFile) ? 'json' : 'jsonl';
}

function embedOptions(args: EmbedArguments, plan: EmbedPlan, promptName: string | null, dim: number) {
  const dimensions = integerOption('dimensions', args.dimensions, 1, dim);
  const namedPrompt = args['prompt-name'] ?? promptName ?? undefined;
  return {
    profile: plan.profile,
    truncate: args.truncate,
    ...(dimensions === undefined ? {} : { dimensions }),
    ...(args.prompt === undefined ? {} : { prompt: args.prompt }),
    ...(namedPrompt === undefined || args.prompt !== undefined ? {} : { promptName: namedPrompt }),
  } satisfies EmbedOptions;
}

async function* rowsOf(texts: readonly string[]): AsyncGenerator<TextRow> {
  for (const text of texts) yield { text, endOffset: 0 };
}

function report(delivered: Delivered, seconds: number, isFile: boolean, reporter: Reporter): void {
  const { texts, tokens, truncated, failed, failedRows, warnings } = delivered;
  for (const warning of warnings) reporter.warn(warning);
  if (truncated > 0) {
    const verb = truncated === 1 ? 'was' : 'were';
    reporter.warn(
      `${formatCount(truncated)} of ${formatCount(texts)} texts ${verb} longer than the model takes and ${verb} cut.`,
    );
  }
  for (const { index, text, error } of failedRows) {
    reporter.warn(`text ${index} ("${oneLine(text, 40)}") has no vector: ${error?.message} (${error?.code})`);
  }
  if (failed > failedRows.length)
    reporter.warn(`${formatCount(failed - failedRows.length)} more texts have no vector.`);
  if (isFile) {
    const rate = formatCount(texts / Math.max(seconds, 0.001));
    reporter.note(
      `${formatCount(texts)} texts, ${formatCount(tokens)} tokens in ${formatDuration(seconds)}: ${rate} texts/s`,
    );
  }
}
