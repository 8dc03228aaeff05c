// Every route once: what /info lists, and what a wrong method is told. A test holds it against the app's router.

export interface Route {
  readonly method: 'GET' | 'POST';
  /** A trailing `*` stands for anything. */
  readonly path: string;
}

export const ROUTES: readonly Route[] = Object.freeze([
  { method: 'POST', path: '/v1/embeddings' },
  { method: 'GET', path: '/v1/models' },
  { method: 'GET', path: '/v1/models/*' },
  { method: 'POST', path: '/v1/embed' },
  { method: 'POST', path: '/embed' },
  { method: 'GET', path: '/health' },
  { method: 'GET', path: '/health/live' },
  { method: 'GET', path: '/health/ready' },
  { method: 'GET', path: '/info' },
]);

/** The methods that a path takes; empty where there is no such path. */
export function methodsOf(url: string): readonly string[] {
  const path = url.split('?', 1)[0] ?? '';
  const methods = ROUTES.filter((route) => matches(route.path, path)).map(({ method }) => method);
  return methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
}

function matches(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern;
}
