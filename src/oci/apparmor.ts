import { readFileSync } from 'node:fs'
import { failedPrecondition } from '../lib/errors.ts'
import { runCommand } from '../linux/command.ts'
import { isExecutable } from '../linux/is-executable.ts'
import type { Reaper } from '../linux/reaper.ts'

/** The name of Berth's own profile, for containers with the runtime's default one. */
export const defaultApparmorName = 'berth-default'

/** Where the kernel tells which profiles are loaded, `name (mode)` a line. */
const loadedProfiles = '/sys/kernel/security/apparmor/profiles'

/**
 * The default profile, equal in effect to that of Docker and containerd: everything that a container's own namespaces and
 * capabilities allow, but no mounts, no writing to /proc and /sys where that reaches the kernel, and signals and traces only
 * among containers.
 */
export function defaultApparmorProfile(name = defaultApparmorName): string {
  const writeToKernel = [
    '/proc/*',
    // All of /proc but the folders of processes and /proc/sys.
    '/proc/{[^1-9],[^1-9][^0-9],[^1-9s][^0-9y][^0-9s],[^1-9][^0-9][^0-9][^0-9]*}/**',
    // /proc/sys but kernel/shm*, which belongs to the IPC namespace.
    '/proc/sys/[^k]**',
    '/proc/sys/kernel/{?,??,[^s][^h][^m]**}',
  ]
  const belowSys = ['[^f]*/**', 'f[^s]*/**', 'fs/[^c]*/**', 'fs/c[^g]*/**', 'fs/cg[^r]*/**']
  const hidden = [
    '/proc/sysrq-trigger',
    '/proc/kcore',
    '/sys/firmware/**',
    '/sys/devices/virtual/powercap/**',
    '/sys/kernel/security/**',
  ]
  const rules = [
    'network,',
    'capability,',
    'file,',
    'umount,',
    'signal (receive) peer=unconfined,',
    'signal (receive) peer=runc,',
    'signal (receive) peer=crun,',
    `signal (send, receive) peer=${name},`,
    `ptrace (trace, read, tracedby, readby) peer=${name},`,
    'deny mount,',
    ...writeToKernel.map((path) => `deny ${path} w,`),
    ...belowSys.map((path) => `deny /sys/${path} wklx,`),
    ...hidden.map((path) => `deny ${path} rwklx,`),
  ]
  return `profile ${name} flags=(attach_disconnected,mediate_deleted) {\n${rules.map((rule) => `  ${rule}\n`).join('')}}\n`
}

/** Loads the default profile into the kernel. Answers its name, or undefined when that cannot be done here. */
export async function loadDefaultApparmorProfile(reaper: Reaper): Promise<string | undefined> {
  const parser = ['/usr/sbin/apparmor_parser', '/sbin/apparmor_parser'].find(isExecutable)
  if (parser === undefined) return isLoaded(defaultApparmorName) ? defaultApparmorName : undefined
  const { exitCode } = await runCommand(reaper, {
    file: parser,
    args: ['--replace', '--skip-cache'],
    stdin: defaultApparmorProfile(),
    signal: AbortSignal.timeout(20_000),
  })
  return exitCode === 0 ? defaultApparmorName : undefined
}

/** Throws when a container asks for a profile that is not loaded: now, rather than when it is started. */
export function checkApparmorProfile(name: string | undefined): void {
  if (name === undefined || isLoaded(name) !== false) return
  throw failedPrecondition(`the AppArmor profile "${name}" is not loaded on this host (apparmor_parser loads profiles)`)
}

/** Whether a profile is loaded; undefined when the kernel does not tell. */
function isLoaded(name: string): boolean | undefined {
  try {
    return profileNames(readFileSync(loadedProfiles, 'utf8')).includes(name)
  } catch {
    return undefined
  }
}

/** The names out of the kernel's list; a name may hold spaces and brackets itself. */
export function profileNames(text: string): string[] {
  return text.split('\n').flatMap((line) => /^(.+) \(\w+\)$/.exec(line)?.[1] ?? [])
}
