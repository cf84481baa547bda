import { readFileSync, statSync } from 'node:fs'
import { invalidArgument, messageOf } from '../lib/errors.ts'
import type { Seccomp } from './runtime-spec.ts'

/** The largest profile that is read, in bytes. */
const maxProfile = 4 * 1024 * 1024

/** Loads a Localhost seccomp profile: a JSON file with the `seccomp` object of the runtime-spec. */
export function loadSeccompProfile(path: string): Seccomp {
  if (!path.startsWith('/')) throw invalidArgument(`seccomp.localhost_ref must be an absolute path, not "${path}"`)
  try {
    const stat = statSync(path)
    if (!stat.isFile() || stat.size > maxProfile) throw new Error(`not a regular file of at most ${maxProfile} bytes`)
    return parseSeccompProfile(readFileSync(path, 'utf8'))
  } catch (error) {
    throw invalidArgument(`cannot load the seccomp profile ${path}: ${messageOf(error)}`, error)
  }
}

/** Checks only what would make the runtime misread it; its own words on the rest are good. */
export function parseSeccompProfile(text: string): Seccomp {
  const profile: unknown = JSON.parse(text)
  if (!isObject(profile) || typeof profile.defaultAction !== 'string') throw new Error('it has no defaultAction')
  const syscalls = profile.syscalls ?? []
  if (!Array.isArray(syscalls)) throw new Error('syscalls is not a list')
  for (const rule of syscalls) {
    if (!isObject(rule) || !Array.isArray(rule.names) || typeof rule.action !== 'string') {
      throw new Error('a rule of syscalls lacks names or action')
    }
  }
  return profile as unknown as Seccomp
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
