// docs/reference/errors.md, made from the one registry of errors. The messages are the real ones: each is built
// from details whose values are their own names, so that the page shows `Text <index> has <tokens> tokens`.
import { ERRORS } from './errors.js';

/** docs/reference/errors.md */
export function errorsMarkdown(): string {
  const sections = Object.entries(ERRORS).map(([code, definition]) => {
    // Each message takes its own code's details; the placeholders stand in for all of them.
    const message = definition.message as (details: unknown) => string;
    const lines = [
      `## ${code}`,
      '',
      `HTTP ${definition.httpStatus} · ${definition.retryable ? 'trying again can help' : 'trying again does not help'}`,
      '',
      // Fenced: Markdown would take <index> for HTML.
      '```text',
      messageWithPlaceholders(message),
      '```',
      '',
      definition.advice,
      '',
    ];
    return lines.join('\n');
  });
  return `# Errors

<!-- Generated from src/errors.ts by npm run docs. -->

Every failure has one of these codes, in the library (\`error.code\`), on the command line and over HTTP. The codes are
stable; the messages are for people and may change. In the messages below, \`<words>\` stand for what the error is about.

${sections.join('\n')}`;
}

/** A number that stands for a placeholder where the message computes with it. */
const FIRST_STAND_IN = 700_000_001;

function messageWithPlaceholders(message: (details: unknown) => string): string {
  const names: string[] = [];
  const details = new Proxy(
    {},
    {
      get(_, name) {
        names.push(String(name));
        return placeholder(String(name), FIRST_STAND_IN + names.length - 1);
      },
    },
  );
  // A message that is one of the details and nothing else comes back as its placeholder.
  const text = String(message(details));
  return names.reduce((written, name, index) => written.replaceAll(String(FIRST_STAND_IN + index), `<${name}>`), text);
}

/** Behaves enough like a text, a number and a list for every message of the registry. */
function placeholder(name: string, standIn: number) {
  const text = `<${name}>`;
  return {
    length: standIn,
    toString: () => text,
    valueOf: () => standIn,
    toFixed: () => text,
    toExponential: () => text,
    join: () => text,
    map: (write: (item: string) => string) => [write(text)],
  };
}
