import { existsSync } from 'node:fs'
import { listMountPoints } from '../../linux/mount-facts.ts'
import type { SandboxRecord } from '../../state/sandbox-record.ts'
import { infraProcessAlive, infraProcessPid } from '../infra-process.ts'
import type { PodParts } from '../parts.ts'
import { podPins, repinNamespaces } from '../repin-namespaces.ts'
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
    if (state.phase !== 'ready') return []
    const loss = lossOf(parts, sandbox)
    if (loss !== undefined) return found(`${loss}; it is stopped`, loss)
    const lost = Object.values(podPins(sandbox, parts.layout.sandbox(id))).filter((path) => !mounts.has(path))
    if (lost.length === 0) return []
    const problem = `has lost its namespaces: ${lost.join(', ')} was unmounted`
    const mend = async () => {
      if (!repinNamespaces(parts, sandbox, lost)) await stopKnownSandbox(parts, sandbox, problem)
    }
    return [{ kind: 'sandbox', subject: id, problem, remedy: 'repair', mend }]
  })
}

/** What is gone that a pod cannot be without, and that nothing brings back. */
function lossOf(parts: PodParts, { id }: SandboxRecord): string | undefined {
  const layout = parts.layout.sandbox(id)
  if (!existsSync(layout.folder)) return `has lost its folder ${layout.folder}`
  const initGone = infraProcessPid(layout) !== undefined && !infraProcessAlive(layout)
  return initGone ? 'has lost the init of its PID namespace' : undefined
}
