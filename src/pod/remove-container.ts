import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { errnoOf, failedPrecondition, messageOf } from '../lib/errors.ts'
import { faultPoint } from '../lib/fault-point.ts'
import { unmount } from '../linux/mount.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { clearRuntime } from './clear-runtime.ts'
import { findContainer } from './lookup.ts'
import type { PodParts } from './parts.ts'
import { stopContainer } from './stop-container.ts'

/** Removes a container and all that it wrote, except its log. A running one is killed; an unknown id is no error. */
export async function removeContainer(parts: PodParts, id: string): Promise<void> {
  const container = findContainer(parts, id)
  if (!container) return
  await parts.operations.run(
    { name: 'RemoveContainer', key: container.id, fingerprint: '' },
    async (setStage) => {
      setStage('killing it')
      await stopContainer(parts, container, 0)
      faultPoint('remove-container:stopped')
      setStage('clearing the OCI runtime')
      await clearRuntime(parts, container)
      faultPoint('remove-container:cleared')
      setStage('removing its files')
      parts.nri.containerRemoved(parts.containers.get(container.id) ?? container)
      removeContainerFiles(parts, container.id)
      faultPoint('remove-container:files-removed')
      parts.pipes.release(container.id)
      parts.containers.delete(container.id)
      faultPoint('remove-container:record-deleted')
      parts.exits.settle(container.id)
      parts.clearings.delete(container.id)
      await sweepImages(parts, container)
    },
    () => failedPrecondition(`container "${container.id}" is being removed`),
  )
}

/** Layers of an image that was removed while the container used them have no user any more. */
async function sweepImages(parts: PodParts, container: ContainerRecord): Promise<void> {
  const used = [container.imageId, ...(container.imageVolumes ?? []).map(({ imageId }) => imageId)]
  if (used.every((id) => parts.images.status(id))) return
  // The container is gone all the same; whatever is left is swept with the next one.
  await parts.images.sweep().catch((error) => parts.log.warn({ error: messageOf(error) }, 'cannot sweep image layers'))
}

/** Removes every container of a sandbox, side by side. */
export async function removeContainers(parts: PodParts, containers: readonly ContainerRecord[]): Promise<void> {
  await Promise.all(containers.map((container) => removeContainer(parts, container.id)))
}

/** Takes off the container's root file system and its folders; no error when they are gone already. */
export function removeContainerFiles(parts: Pick<PodParts, 'layout' | 'trash'>, id: string): void {
  const { bundle, rootfs, data, volumes } = parts.layout.container(id)
  unmount(rootfs)
  faultPoint('remove-container:rootfs-unmounted')
  // `layers` is only there when a creation was interrupted.
  for (const folder of [volumes, join(bundle, 'layers')]) for (const name of names(folder)) unmount(join(folder, name))
  rmSync(bundle, { recursive: true, force: true })
  faultPoint('remove-container:bundle-removed')
  parts.trash.throwAway(data)
  faultPoint('remove-container:data-thrown-away')
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return []
    throw error
  }
}
