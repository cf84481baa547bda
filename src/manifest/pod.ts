import { createHash } from 'node:crypto'
import type { V1ObjectMeta, V1Pod, V1PodSpec } from '@kubernetes/client-node'
import { invalidArgument } from '../lib/errors.ts'
import { suggest } from '../lib/suggest.ts'
import { type ContainerManifest, readContainer } from './container.ts'
import { Fields } from './fields.ts'
import { checkName, isSafeName } from './names.ts'
import { checkRestartPolicy, type RestartPolicy } from './restart-policy.ts'
import { type PodSecurity, readPodSecurity } from './security.ts'
import { readVolume, type Volume } from './volumes.ts'

/** What `berth run` understands of a v1 Pod. */
export interface PodManifest {
  readonly name: string
  readonly namespace: string
  readonly uid: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  readonly hostname: string
  readonly hostNetwork: boolean
  readonly hostPid: boolean
  readonly hostIpc: boolean
  /** False: it gets a user namespace of its own. */
  readonly hostUsers: boolean
  readonly shareProcessNamespace: boolean
  /** Only for dnsPolicy None; otherwise the pod has the node's resolv.conf. */
  readonly dns: Dns | undefined
  readonly runtimeHandler: string
  readonly security: PodSecurity
  readonly restartPolicy: RestartPolicy
  /** Seconds that its containers have to end by themselves. */
  readonly graceSeconds: number
  /** Seconds after which the pod is ended, however far it came. */
  readonly deadlineSeconds: number | undefined
  readonly serviceAccount: string
  /** Secrets with the credentials of registries. */
  readonly pullSecrets: readonly string[]
  /** Lines for /etc/hosts. */
  readonly hostAliases: readonly HostAlias[]
  readonly volumes: readonly Volume[]
  readonly initContainers: readonly ContainerManifest[]
  readonly containers: readonly ContainerManifest[]
}

export interface HostAlias {
  readonly ip: string
  readonly hostnames: readonly string[]
}

export interface Dns {
  readonly servers: readonly string[]
  readonly searches: readonly string[]
  readonly options: readonly string[]
}

/** A manifest and the paths of its fields that have no effect. */
export interface ReadPod {
  readonly pod: PodManifest
  readonly ignored: readonly string[]
}

/**
 * Reads a Pod manifest (parsed YAML or JSON).
 *
 * @throws BerthError invalid-argument, which names the field
 */
export function readPod(manifest: unknown): ReadPod {
  const root = new Fields<V1Pod>(manifest, '')
  const kind = `${root.string('apiVersion')} ${root.string('kind')}`
  if (kind !== 'v1 Pod') {
    throw invalidArgument(`a Pod has apiVersion v1 and kind Pod, this manifest has ${kind}`)
  }
  const metadata = root.object('metadata')
  const spec = root.object('spec')
  if (!metadata || !spec) {
    throw invalidArgument(`a Pod needs metadata and spec${root.misspelt('metadata')}${root.misspelt('spec')}`)
  }
  const pod = readPodSpec(metadata, spec, metadata.requiredString('name'))
  return { pod, ignored: root.unread() }
}

