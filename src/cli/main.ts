#!/usr/bin/env node
// The program `embedq`. It refuses platforms that cannot work before it loads anything that would break on them.
import { checkPlatform } from '../start/platform.js';

async function main(): Promise<number> {
  const rawArgs = process.argv.slice(2);
  const { createReporter } = await import('./reporter.js');
  try {
    checkPlatform();
  } catch (error) {
    createReporter(process.stderr, { json: rawArgs.includes('--json'), quiet: false }).error(error);
    return 1;
  }
  const { runCli } = await import('./run.js');
  return runCli(rawArgs);
}

process.exitCode = await main();
