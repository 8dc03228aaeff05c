// `embedq config`: the configuration in force, and its reference.
import type { ArgsDef, ParsedArgs } from 'citty';
import { readConfig } from '../config.js';
import { configurationMarkdown, envExample, settingsInForce } from '../config-reference.js';
import { fail } from '../errors.js';
import { defineEmbedqCommand, EXIT_OK } from './command.js';
import { stdoutOutput } from './output.js';
import { type Paint, paintFor } from './paint.js';

const ARGUMENTS = {
  'env-example': {
    type: 'boolean',
    description: 'Print a .env file with every variable, its default and what it does.',
  },
  markdown: { type: 'boolean', description: 'Print the reference of all variables as Markdown.' },
  json: { type: 'boolean', description: 'The result as one JSON object on stdout, errors as JSON on stderr.' },
} satisfies ArgsDef;

export const configCommand = defineEmbedqCommand({
  meta: {
    name: 'config',
    description:
      'Print the configuration in force: every environment variable that embedq reads, secrets masked. Faults are listed all at once.',
  },
  args: ARGUMENTS,
  examples: [
    { command: 'embedq config' },
    { command: 'embedq config --env-example > .env' },
    { command: 'EMB_SESSIONS=two embedq config', does: 'is it right?' },
  ],
  async run({ args }) {
    const chosen = [args['env-example'], args.markdown, args.json].filter((flag) => flag === true);
    if (chosen.length > 1) throw fail('E_USAGE', { problem: 'give one of --env-example, --markdown and --json' });
    await stdoutOutput().write(textFor(args));
    return EXIT_OK;
  },
});

function textFor(args: ParsedArgs<typeof ARGUMENTS>): string {
  if (args['env-example'] === true) return envExample();
  if (args.markdown === true) return configurationMarkdown();
  const settings = settingsInForce(readConfig(), readConfig({}));
  if (args.json === true) {
    return `${JSON.stringify(Object.fromEntries(settings.map(({ name, value }) => [name, value])), null, 2)}\n`;
  }
  return describe(settings, paintFor(process.stdout));
}

function describe(settings: ReturnType<typeof settingsInForce>, paint: Paint): string {
  const width = Math.max(...settings.map(({ name }) => name.length));
  let group = '';
  const lines = settings.flatMap(({ name, value, isDefault, group: of }) => {
    const heading = of === group ? [] : [...(group === '' ? [] : ['']), paint('bold', of)];
    group = of;
    const shown = value === null || value === '' ? '(unset)' : value;
    const line = `  ${name.padEnd(width)}  ${shown}`;
    return [...heading, isDefault ? paint('dim', line) : `${line}  ${paint('cyan', '(set)')}`];
  });
  return `${lines.join('\n')}\n`;
}
