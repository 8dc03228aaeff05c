// Whether this machine can run embedq at all, asked before anything loads a native module: those would fail with
// a message about a missing .node file that tells nobody what to do.
import { closeSync, openSync, readSync } from 'node:fs';
import { fail } from '../errors.js';

export interface Platform {
  /** As `process.platform` has it. */
  readonly os: string;
  /** As `process.arch` has it. */
  readonly arch: string;
  /** null: not Linux. */
  readonly libc: 'glibc' | 'musl' | null;
  /** Such as `v20.19.0`. */
  readonly nodeVersion: string;
}

/** What onnxruntime-node and tokenizers both have binaries for. */
const SUPPORTED = ['linux x64 (glibc)', 'linux arm64 (glibc)', 'darwin arm64'];
const OLDEST_NODE = { major: 20, minor: 19 };

/** @throws E_PLATFORM_UNSUPPORTED */
export function checkPlatform(platform: Platform = currentPlatform()): void {
  const [major = 0, minor = 0] = platform.nodeVersion.replace(/^v/, '').split('.').map(Number);
  if (major < OLDEST_NODE.major || (major === OLDEST_NODE.major && minor < OLDEST_NODE.minor)) {
    throw fail('E_PLATFORM_UNSUPPORTED', {
      platform: `Node.js ${platform.nodeVersion}`,
      supported: [`Node.js ${OLDEST_NODE.major}.${OLDEST_NODE.minor} and newer`],
    });
  }
  const name = `${platform.os} ${platform.arch}${platform.libc === null ? '' : ` (${platform.libc})`}`;
  if (!SUPPORTED.includes(name)) throw fail('E_PLATFORM_UNSUPPORTED', { platform: name, supported: SUPPORTED });
}

function currentPlatform(): Platform {
  return {
    os: process.platform,
    arch: process.arch,
    libc: process.platform === 'linux' ? libcOf(process.execPath) : null,
    nodeVersion: process.version,
  };
}

/** An ELF file names its loader near its beginning (PT_INTERP); musl's is called ld-musl-<arch>.so.1. */
function libcOf(executable: string): 'glibc' | 'musl' {
  const head = Buffer.alloc(4096);
  const file = openSync(executable, 'r');
  try {
    readSync(file, head, 0, head.length, 0);
  } finally {
    closeSync(file);
  }
  return head.includes('ld-musl') ? 'musl' : 'glibc';
}
