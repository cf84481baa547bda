import { chownSync, mkdirSync, rmdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { mountIdMapped } from '../linux/id-mapped-mount.ts'
import { mountOverlay, unmount } from '../linux/mount.ts'
import { giveFolder } from './folders.ts'
import type { ContainerLayout } from './layout.ts'

/** The user namespace that the files of layers are to belong to. */
export interface LayerOwner {
  /** Where it is pinned. */
  readonly userns: string
  /** Its root, as the host counts. */
  readonly hostId: number
}

/**
 * Mounts the container's root file system: the layers of its image, lowest first, with a writable one on top. No other user of
 * the host comes near its files, among which may be setuid ones of the container's own making (CVE-2021-41103). Only the root
 * of the pod's user namespace does, as which the OCI runtime works there.
 */
export function mountRootfs(
  layout: ContainerLayout,
  layers: readonly string[],
  owner: LayerOwner | undefined,
  label?: string,
): void {
  for (const folder of [layout.bundle, layout.data]) mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const folder of [layout.rootfs, layout.upper, layout.work]) mkdirSync(folder, { recursive: true, mode: 0o755 })
  if (owner) {
    giveFolder(layout.bundle, owner.hostId)
    chownSync(layout.upper, owner.hostId, owner.hostId)
  }
  const { rootfs: target, upper, work } = layout
  const scratch = join(layout.bundle, 'layers')
  mountLayers({ layers, target, upper, work, scratch, ...(label !== undefined && { label }) }, owner)
}

export interface LayerMount {
  readonly layers: readonly string[]
  readonly target: string
  /** Both absent for a read-only mount. */
  readonly upper?: string
  readonly work?: string
  /** The SELinux label of all files in it. */
  readonly label?: string
  /** A folder that does not exist, for the moment of the call. */
  readonly scratch: string
}

/**
 * Mounts an overlay of layers. With an owner the layers are ID-mapped first: what root owns in the image, the namespace's root
 * owns in the overlay. The overlay keeps the mounts that it was made of (clones of them), so those can go at once.
 */
export function mountLayers(
  { layers, target, upper, work, scratch, label }: LayerMount,
  owner: Pick<LayerOwner, 'userns'> | undefined,
): void {
  const writable = {
    ...(upper !== undefined && work !== undefined && { upper, work }),
    ...(label !== undefined && { label }),
  }
  if (!owner) {
    // The folder of all layers: their absolute paths may not all fit into the options.
    mountOverlay({ lower: layers, ...writable, target, base: dirname(layers[0] ?? '/') })
    return
  }
  const mapped: string[] = []
  try {
    for (const [index, layer] of layers.entries()) {
      const at = join(scratch, String(index))
      mkdirSync(at, { recursive: true, mode: 0o700 })
      mountIdMapped(layer, at, owner.userns)
      mapped.push(at)
    }
    mountOverlay({ lower: mapped, ...writable, target, base: scratch })
  } finally {
    clearScratch(scratch, mapped)
  }
}

function clearScratch(scratch: string, mounted: readonly string[]): void {
  // rmdir alone never deletes through a mount that is still there.
  for (const at of mounted) {
    unmount(at)
    rmdirSync(at)
  }
  if (mounted.length > 0) rmdirSync(scratch)
}
