import { CriError } from '../client/index.ts'
import type { Action } from '../manifest/action.ts'
import { type Access, wordsOf } from './access.ts'
import { graceAnnotation, preStopAnnotation, sidecarAnnotation } from './marks.ts'
import type { ObservedContainer } from './observe.ts'
import { perform } from './perform.ts'
import type { Time } from './time.ts'

/** Seconds that a container has to end at the least, also after a preStop hook that took all of its time. */
const leastGraceSeconds = 2

export interface StopContext {
  readonly access: Access
  readonly time: Time
  readonly podIp: string
  /** Seconds, instead of what each has noted. */
  readonly graceSeconds?: number
}

/**
 * Stops running containers of a pod as the kubelet does: the preStop hooks at once; then all but the sidecars, and
 * when these
 * have ended the sidecars, the last first. What is to be known of them is in their annotations, so that the manifest
 * may be gone.
 */
export async function stopContainers(running: readonly ObservedContainer[], context: StopContext): Promise<void> {
  const begin = context.time.now()
  const hooks = new Map(running.map((container) => [container.id, runPreStop(container, context)]))
  const stop = async (container: ObservedContainer) => {
    await hooks.get(container.id)
    await stopOne(container, context, begin)
  }
  await Promise.all(running.filter((container) => placeOf(container) === undefined).map(stop))
  const sidecars = running.filter((container) => placeOf(container) !== undefined)
  for (const sidecar of sidecars.toSorted((a, b) => (placeOf(b) ?? 0) - (placeOf(a) ?? 0))) await stop(sidecar)
}

function placeOf({ annotations }: ObservedContainer): number | undefined {
  const place = annotations[sidecarAnnotation]
  return place === undefined ? undefined : Number(place)
}

const graceOf = (container: ObservedContainer, { graceSeconds }: StopContext) =>
  graceSeconds ?? Number(container.annotations[graceAnnotation] ?? 30)

async function runPreStop(container: ObservedContainer, context: StopContext): Promise<void> {
  const hook = container.annotations[preStopAnnotation]
  const graceMs = graceOf(container, context) * 1000
  if (hook === undefined || graceMs <= 0) return
  const { access, time, podIp } = context
  try {
    const action = JSON.parse(hook) as Action
    if (action.kind === 'sleep') {
      return await time.wait(Math.min(action.seconds * 1000, graceMs), access.work.signal)
    }
    const signal = access.work.signal ?? new AbortController().signal
    const target = { containerId: container.id, podIp }
    const { ok, message } = await perform(access, action, target, { timeoutMs: graceMs, signal })
    if (!ok) access.note(`the preStop hook of container "${container.name}" failed: ${message}`)
  } catch (error) {
    access.note(`the preStop hook of container "${container.name}" failed: ${wordsOf(error)}`)
  }
}

async function stopOne(container: ObservedContainer, context: StopContext, begin: number): Promise<void> {
  const { access, time } = context
  const grace = graceOf(container, context)
  const left = grace - Math.round((time.now() - begin) / 1000)
  const timeout = BigInt(grace <= 0 ? 0 : Math.max(left, leastGraceSeconds))
  try {
    await access.cri.runtime.stopContainer({ containerId: container.id, timeout }, access.work)
  } catch (error) {
    // Somebody else has removed it.
    if (!(error instanceof CriError) || error.codeName !== 'NOT_FOUND') throw error
  }
}
