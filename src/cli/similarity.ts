// `embedq similarity`: how close texts are in meaning, as people can read it.
import type { ArgsDef, ParsedArgs } from 'citty';
import { fail } from '../errors.js';
import { type CommandEnvironment, defineEmbedqCommand, EXIT_OK } from './command.js';
import { MODEL_ARGUMENTS, openChosenModel } from './open-embedder.js';
import { stdoutOutput } from './output.js';
import { paintFor } from './paint.js';
import { type InputFormat, openTextSource, readTexts } from './read-texts.js';
import { cosineMatrix, describePair, describeTable } from './similarity-table.js';

/** A table of more is no use to a reader; the JSON of more is no small thing either. */
const MAX_TEXTS_IN_TABLE = 50;
const MAX_TEXTS = 1000;

const ARGUMENTS = {
  texts: { type: 'positional', required: false, description: 'Two texts or more; quote each one.' },
  file: {
    type: 'string',
    alias: 'f',
    valueHint: 'path',
    description: `Read the texts from a .txt or .jsonl instead; - is stdin. At most ${MAX_TEXTS} texts.`,
  },
  'input-format': {
    type: 'enum',
    options: ['txt', 'jsonl'],
    description: 'What the file is. Default: by its ending, else by its first line.',
  },
  ...MODEL_ARGUMENTS,
  'prompt-name': {
    type: 'string',
    valueHint: 'name',
    description:
      "One of the model's prompts, put before each text. Default: the model's default prompt, if it has one.",
  },
  quiet: { type: 'boolean', alias: 'q', description: 'No warnings on stderr; errors only.' },
  json: { type: 'boolean', description: 'The result as one JSON object on stdout, errors as JSON on stderr.' },
} satisfies ArgsDef;

export const similarityCommand = defineEmbedqCommand({
  meta: {
    name: 'similarity',
    description:
      'Say how close texts are in meaning: the cosine of their vectors, 1 for the same direction, 0 for nothing in common.',
  },
  args: ARGUMENTS,
  maxPositionals: MAX_TEXTS,
  examples: [
    { command: 'embedq similarity "a dog runs" "a puppy is running"' },
    { command: 'embedq similarity "a dog" "a puppy" "tax law"', does: 'each with each' },
    { command: 'embedq similarity --file texts.txt --json' },
  ],
  notes: [
    'How high a cosine is high depends on the model: compare cosines of one model with each other, not with a fixed bar.',
    'JSON: {"model", "fingerprint", "texts", "cosines"}, cosines being a row a text.',
  ],
  run: ({ args }, environment) => runSimilarity(args, environment),
});

async function runSimilarity(
  args: ParsedArgs<typeof ARGUMENTS>,
  { reporter, interruption }: CommandEnvironment,
): Promise<number> {
  const texts = await takeTexts(args);
  if (texts.length < 2)
    throw fail('E_USAGE', { problem: `similarity needs two texts or more, there are ${texts.length}` });
  if (args.json !== true && texts.length > MAX_TEXTS_IN_TABLE) {
    throw fail('E_USAGE', {
      problem: `a table holds at most ${MAX_TEXTS_IN_TABLE} texts, there are ${texts.length}; use --json`,
    });
  }
  const { embedder, promptName } = await openChosenModel(args, 'rt', interruption.signal);
  try {
    const namedPrompt = args['prompt-name'] ?? promptName;
    const result = await embedder.embedTexts(texts, {
      signal: interruption.signal,
      ...(namedPrompt === null ? {} : { promptName: namedPrompt }),
    });
    const [answer] = result.modelResults;
    const failed = result.vectors.findIndex((vector) => vector.length === 0);
    if (failed !== -1 || answer === undefined) {
      throw fail('E_INFERENCE_FAILED', { problem: `text ${failed} ended every inference process that computed it` });
    }
    for (const warning of answer.warnings) reporter.warn(warning);
    const cosines = cosineMatrix(result.vectors);
    const { model, fingerprint, variant } = answer;
    const paint = paintFor(process.stdout);
    const text =
      args.json === true
        ? `${JSON.stringify({ model, fingerprint, texts, cosines: cosines.map((row) => [...row]) })}\n`
        : (texts.length === 2 ? describePair(texts, cosines) : describeTable(texts, cosines, paint)) +
          `${paint('dim', `${model} (${variant}), fingerprint ${fingerprint}`)}\n`;
    await stdoutOutput().write(text);
    return EXIT_OK;
  } finally {
    await embedder.close();
  }
}

async function takeTexts(args: ParsedArgs<typeof ARGUMENTS>): Promise<readonly string[]> {
  if (args.file === undefined) return args._;
  if (args._.length > 0) throw fail('E_USAGE', { problem: 'give texts or --file, not both' });
  const source = await openTextSource(args.file);
  try {
    const texts: string[] = [];
    for await (const { text } of readTexts(source, (args['input-format'] as InputFormat | undefined) ?? null)) {
      if (texts.length === MAX_TEXTS) {
        throw fail('E_USAGE', { problem: `${source.name} has more than ${MAX_TEXTS} texts, the limit of similarity` });
      }
      texts.push(text);
    }
    return texts;
  } finally {
    source.close();
  }
}