/** Reads a pod's metadata and spec, which may be those of a template; the name is the pod's. */
export function readPodSpec(metadata: Fields<V1ObjectMeta>, spec: Fields<V1PodSpec>, podName: string): PodManifest {
  const name = checkName(podName, 'metadata.name', { dots: true })
  const namespace = checkName(metadata.string('namespace') || 'default', 'metadata.namespace')
  const uid = metadata.string('uid') || derivedUid(namespace, name)
  if (!isSafeName(uid)) throw invalidArgument(`metadata.uid: "${uid}" must be letters, digits, dots, dashes`)
  const containers = spec.objects('containers').map((fields) => readContainer(fields, false))
  const initContainers = spec.objects('initContainers').map((fields) => readContainer(fields, true))
  if (containers.length === 0) {
    throw invalidArgument(`${spec.path}.containers is empty: a pod needs a container${spec.misspelt('containers')}`)
  }
  const names = [...initContainers, ...containers].map((container) => container.name)
  const twice = names.find((other, index) => names.indexOf(other) !== index)
  if (twice !== undefined) throw invalidArgument(`two containers have the name "${twice}"`)
  const volumes = spec.objects('volumes').map(readVolume)
  checkMounts([...initContainers, ...containers], volumes)
  const hostUsers = spec.boolean('hostUsers') ?? true
  const shared = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((key) => spec.boolean(key))
  if (!hostUsers && shared.length > 0) {
    throw invalidArgument(`${spec.path}.hostUsers: false goes without ${shared.join(' and ')}`)
  }
  const serviceAccount = spec.string('serviceAccountName') ?? ''
  // It can be told to a container, but there is nobody who would give it a token.
  if (serviceAccount !== '') spec.ignore('serviceAccountName')
  const deadlineSeconds = spec.integer('activeDeadlineSeconds')
  const graceSeconds = spec.integer('terminationGracePeriodSeconds') ?? 30
  if (graceSeconds < 0) throw invalidArgument(`${spec.path}.terminationGracePeriodSeconds must not be negative`)
  return {
    name,
    namespace,
    uid,
    labels: metadata.stringMap('labels'),
    annotations: metadata.stringMap('annotations'),
    hostname: hostnameOf(spec.string('hostname') || name),
    hostNetwork: spec.boolean('hostNetwork') ?? false,
    hostPid: spec.boolean('hostPID') ?? false,
    hostIpc: spec.boolean('hostIPC') ?? false,
    hostUsers,
    shareProcessNamespace: spec.boolean('shareProcessNamespace') ?? false,
    dns: readDns(spec),
    runtimeHandler: spec.string('runtimeClassName') ?? '',
    security: readPodSecurity(spec.object('securityContext')),
    restartPolicy: checkRestartPolicy(spec.string('restartPolicy') ?? 'Always', `${spec.path}.restartPolicy`),
    graceSeconds,
    deadlineSeconds,
    serviceAccount,
    pullSecrets: spec.objects('imagePullSecrets').map((secret) => secret.requiredString('name')),
    hostAliases: spec.objects('hostAliases').map((alias) => ({
      ip: alias.requiredString('ip'),
      hostnames: alias.strings('hostnames'),
    })),
    volumes,
    initContainers,
    containers,
  }
}

function checkMounts(containers: readonly ContainerManifest[], volumes: readonly Volume[]): void {
  const names = volumes.map(({ name }) => name)
  for (const { name, mounts } of containers) {
    const odd = mounts.find(({ volume }) => !names.includes(volume))?.volume
    if (odd === undefined) continue
    const meant = suggest(odd, names)
    const hint = meant === undefined ? '' : `; did you mean "${meant}"?`
    throw invalidArgument(`container "${name}" mounts the volume "${odd}", which the pod does not have${hint}`)
  }
}

/** The hostname of a pod of that name: a label of the DNS. */
export const hostnameOf = (name: string) => name.slice(0, 63).replace(/[-.]+$/, '')

/** The policy None has its own resolver; all others mean the node's, as there is no cluster with a DNS of its own. */
function readDns(spec: Fields<V1PodSpec>): Dns | undefined {
  const policy = spec.string('dnsPolicy') ?? 'Default'
  if (policy !== 'None') {
    if (policy !== 'Default') spec.ignore('dnsPolicy')
    return undefined
  }
  const config = spec.object('dnsConfig')
  const options = config?.objects('options') ?? []
  return {
    servers: config?.strings('nameservers') ?? [],
    searches: config?.strings('searches') ?? [],
    options: options.map((option) => {
      const value = option.string('value')
      return option.requiredString('name') + (value === undefined ? '' : `:${value}`)
    }),
  }
}

/** A UUID (version 8, RFC 9562) that is always the same for a pod of that name, so that a second run finds the first. */
export function derivedUid(namespace: string, name: string): string {
  const hash = createHash('sha256').update(`berth run ${namespace}/${name}`).digest('hex')
  const variant = ((Number.parseInt(hash.charAt(16), 16) & 0x3) | 0x8).toString(16)
  return [
    hash.slice(0, 8),
    hash.slice(8, 12),
    `8${hash.slice(13, 16)}`,
    `${variant}${hash.slice(17, 20)}`,
    hash.slice(20, 32),
  ].join('-')
}
