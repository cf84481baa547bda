import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf } from '../lib/errors.ts'
import type { PodManifest } from '../manifest/pod.ts'
import { logDirectory } from '../manifest/sandbox-config.ts'
import type { AgentParts } from './agent-parts.ts'
import type { ObservedContainer } from './observe.ts'
import { messagePath } from './termination-message.ts'

/** Removes a container that has ended, with its logs, rotated ones included, and its last words. */
export async function removeContainer(
  parts: AgentParts,
  pod: PodManifest,
  container: ObservedContainer,
): Promise<void> {
  const { cri, work } = parts.access
  await cri.runtime.removeContainer({ containerId: container.id }, work)
  const { name, attempt } = container
  rmSync(messagePath(parts.volumesFolder, pod.uid, name, attempt), { force: true })
  const folder = join(logDirectory(pod, parts.logsFolder), name)
  for (const file of filesIn(folder)) if (file.startsWith(`${attempt}.log`)) rmSync(join(folder, file), { force: true })
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}
