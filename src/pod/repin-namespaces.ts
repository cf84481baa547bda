import { writeFileSync } from 'node:fs'
import { bindMount } from '../linux/mount.ts'
import { podNamespaces } from '../oci/spec/namespaces.ts'
import type { SandboxRecord } from '../state/sandbox-record.ts'
import { isFirstProcess } from './container-process.ts'
import type { SandboxLayout } from './layout.ts'
import { containersOf } from './lookup.ts'
import type { PodParts } from './parts.ts'

/** The pins that a pod is to have, by kind of namespace. */
export function podPins({ config }: SandboxRecord, layout: SandboxLayout): Readonly<Record<string, string>> {
  const own = podNamespaces(config.linux?.securityContext?.namespaceOptions)
  return {
    ...(own.net && { net: layout.netns }),
    ...(own.ipc && { ipc: layout.ipcns }),
    ...(own.uts && { uts: layout.utsns }),
  }
}

/**
 * Pins the namespaces of a pod again that somebody has unmounted: they live as long as a process is in them, and the containers
 * of the pod are. Answers false when none runs.
 */
export function repinNamespaces(parts: PodParts, sandbox: SandboxRecord, lost: readonly string[]): boolean {
  const pid = processOf(parts, sandbox.id)
  if (pid === undefined) return false
  for (const [kind, path] of Object.entries(podPins(sandbox, parts.layout.sandbox(sandbox.id)))) {
    if (!lost.includes(path)) continue
    // What was mounted over is a file of its own; it may have gone too.
    writeFileSync(path, '', { flag: 'a' })
    bindMount(`/proc/${pid}/ns/${kind}`, path)
  }
  return true
}

function processOf(parts: PodParts, sandboxId: string): number | undefined {
  for (const container of containersOf(parts, sandboxId)) {
    const { state } = container
    if (state.phase === 'running' && isFirstProcess(parts, container, state)) return state.pid
  }
  return undefined
}
