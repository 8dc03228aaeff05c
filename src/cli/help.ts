// The --help pages. Written here and not by citty: they show examples and notes, wrap to the terminal, and say
// each option's default and unit.
import type { ArgDef, ArgsDef, CommandDef } from 'citty';
import { shortAlias } from './arguments.js';
import type { Command } from './command.js';
import type { CommandGroup } from './commands.js';
import type { Paint } from './paint.js';

const WIDTH = 100;

// biome-ignore lint/suspicious/noExplicitAny: whatever the arguments.
type AnyCommand = Command<any> | CommandDef<any>;

/** The page of a group of commands, such as `embedq --help`. */
export function groupHelp(path: readonly string[], group: CommandGroup, paint: Paint): string {
  const commands = Object.entries(group.commands).map(([name, entry]): Row => [name, entry.summary]);
  const program = path.join(' ');
  const lines = [
    group.summary,
    '',
    `${paint('bold', 'Usage:')} ${program} <command> [options]`,
    '',
    paint('bold', 'Commands:'),
    ...columns(commands, paint),
  ];
  if (path.length === 1) {
    lines.push(
      '',
      paint('bold', 'Examples:'),
      '  embedq embed "Hello world"',
      '  embedq embed --file texts.jsonl --out vectors.jsonl',
      '  embedq similarity "a dog" "a puppy" "tax law"',
      '  embedq serve --port 8000',
      '',
      'Which models are served and how is said by environment variables; see embedq config --help.',
      'Exit codes: 0 done, 1 failed, 2 wrong usage, 130 ended by Ctrl-C.',
    );
  }
  lines.push('', `${program} <command> --help tells more about a command; embedq --version prints the version.`);
  return `${lines.join('\n')}\n`;
}

/** The page of one command. */
export function commandHelp(path: readonly string[], command: AnyCommand, paint: Paint): string {
  const definitions: ArgsDef = command.args ?? {};
  const all = Object.entries(definitions);
  const positionals = all.filter(([, definition]) => definition.type === 'positional');
  const options = all.filter(([, definition]) => definition.type !== 'positional');
  const many = 'maxPositionals' in command && (command.maxPositionals ?? 0) > positionals.length;
  const usage = positionals.map(([name, definition]) => {
    const word = `${name}${many ? '…' : ''}`;
    return definition.required === false ? ` [${word}]` : ` <${word}>`;
  });
  const lines = [
    ...wrap(descriptionOf(command), WIDTH),
    '',
    `${paint('bold', 'Usage:')} ${path.join(' ')}${usage.join('')}${options.length > 0 ? ' [options]' : ''}`,
  ];
  if (positionals.length > 0) {
    const rows = positionals.map(([name, definition]): Row => [name, definition.description ?? '']);
    lines.push('', paint('bold', 'Arguments:'), ...columns(rows, paint));
  }
  const optionRows = options.map(
    ([name, definition]): Row => [optionSpelling(name, definition), optionText(definition)],
  );
  lines.push('', paint('bold', 'Options:'), ...columns([...optionRows, ['-h, --help', 'Print this page.']], paint));
  if ('examples' in command && command.examples) {
    lines.push('', paint('bold', 'Examples:'));
    for (const { command: example, does } of command.examples) {
      lines.push(...(does ? [paint('dim', `  # ${does}`)] : []), `  ${example}`);
    }
  }
  if ('notes' in command && command.notes) {
    for (const note of command.notes) lines.push('', ...wrap(note, WIDTH));
  }
  return `${lines.join('\n')}\n`;
}

function descriptionOf({ meta }: AnyCommand): string {
  // citty allows a promise or a function here; no command of this program uses either.
  return typeof meta === 'object' && 'description' in meta ? (meta.description ?? '') : '';
}

function optionSpelling(name: string, definition: ArgDef): string {
  const short = shortAlias(definition);
  const prefix = short ? `-${short}, ` : '';
  if (definition.type === 'enum') return `${prefix}--${name} ${(definition.options ?? []).join('|')}`;
  if (definition.type === 'string') return `${prefix}--${name} <${definition.valueHint ?? 'value'}>`;
  return definition.default === true ? `${prefix}--no-${name}` : `${prefix}--${name}`;
}

function optionText(definition: ArgDef): string {
  const negated = 'negativeDescription' in definition && definition.default === true;
  const text = (negated ? definition.negativeDescription : definition.description) ?? '';
  const isBoolean = definition.type === undefined || definition.type === 'boolean';
  return definition.default === undefined || isBoolean ? text : `${text} Default: ${definition.default}.`;
}

type Row = readonly [label: string, text: string];

/** Two columns; a label too long for the first one stands alone on its line. */
function columns(rows: readonly Row[], paint: Paint): string[] {
  const labelWidth = Math.min(30, Math.max(...rows.map(([label]) => label.length)));
  const indent = ' '.repeat(labelWidth + 4);
  return rows.flatMap(([label, text]) => {
    const [first = '', ...more] = wrap(text, WIDTH - indent.length);
    const painted = `  ${paint('cyan', label)}`;
    const continued = more.map((line) => `${indent}${line}`);
    if (label.length > labelWidth) return [painted, `${indent}${first}`, ...continued];
    return [`${painted}${' '.repeat(labelWidth - label.length)}  ${first}`, ...continued];
  });
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
