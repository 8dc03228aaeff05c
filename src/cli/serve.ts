// `embedq serve`: the models over HTTP until a signal says stop.
import { once } from 'node:events';
import { readConfig } from '../config.js';
import { integerOption } from './arguments.js';
import { defineEmbedqCommand, EXIT_OK } from './command.js';

const DEFAULT_PORT = 8000;
const MAX_PORT = 65_535;

export default defineEmbedqCommand({
  meta: { name: 'serve', description: "Serve the models over HTTP: OpenAI's API and the service's own." },
  args: {
    host: {
      type: 'string',
      description: 'Address to listen on; 0.0.0.0 for all. There is no authentication yet.',
      valueHint: 'ADDRESS',
      default: '127.0.0.1',
    },
    port: {
      type: 'string',
      description: 'Port to listen on; 0 for any free one.',
      valueHint: 'N',
      default: String(DEFAULT_PORT),
    },
  },
  examples: [
    { command: 'embedq serve' },
    {
      command: `curl -s localhost:8000/v1/embeddings -H 'content-type: application/json' -d '{"model":"minilm","input":"Hello"}'`,
      does: "OpenAI's call",
    },
  ],
  notes: [
    'The port opens when the models are ready. The log is JSON lines on stderr; LOG_LEVEL sets how much.',
    'SIGTERM or Ctrl-C: no new calls, running ones end (25 seconds at most), then it exits. A second one exits at once.',
  ],
  async run({ args }, { interruption }) {
    const port = integerOption('port', args.port, 0, MAX_PORT) ?? DEFAULT_PORT;
    // Only now: fastify takes longer to load than --help should.
    const { startServer } = await import('../start/serve.js');
    const server = await startServer({ host: args.host, port, config: readConfig() });
    if (!interruption.signal.aborted) await once(interruption.signal, 'abort');
    await server.close();
    return EXIT_OK;
  },
});
