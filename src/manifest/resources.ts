import type { V1ResourceRequirements } from '@kubernetes/client-node'
import type { Fields } from './fields.ts'
import { parseMilli, parseUnits } from './quantity.ts'

/** What a container asks for and may use at most; undefined where nothing is said. */
export interface ContainerResources {
  readonly requests: Amounts
  readonly limits: Amounts
}

export interface Amounts {
  /** Thousandths of a core. */
  readonly cpu: bigint | undefined
  /** Bytes. */
  readonly memory: bigint | undefined
}

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort'

/** Reads `resources`; a request that is not given is the limit, as the API server has it. */
export function readResources(fields: Fields<V1ResourceRequirements> | undefined): ContainerResources {
  const limits = readAmounts(fields?.object('limits'))
  const requests = readAmounts(fields?.object('requests'))
  return { limits, requests: { cpu: requests.cpu ?? limits.cpu, memory: requests.memory ?? limits.memory } }
}

function readAmounts(fields: Fields<Record<string, string>> | undefined): Amounts {
  const cpu = fields?.quantity('cpu')
  const memory = fields?.quantity('memory')
  return {
    cpu: cpu === undefined ? undefined : parseMilli(cpu, `${fields?.path}.cpu`),
    memory: memory === undefined ? undefined : parseUnits(memory, `${fields?.path}.memory`),
  }
}

/** Kubernetes' quality-of-service class of a pod with these containers. */
export function qosClassOf(containers: readonly ContainerResources[]): QosClass {
  const amounts = containers.flatMap(({ requests, limits }) => [
    requests.cpu,
    requests.memory,
    limits.cpu,
    limits.memory,
  ])
  if (amounts.every((amount) => !amount)) return 'BestEffort'
  const guaranteed = containers.every(
    ({ requests, limits }) =>
      limits.cpu && limits.memory && requests.cpu === limits.cpu && requests.memory === limits.memory,
  )
  return guaranteed ? 'Guaranteed' : 'Burstable'
}

/** Microseconds; the kernel's default and the kubelet's. */
const cpuPeriod = 100_000n
/** The least quota and shares the kernel takes, and the most shares. */
const minQuota = 1000n
const minShares = 2n
const maxShares = 262_144n

/**
 * The resources of a container in CRI terms, as the kubelet computes them: shares from the CPU request, quota from
 * the CPU
 * limit, oom_score_adj from the class of the pod and the share of the node's memory that is asked for.
 *
 * @param nodeMemory bytes of memory that the node has
 */
export function linuxResources({ requests, limits }: ContainerResources, qos: QosClass, nodeMemory: number) {
  const cpuLimit = limits.cpu ?? 0n
  const shares = ((requests.cpu ?? 0n) * 1024n) / 1000n
  const quota = (cpuLimit * cpuPeriod) / 1000n
  return {
    cpuPeriod,
    cpuQuota: cpuLimit === 0n ? 0n : max(quota, minQuota),
    cpuShares: shares > maxShares ? maxShares : max(shares, minShares),
    memoryLimitInBytes: limits.memory ?? 0n,
    oomScoreAdj: BigInt(oomScoreAdj(requests.memory ?? 0n, qos, nodeMemory)),
  }
}

function oomScoreAdj(memoryRequest: bigint, qos: QosClass, nodeMemory: number): number {
  if (qos === 'Guaranteed') return -997
  if (qos === 'BestEffort') return 1000
  // Burstable pods stay between the two: the more of the node they ask for, the later they are killed.
  const score = 1000 - Math.floor((1000 * Number(memoryRequest)) / nodeMemory)
  return Math.min(Math.max(score, 3), 999)
}

const max = (a: bigint, b: bigint) => (a > b ? a : b)
