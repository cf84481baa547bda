import type { V1Deployment, V1DeploymentStrategy, V1LabelSelector } from '@kubernetes/client-node'
import { invalidArgument } from '../lib/errors.ts'
import { contentHash } from './content-hash.ts'
import { Fields } from './fields.ts'
import { checkName } from './names.ts'
import { derivedUid, hostnameOf, type PodManifest, readPodSpec } from './pod.ts'

/** A number of pods alike, replaced one after another when their template changes. */
export interface Deployment {
  readonly kind: 'Deployment' | 'ReplicaSet'
  readonly namespace: string
  readonly name: string
  readonly replicas: number
  readonly strategy: Strategy
  /** Milliseconds that a pod must be ready to count as available. */
  readonly minReadyMs: number
  /** The hash of the template. */
  readonly hash: string
  readonly template: PodManifest
}

export interface Strategy {
  /** All old pods go before the first new one comes. */
  readonly recreate: boolean
  /** How many pods there may be beyond the replicas, and how many may be missing, while pods are replaced. */
  readonly surge: number
  readonly unavailable: number
}

/** The label by which the pods of one template are told from those of another, as in Kubernetes. */
const templateHashLabel = 'pod-template-hash'

export function readDeployment(object: unknown): { deployment: Deployment; ignored: readonly string[] } {
  const root = new Fields<V1Deployment>(object, '')
  const kind = root.requiredString('kind') === 'ReplicaSet' ? 'ReplicaSet' : 'Deployment'
  if (root.string('apiVersion') !== 'apps/v1') throw invalidArgument(`a ${kind} has apiVersion apps/v1`)
  const metadata = root.object('metadata')
  const spec = root.object('spec')
  const template = spec?.object('template')
  const podSpec = template?.object('spec')
  if (!metadata || !spec || !template || !podSpec) {
    throw invalidArgument(`a ${kind} needs metadata and spec, and spec.template one of its own`)
  }
  const name = checkName(metadata.requiredString('name'), 'metadata.name', { dots: true })
  const namespace = checkName(metadata.string('namespace') || 'default', 'metadata.namespace')
  // Nobody selects Deployments by label here.
  metadata.stringMap('labels')
  metadata.stringMap('annotations')
  const replicas = spec.integer('replicas') ?? 1
  if (replicas < 0) throw invalidArgument('spec.replicas must not be negative')
  const podMetadata = template.object('metadata') ?? new Fields({}, 'spec.template.metadata')
  const pod = { ...readPodSpec(podMetadata, podSpec, name), namespace }
  if (pod.restartPolicy !== 'Always') throw invalidArgument(`the pods of a ${kind} have restartPolicy Always`)
  checkSelector(spec.object('selector'), pod.labels)
  const deployment = {
    kind,
    namespace,
    name,
    replicas,
    strategy: readStrategy(spec.object('strategy'), replicas, pod),
    minReadyMs: 1000 * (spec.integer('minReadySeconds') ?? 0),
    hash: contentHash((object as { spec: { template: unknown } }).spec.template),
    template: pod,
  } as const
  return { deployment, ignored: root.unread() }
}

/** The pods of a deployment, of its present template. */
export function podsOf({ name, namespace, hash, replicas, template }: Deployment): PodManifest[] {
  return Array.from({ length: replicas }, (_, index) => {
    const podName = `${name}-${hash}-${index}`
    return {
      ...template,
      name: podName,
      hostname: template.hostname === hostnameOf(name) ? hostnameOf(podName) : template.hostname,
      uid: derivedUid(namespace, podName),
      labels: { ...template.labels, [templateHashLabel]: hash },
    }
  })
}

function checkSelector(selector: Fields<V1LabelSelector> | undefined, labels: Readonly<Record<string, string>>): void {
  const wanted = Object.entries(selector?.stringMap('matchLabels') ?? {})
  const odd = wanted.find(([key, value]) => labels[key] !== value)
  if (odd) throw invalidArgument(`spec.selector wants the label ${odd.join('=')}, which spec.template does not have`)
}

function readStrategy(fields: Fields<V1DeploymentStrategy> | undefined, replicas: number, pod: PodManifest): Strategy {
  const type = fields?.string('type') ?? 'RollingUpdate'
  if (type === 'Recreate') return { recreate: true, surge: 0, unavailable: replicas }
  if (type !== 'RollingUpdate') throw invalidArgument('spec.strategy.type must be RollingUpdate or Recreate')
  const rolling = fields?.object('rollingUpdate')
  const surge = share(rolling?.integerOrString('maxSurge') ?? '25%', replicas, Math.ceil, 'maxSurge')
  const unavailable = share(rolling?.integerOrString('maxUnavailable') ?? '25%', replicas, Math.floor, 'maxUnavailable')
  // On one machine, two pods cannot have the same port of it: the old one goes first.
  const containers = [...pod.initContainers, ...pod.containers]
  const exclusive = pod.hostNetwork || containers.some(({ ports }) => ports.some(({ hostPort }) => hostPort > 0))
  if (exclusive) return { recreate: false, surge: 0, unavailable: Math.max(unavailable, 1) }
  return { recreate: false, surge, unavailable: surge === 0 ? Math.max(unavailable, 1) : unavailable }
}

/** A whole number, or a share of the replicas such as `25%`. */
function share(value: number | string, replicas: number, round: (exact: number) => number, name: string): number {
  const percent = typeof value === 'string' ? /^(\d{1,3})%$/.exec(value)?.[1] : undefined
  const count = percent === undefined ? Number(value) : round((replicas * Number(percent)) / 100)
  if (Number.isInteger(count) && count >= 0) return count
  throw invalidArgument(`spec.strategy.rollingUpdate.${name}: "${value}" is neither a number nor a share such as 25%`)
}
