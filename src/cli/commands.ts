// The table of commands. Each is loaded when it is asked for, so that `embedq --help` loads none of them.
import type { CommandDef } from 'citty';
import type { Command } from './command.js';

export interface CommandGroup {
  readonly summary: string;
  readonly commands: Readonly<Record<string, CommandEntry>>;
}

export interface CommandLeaf {
  readonly summary: string;
  // Each command has its own argument types; whoever runs one needs none of them.
  // biome-ignore lint/suspicious/noExplicitAny: citty's own way to say "whatever the arguments".
  readonly load: () => Promise<Command<any> | CommandDef<any>>;
}

export type CommandEntry = CommandGroup | CommandLeaf;

export const ROOT: CommandGroup = {
  summary: 'Text embeddings by models that run here: exact vectors, no service needed.',
  commands: {
    embed: {
      summary: 'Turn texts or a file of texts into vectors.',
      load: async () => (await import('./embed.js')).embedCommand,
    },
    similarity: {
      summary: 'Say how close texts are in meaning.',
      load: async () => (await import('./similarity.js')).similarityCommand,
    },
    serve: {
      summary: "Serve the models over HTTP (OpenAI's API and the service's own).",
      load: async () => (await import('./serve.js')).default,
    },
    models: {
      summary: 'Look at models.',
      commands: {
        list: {
          summary: 'List the configured models and where they are found.',
          load: async () => (await import('./models-list.js')).modelsListCommand,
        },
        show: {
          summary: 'Say everything about one model.',
          load: async () => (await import('./models-show.js')).modelsShowCommand,
        },
      },
    },
    config: {
      summary: 'Print the configuration in force, secrets masked.',
      load: async () => (await import('./config.js')).configCommand,
    },
  },
};

export function isGroup(entry: CommandEntry): entry is CommandGroup {
  return 'commands' in entry;
}
