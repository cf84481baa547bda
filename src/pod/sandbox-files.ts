import { chownSync, copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { invalidArgument } from '../lib/errors.ts'
import { mountTmpfs, unmount } from '../linux/mount.ts'
import type { PodDns } from '../network/port.ts'
import { giveFolder } from './folders.ts'
import type { SandboxLayout } from './layout.ts'

/** The size of a pod's /dev/shm in bytes, as with the other runtimes. */
const shmBytes = 64 * 1024 * 1024

export interface SandboxFiles {
  readonly hostname: string
  /** Undefined: the host's own resolv.conf. */
  readonly dns: PodDns | undefined
  /** The pod has the host's network: it gets the host's /etc/hosts too. */
  readonly onHostNetwork: boolean
  /** The pod has an IPC namespace of its own. */
  readonly ownIpc: boolean
}

/** Makes the files that the containers of a pod share: /etc/hostname, /etc/resolv.conf, /etc/hosts, /dev/shm. */
export function writeSandboxFiles(layout: SandboxLayout, files: SandboxFiles): void {
  writeFileSync(layout.hostname, `${files.hostname}\n`, { mode: 0o644 })
  if (files.dns) writeFileSync(layout.resolvConf, resolvConf(files.dns), { mode: 0o644 })
  else copyOrEmpty('/etc/resolv.conf', layout.resolvConf)
  if (files.onHostNetwork) copyOrEmpty('/etc/hosts', layout.hosts)
  if (files.ownIpc) {
    mkdirSync(layout.shm, { recursive: true, mode: 0o1777 })
    mountTmpfs(layout.shm, shmBytes)
  }
}

/** The /etc/hosts of a pod with addresses of its own. The kubelet puts its own file over it. */
export function writeHosts(layout: SandboxLayout, hostname: string, ips: readonly string[]): void {
  const lines = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'ff00::0\tip6-mcastprefix',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
    ...ips.map((ip) => `${ip}\t${hostname}`),
  ]
  writeFileSync(layout.hosts, `${lines.join('\n')}\n`, { mode: 0o644 })
}

/** Makes the pod's files belong to the root of its user namespace. */
export function giveSandboxFiles(layout: SandboxLayout, hostId: number): void {
  giveFolder(layout.folder, hostId)
  for (const path of [layout.hosts, layout.hostname, layout.resolvConf, layout.shm]) {
    if (existsSync(path)) chownSync(path, hostId, hostId)
  }
}

/** Where the pod's namespaces and its shared memory are, or may be. */
export function sandboxMounts({ netns, ipcns, utsns, pidns, userns, shm }: SandboxLayout): readonly string[] {
  return [netns, ipcns, utsns, pidns, userns, shm]
}

/** Lets go of the pod's namespaces and its shared memory; no error when they are gone already. */
export function releaseSandboxMounts(layout: SandboxLayout): void {
  for (const path of sandboxMounts(layout)) unmount(path)
}

/** Takes away all that a sandbox has below its folder, mounts first; no error when it is gone already. */
export function removeSandboxFolder(layout: SandboxLayout): void {
  releaseSandboxMounts(layout)
  rmSync(layout.folder, { recursive: true, force: true })
}

/** resolv.conf(5) of a DNS configuration. A value with a line break could smuggle in settings of its own: refused. */
export function resolvConf(dns: PodDns): string {
  for (const value of [...dns.servers, ...dns.searches, ...dns.options]) {
    if (/[\0\r\n]/.test(value)) throw invalidArgument(`dns_config: ${JSON.stringify(value)} is more than one line`)
  }
  const lines: string[] = []
  if (dns.searches.length > 0) lines.push(`search ${dns.searches.join(' ')}`)
  for (const server of dns.servers) lines.push(`nameserver ${server}`)
  if (dns.options.length > 0) lines.push(`options ${dns.options.join(' ')}`)
  return lines.map((line) => `${line}\n`).join('')
}

function copyOrEmpty(from: string, to: string): void {
  if (existsSync(from)) copyFileSync(from, to)
  else writeFileSync(to, '', { mode: 0o644 })
}
