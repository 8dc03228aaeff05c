import { describe, expect, it } from 'vitest';
import { checkPlatform, type Platform } from './platform.js';

const LINUX: Platform = { os: 'linux', arch: 'x64', libc: 'glibc', nodeVersion: 'v20.19.0' };

describe('checkPlatform', () => {
  it('accepts the machine that runs this test', () => {
    expect(() => checkPlatform()).not.toThrow();
  });

  it.each<[string, Partial<Platform>]>([
    ['linux x64', {}],
    ['linux arm64', { arch: 'arm64' }],
    ['macOS on Apple silicon', { os: 'darwin', arch: 'arm64', libc: null }],
    ['a newer Node.js', { nodeVersion: 'v24.1.0' }],
  ])('accepts %s', (_, change) => {
    expect(() => checkPlatform({ ...LINUX, ...change })).not.toThrow();
  });

  it.each<[string, Partial<Platform>, string]>([
    ['Alpine', { libc: 'musl' }, 'linux x64 (musl)'],
    ['macOS on Intel', { os: 'darwin', libc: null }, 'darwin x64'],
    ['Windows', { os: 'win32', libc: null }, 'win32 x64'],
    ['32-bit ARM', { arch: 'arm' }, 'linux arm (glibc)'],
    ['Node.js 20.18', { nodeVersion: 'v20.18.3' }, 'Node.js v20.18.3'],
    ['Node.js 18', { nodeVersion: 'v18.20.0' }, 'Node.js v18.20.0'],
  ])('refuses %s and names it', (_, change, name) => {
    expect(() => checkPlatform({ ...LINUX, ...change })).toThrowError(
      expect.objectContaining({ code: 'E_PLATFORM_UNSUPPORTED', message: expect.stringContaining(name) }),
    );
  });
});
