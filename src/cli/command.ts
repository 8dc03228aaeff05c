// What a command of `embedq` is: a citty command with the examples and notes its --help shows, run with the
// environment below as citty's `data`.
import type { ArgsDef, CommandContext, CommandDef } from 'citty';
import type { Interruption } from './interruption.js';
import type { Reporter } from './reporter.js';

/** What a command has besides its arguments. Results go to `process.stdout`, everything else to `reporter`. */
export interface CommandEnvironment {
  readonly reporter: Reporter;
  readonly interruption: Interruption;
}

export const EXIT_OK = 0;
export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;

export interface Example {
  readonly command: string;
  /** What it does, if the command does not say it by itself. */
  readonly does?: string;
}

export interface Command<Args extends ArgsDef = ArgsDef> extends CommandDef<Args> {
  readonly meta: { readonly name: string; readonly description: string };
  /** How many positional arguments it takes; default: as many as `args` defines. */
  readonly maxPositionals?: number;
  readonly examples?: readonly Example[];
  /** Paragraphs under the options. */
  readonly notes?: readonly string[];
}

/** A command whose `run` gets its environment typed and answers with the exit code. */
export function defineEmbedqCommand<const Args extends ArgsDef>(
  definition: Omit<Command<Args>, 'run'> & {
    readonly run: (context: CommandContext<Args>, environment: CommandEnvironment) => Promise<number>;
  },
): Command<Args> {
  const { run, ...rest } = definition;
  // citty types `data` as any; run.ts, the only caller, always gives a CommandEnvironment.
  return { ...rest, run: (context) => run(context, context.data as CommandEnvironment) } as Command<Args>;
}
