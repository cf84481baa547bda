import { setTimeout as delay } from 'node:timers/promises'
import { messageOf } from '../lib/errors.ts'
import { apart } from '../lib/span.ts'
import { unmount } from '../linux/mount.ts'
import type { PodParts } from './parts.ts'
import { releaseSandboxMounts, removeSandboxFolder, sandboxMounts } from './sandbox-files.ts'

/** Waits before the plugins are asked once more, in milliseconds. After that the rounds of the reconciler ask, every minute. */
const waits = [1_000, 2_000, 5_000, 10_000, 30_000]

/** Of so many sandboxes at a time: when a network is down as a whole, the others are left to the reconciler at once. */
const maxRepeats = 16

/** The sandboxes whose release is being repeated. */
const repeats = new Set<string>()

/**
 * Takes a sandbox off the network. A plugin that fails or hangs does not fail this, so that no pod is stuck for want of its
 * plugin (an agent that is gone, an API server that is down). The attachment stays on record then, longer than the sandbox if
 * need be, and the release is repeated until it succeeds; until then its addresses and ports are nobody else's.
 */
export async function releaseNetwork(parts: PodParts, sandboxId: string): Promise<void> {
  try {
    await parts.network.detach(sandboxId)
  } catch (error) {
    const message = 'the network of a sandbox is not released yet; that is repeated until it is'
    parts.log.warn({ sandbox: sandboxId, error: messageOf(error) }, message)
    if (repeats.size < maxRepeats) void apart(() => repeat(parts, sandboxId))
  }
}

async function repeat(parts: PodParts, sandboxId: string): Promise<void> {
  if (repeats.has(sandboxId)) return
  repeats.add(sandboxId)
  for (const wait of waits) {
    await delay(wait, undefined, { ref: false })
    const released = await releaseAgain(parts, sandboxId).then(
      () => true,
      () => false,
    )
    if (released) break
  }
  repeats.delete(sandboxId)
}

/** For a sandbox that was stopped or removed while its network could not be released. Throws when it still cannot. */
export async function releaseAgain(parts: PodParts, sandboxId: string): Promise<void> {
  await parts.network.detach(sandboxId)
  const layout = parts.layout.sandbox(sandboxId)
  const sandbox = parts.sandboxes.get(sandboxId)
  if (!sandbox) removeSandboxFolder(layout)
  else if (sandbox.state.phase === 'stopped') releaseSandboxMounts(layout)
}

/**
 * Lets go of what is mounted for a sandbox; of its network namespace only when that is released: without it a plugin does not
 * find all that it has done (`bridge` leaves its iptables rules behind).
 */
export function releaseMounts(parts: PodParts, sandboxId: string): void {
  const layout = parts.layout.sandbox(sandboxId)
  if (!isOnNetwork(parts, sandboxId)) return releaseSandboxMounts(layout)
  for (const path of sandboxMounts(layout)) if (path !== layout.netns) unmount(path)
}

/** Removes the folder of a sandbox, which stays for its network namespace as long as the network is not released. */
export function removeFolder(parts: PodParts, sandboxId: string): void {
  if (isOnNetwork(parts, sandboxId)) releaseMounts(parts, sandboxId)
  else removeSandboxFolder(parts.layout.sandbox(sandboxId))
}

/** Whether the plugins may still hold something for it. */
export function isOnNetwork(parts: PodParts, id: string): boolean {
  return parts.network.attachments().some(({ sandboxId }) => sandboxId === id)
}
