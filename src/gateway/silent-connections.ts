// Connections that were opened but never used. Clients open them ahead of need, and a server that is closing would
// wait for their headers until the timeout.
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** Ends, when the app closes, the connections on which nothing has arrived. */
export function endSilentConnectionsOnClose(app: FastifyInstance): void {
  const open = new Set<Socket>();
  app.server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  app.addHook('preClose', async () => {
    for (const socket of open) if (socket.bytesRead === 0) socket.destroy();
  });
}
