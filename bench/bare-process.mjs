// Starts a process of bare-session.mjs and asks it to do things: `load`, `throughput`, `latency`.
import { fork } from 'node:child_process';
import path from 'node:path';

export function startBare() {
  const child = fork(path.join(import.meta.dirname, 'bare-session.mjs'), { serialization: 'advanced' });
  let nextId = 1;
  const ask = (name, argument) =>
    new Promise((resolve, reject) => {
      const id = nextId++;
      const onExit = () => reject(new Error('the bare process ended'));
      const onMessage = (message) => {
        if (message.id !== id) return;
        child.off('message', onMessage);
        child.off('exit', onExit);
        resolve(message.result);
      };
      child.on('message', onMessage);
      child.once('exit', onExit);
      child.send({ id, name, argument });
    });
  return { ask, stop: () => child.disconnect() };
}
