import { createHash } from 'node:crypto'
import { invalidArgument } from '../lib/errors.ts'
import { type EnvVar, readEnv } from './env.ts'
import type { Fields } from './fields.ts'
import { checkName } from './names.ts'
import { type ContainerResources, readResources } from './resources.ts'
import { type ContainerSecurity, readContainerSecurity } from './security.ts'
import { readVolumeMount, type VolumeMount } from './volumes.ts'

/** What `berth run` understands of a container of a v1 Pod. */
export interface ContainerManifest {
  readonly name: string
  readonly image: string
  readonly pullPolicy: 'Always' | 'IfNotPresent' | 'Never'
  readonly command: readonly string[]
  readonly args: readonly string[]
  readonly workingDir: string
  readonly env: readonly EnvVar[]
  readonly ports: readonly Port[]
  readonly resources: ContainerResources
  readonly security: ContainerSecurity
  readonly mounts: readonly VolumeMount[]
  readonly stdin: boolean
  readonly stdinOnce: boolean
  readonly tty: boolean
  /** An init container that goes on running beside the others. */
  readonly sidecar: boolean
}

export interface Port {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP'
  readonly containerPort: number
  readonly hostPort: number
  readonly hostIp: string
}

export function readContainer(fields: Fields, isInit: boolean): ContainerManifest {
  const name = checkName(fields.requiredString('name'), `${fields.path}.name`)
  const image = fields.requiredString('image')
  return {
    name,
    image,
    pullPolicy: readPullPolicy(fields, image),
    command: fields.strings('command'),
    args: fields.strings('args'),
    workingDir: fields.string('workingDir') ?? '',
    env: fields.objects('env').map(readEnv),
    ports: fields.objects('ports').map(readPort),
    resources: readResources(fields.object('resources')),
    security: readContainerSecurity(fields.object('securityContext')),
    mounts: fields.objects('volumeMounts').map(readVolumeMount),
    stdin: fields.boolean('stdin') ?? false,
    stdinOnce: fields.boolean('stdinOnce') ?? false,
    tty: fields.boolean('tty') ?? false,
    sidecar: isInit && fields.string('restartPolicy') === 'Always',
  }
}

/** A short text that changes when the container's manifest does. */
export function hashOf(container: ContainerManifest): string {
  const json = JSON.stringify(container, (_, value) => (typeof value === 'bigint' ? String(value) : value))
  return createHash('sha256').update(json).digest('hex').slice(0, 8)
}

/** Kubernetes' default: a tag that moves is looked up each time. */
function readPullPolicy(fields: Fields, image: string): ContainerManifest['pullPolicy'] {
  const policy = fields.string('imagePullPolicy')
  if (policy === 'Always' || policy === 'IfNotPresent' || policy === 'Never') return policy
  if (policy !== undefined) {
    throw invalidArgument(`${fields.path}.imagePullPolicy must be Always, IfNotPresent or Never`)
  }
  if (image.includes('@')) return 'IfNotPresent'
  const tag = /:([^:/]+)$/.exec(image)?.[1]
  return tag === undefined || tag === 'latest' ? 'Always' : 'IfNotPresent'
}

function readPort(fields: Fields): Port {
  // The name is for Services to refer to.
  fields.string('name')
  const protocol = fields.string('protocol') ?? 'TCP'
  if (protocol !== 'TCP' && protocol !== 'UDP' && protocol !== 'SCTP') {
    throw invalidArgument(`${fields.path}.protocol must be TCP, UDP or SCTP`)
  }
  const hostPort = fields.integer('hostPort') ?? 0
  return {
    protocol,
    containerPort: fields.integer('containerPort') ?? hostPort,
    hostPort,
    hostIp: fields.string('hostIP') ?? '',
  }
}
