import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { OciRuntime } from '../../oci/runtime.ts'
import { folderIds } from '../folders.ts'
import type { PodParts } from '../parts.ts'
import type { Disorder } from './disorder.ts'
import { hasOwner } from './owners.ts'

/** How long the OCI runtime may take to delete a container, in milliseconds. */
const patienceMs = 20_000

/** What OCI runtimes keep, in Berth's folders, of containers without a record: they are deleted with whatever runs of them. */
export function strayRuntimeState(parts: PodParts): Disorder[] {
  return parts.handlers.names.flatMap((name) => {
    const { command } = parts.handlers.get(name)
    const strays = folderIds(command.root).filter((id) => !hasOwner(parts, id))
    return strays.map((id): Disorder => {
      const problem = `is known to ${command.name}, and has no record`
      const mend = async () => {
        if (hasOwner(parts, id)) return
        const runtime = new OciRuntime({ ...command, reaper: parts.reaper })
        await runtime.delete({ id, force: true, signal: AbortSignal.timeout(patienceMs) })
        rmSync(join(command.root, id), { recursive: true, force: true })
      }
      return { kind: 'files', subject: id, problem, remedy: 'sweep', mend }
    })
  })
}
