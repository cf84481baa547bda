import {
  type ContainerAdjustment,
  type IOPrioClass,
  IOPrioClassSchema,
  LinuxSchedulerFlagSchema,
  LinuxSchedulerPolicySchema,
} from '../../gen/nri_pb.ts'
import { invalidArgument } from '../../lib/errors.ts'
import type { HostFacts } from '../../oci/host-facts.ts'
import type { Process, Scheduler, Spec } from '../../oci/runtime-spec.ts'
import { safeNumber } from '../../oci/spec/checks.ts'
import { oomScoreAdj } from '../../oci/spec/oom-score.ts'
import { isRemoval, unmarked } from '../merge/removal.ts'
import { requireRuntime } from './require-runtime.ts'

/** Environment, arguments, limits and priorities of the container's process. */
export function withProcess(spec: Spec, adjust: ContainerAdjustment, host: HostFacts): Spec {
  const { linux, args } = adjust
  const rlimits = withRlimits(spec.process.rlimits ?? [], adjust)
  const { ioPriority, scheduler, ...before } = spec.process
  const priority = linux?.ioPriority ? ioPriorityOf(linux.ioPriority, host) : ioPriority
  const scheduling = linux?.scheduler ? schedulerOf(linux.scheduler, host) : scheduler
  const process: Process = {
    ...before,
    env: withEnv(before.env, adjust),
    ...(args.length > 0 && { args }),
    ...(rlimits.length > 0 && { rlimits }),
    ...(linux?.oomScoreAdj && { oomScoreAdj: oomScoreAdj({ oomScoreAdj: linux.oomScoreAdj.value }, host) }),
    ...(priority && { ioPriority: priority }),
    ...(scheduling && { scheduler: scheduling }),
  }
  return { ...spec, process }
}

/** A variable that is there keeps its place. */
function withEnv(before: readonly string[], { env }: ContainerAdjustment): string[] {
  for (const { key, value } of env) {
    const name = unmarked(key)
    if (name === '' || name.includes('=') || `${name}${value}`.includes('\0')) {
      throw invalidArgument(`an NRI plugin sets the environment variable ${JSON.stringify(name)}, which cannot be`)
    }
  }
  const removed = new Set(env.filter(({ key }) => isRemoval(key)).map(({ key }) => unmarked(key)))
  const set = new Map(env.filter(({ key }) => !isRemoval(key)).map(({ key, value }) => [key, `${key}=${value}`]))
  const kept = before.flatMap((entry) => {
    const name = entry.split('=', 1)[0] ?? ''
    const changed = set.get(name)
    set.delete(name)
    return changed !== undefined ? [changed] : removed.has(name) ? [] : [entry]
  })
  return [...kept, ...set.values()]
}

function withRlimits(before: NonNullable<Process['rlimits']>, { rlimits }: ContainerAdjustment) {
  const taken = new Set(rlimits.map(({ type }) => type))
  const added = rlimits.map(({ type, hard, soft }) => ({ type, hard: rlimit(hard), soft: rlimit(soft) }))
  return [...before.filter(({ type }) => !taken.has(type)), ...added]
}

/** No limit is 2^64 - 1, which JSON numbers cannot hold; what they can is as good as none. */
function rlimit(value: bigint): number {
  return Math.min(Number(value), Number.MAX_SAFE_INTEGER)
}

/** The class 0 takes a priority away. */
function ioPriorityOf(
  asked: { readonly class: IOPrioClass; readonly priority: number },
  host: HostFacts,
): Process['ioPriority'] | undefined {
  if (asked.class === 0) return undefined
  requireRuntime(host, 'scheduling', 'an I/O priority')
  const name = IOPrioClassSchema.value[asked.class]?.name
  if (name === undefined)
    throw invalidArgument(`an NRI plugin sets the I/O priority class ${asked.class}, which is none`)
  return { class: name, priority: asked.priority }
}

function schedulerOf(
  asked: NonNullable<NonNullable<ContainerAdjustment['linux']>['scheduler']>,
  host: HostFacts,
): Scheduler | undefined {
  if (asked.policy === 0) return undefined
  requireRuntime(host, 'scheduling', 'a scheduling policy')
  const policy = LinuxSchedulerPolicySchema.value[asked.policy]?.name
  if (policy === undefined)
    throw invalidArgument(`an NRI plugin sets the scheduling policy ${asked.policy}, which is none`)
  const flags = asked.flags.map((flag) => LinuxSchedulerFlagSchema.value[flag]?.name ?? '')
  return {
    policy,
    nice: asked.nice,
    priority: asked.priority,
    ...(flags.length > 0 && { flags }),
    ...(asked.runtime !== 0n && { runtime: safeNumber('scheduler.runtime', asked.runtime) }),
    ...(asked.deadline !== 0n && { deadline: safeNumber('scheduler.deadline', asked.deadline) }),
    ...(asked.period !== 0n && { period: safeNumber('scheduler.period', asked.period) }),
  }
}
