// From raw arguments to an exit code: find the command, answer --help and --version, check the arguments, run it,
// and say what failed in one voice.
import { runCommand } from 'citty';
import { findUnknownVariables } from '../config.js';
import { fail, toEmbedqError } from '../errors.js';
import { didYouMean } from '../nearest-word.js';
import { readVersion } from '../start/version.js';
import { checkArguments } from './arguments.js';
import { type CommandEnvironment, EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from './command.js';
import { type CommandEntry, type CommandGroup, isGroup, ROOT } from './commands.js';
import { commandHelp, groupHelp } from './help.js';
import { listenForInterruption } from './interruption.js';
import { isReaderGone, writeText } from './output.js';
import { paintFor } from './paint.js';
import { createReporter } from './reporter.js';

/** Runs `embedq <rawArgs>`. Never throws; ends the process itself only after an interruption. */
export async function runCli(rawArgs: readonly string[]): Promise<number> {
  const options = rawArgs.slice(0, rawArgs.includes('--') ? rawArgs.indexOf('--') : undefined);
  const reporter = createReporter(process.stderr, {
    json: options.includes('--json'),
    quiet: options.includes('--quiet') || options.includes('-q'),
  });
  const interruption = listenForInterruption();
  // Nobody is left to tell that stderr's reader is gone.
  process.stderr.on('error', () => {});
  let exitCode: number;
  try {
    exitCode = await dispatch(rawArgs, options, { reporter, interruption });
  } catch (thrown) {
    if (isReaderGone(thrown)) {
      exitCode = EXIT_OK;
    } else if (interruption.exitCode !== null) {
      // What fails because it was interrupted is no failure to report.
      exitCode = interruption.exitCode;
    } else {
      reporter.error(thrown);
      exitCode = toEmbedqError(thrown).code === 'E_USAGE' ? EXIT_USAGE : EXIT_FAILURE;
    }
  }
  // Work that cannot be cancelled, such as a model being loaded, must not keep an interrupted process alive.
  if (interruption.exitCode !== null) process.exit(exitCode);
  interruption.release();
  return exitCode;
}

async function dispatch(
  rawArgs: readonly string[],
  options: readonly string[],
  environment: CommandEnvironment,
): Promise<number> {
  const wantsHelp = options.includes('--help') || options.includes('-h');
  if (rawArgs[0] === '--version' || rawArgs[0] === '-v' || rawArgs[0] === '-V') {
    await writeText(process.stdout, `${readVersion()}\n`);
    return EXIT_OK;
  }
  const { path, entry, rest } = resolve(rawArgs, wantsHelp);
  const paint = paintFor(process.stdout);
  if (isGroup(entry)) {
    await writeText(process.stdout, groupHelp(path, entry, paint));
    return EXIT_OK;
  }
  const command = await entry.load();
  if (wantsHelp) {
    await writeText(process.stdout, commandHelp(path, command, paint));
    return EXIT_OK;
  }
  checkArguments(rest, command.args ?? {}, 'maxPositionals' in command ? command.maxPositionals : undefined);
  // The server says it in its log.
  if (path.at(-1) !== 'serve') for (const problem of findUnknownVariables()) environment.reporter.warn(problem);
  const { result } = await runCommand(command, { rawArgs: [...rest], data: environment });
  return typeof result === 'number' ? result : EXIT_OK;
}

interface Resolved {
  /** `embedq models show` as a list. */
  readonly path: readonly string[];
  readonly entry: CommandEntry;
  /** The arguments after the command's name. */
  readonly rest: readonly string[];
}

/** @throws E_USAGE for an unknown command, or for none where help was not asked for */
function resolve(rawArgs: readonly string[], wantsHelp: boolean): Resolved {
  const path = ['embedq'];
  let entry: CommandEntry = ROOT;
  let rest = rawArgs;
  while (isGroup(entry)) {
    const group: CommandGroup = entry;
    const [word] = rest;
    if (word === undefined || word.startsWith('-')) {
      if (wantsHelp) break;
      const names = Object.keys(group.commands).join(', ');
      const problem =
        word === undefined
          ? `${path.join(' ')} needs a command: ${names}`
          : `the command comes before options such as ${word}: ${names}`;
      throw fail('E_USAGE', { problem });
    }
    const found: CommandEntry | undefined = Object.hasOwn(group.commands, word) ? group.commands[word] : undefined;
    if (found === undefined) {
      throw fail('E_USAGE', { problem: `unknown command "${word}"${didYouMean(word, Object.keys(group.commands))}` });
    }
    path.push(word);
    entry = found;
    rest = rest.slice(1);
  }
  return { path, entry, rest };
}
