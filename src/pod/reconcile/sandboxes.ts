import { existsSync } from 'node:fs'
import { listMountPoints } from '../../linux/mount-facts.ts'
import { podNamespaces } from '../../oci/spec/namespaces.ts'
import type { SandboxRecord } from '../../state/sandbox-record.ts'
import { infraProcessAlive, infraProcessPid } from '../infra-process.ts'
import type { PodParts } from '../parts.ts'
import { stopKnownSandbox } from '../stop-sandbox.ts'
import type { Disorder } from './disorder.ts'

/** Ready sandboxes that have lost what makes them ready, and those whose stop did not come to its end. */
export function unlikelySandboxes(parts: PodParts): Disorder[] {
  const mounts = new Set(listMountPoints())
  const stopping = new Set(parts.operations.list().flatMap(({ name, key }) => (name === 'StopPodSandbox' ? [key] : [])))
  return [...parts.sandboxes.all()].flatMap((sandbox): Disorder[] => {
    const { id, state } = sandbox
    const found = (problem: string, reason: string): Disorder[] => {
      const mend = () => stopKnownSandbox(parts, sandbox, reason)
      return [{ kind: 'sandbox', subject: id, problem, remedy: 'repair', mend }]
    }
    if (state.phase === 'stopping' && !stopping.has(id)) {
      return found('was stopped, and that did not come to its end; it is stopped again', state.reason)
    }
    const loss = state.phase === 'ready' ? lossOf(parts, sandbox, mounts) : undefined
    return loss === undefined ? [] : found(`${loss}; it is stopped`, loss)
  })
}

/** What is gone that a pod cannot be without. A pod may have nothing but the host's namespaces. */
function lossOf(parts: PodParts, { id, config }: SandboxRecord, mounts: ReadonlySet<string>): string | undefined {
  const layout = parts.layout.sandbox(id)
  if (!existsSync(layout.folder)) return `has lost its folder ${layout.folder}`
  const own = podNamespaces(config.linux?.securityContext?.namespaceOptions)
  const pins = [
    ...(own.net ? [layout.netns] : []),
    ...(own.ipc ? [layout.ipcns] : []),
    ...(own.uts ? [layout.utsns] : []),
  ]
  const gone = pins.filter((path) => !mounts.has(path))
  if (gone.length > 0) return `has lost its namespaces: ${gone.join(', ')} was unmounted`
  const initGone = infraProcessPid(layout) !== undefined && !infraProcessAlive(layout)
  return initGone ? 'has lost the init of its PID namespace' : undefined
}
