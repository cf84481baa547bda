import { createHash } from 'node:crypto'
import type { V1Container, V1ContainerPort, V1Lifecycle } from '@kubernetes/client-node'
import { Signal } from '../client/index.ts'
import { invalidArgument } from '../lib/errors.ts'
import { type Action, readHookAction } from './action.ts'
import { type EnvFrom, type EnvVar, readEnv, readEnvFrom } from './env.ts'
import type { Fields } from './fields.ts'
import { checkName } from './names.ts'
import { type Probe, type Probes, probeKinds, readProbe } from './probe.ts'
import { checkPullPolicy, type PullPolicy } from './pull-policy.ts'
import { type ContainerResources, readResources } from './resources.ts'
import { checkRestartPolicy, type RestartPolicy } from './restart-policy.ts'
import { type ContainerSecurity, readContainerSecurity } from './security.ts'
import { readVolumeMount, type VolumeMount } from './volumes.ts'

/** What `berth run` understands of a container of a v1 Pod. */
export interface ContainerManifest {
  readonly name: string
  readonly image: string
  readonly pullPolicy: PullPolicy
  readonly command: readonly string[]
  readonly args: readonly string[]
  readonly workingDir: string
  readonly envFrom: readonly EnvFrom[]
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
  /** Its own policy, when it is not the pod's. */
  readonly restartPolicy: RestartPolicy | undefined
  readonly probes: Probes
  /** Run right after the start, and before the stop. */
  readonly postStart: Action | undefined
  readonly preStop: Action | undefined
  /** What asks it to end, if the image is not to say. */
  readonly stopSignal: Signal
  /** The file in which the container says why it ended. */
  readonly terminationMessagePath: string
  /** Whether the end of its log says so when that file is empty and it failed. */
  readonly messageFromLog: boolean
}

export interface Port {
  /** Empty when it has none. */
  readonly name: string
  readonly protocol: 'TCP' | 'UDP' | 'SCTP'
  readonly containerPort: number
  readonly hostPort: number
  readonly hostIp: string
}

export function readContainer(fields: Fields<V1Container>, isInit: boolean): ContainerManifest {
  const name = checkName(fields.requiredString('name'), `${fields.path}.name`)
  const image = fields.requiredString('image')
  const restartPolicy = fields.string('restartPolicy')
  const ports = fields.objects('ports').map(readPort)
  const messagePolicy = fields.string('terminationMessagePolicy') ?? 'File'
  if (messagePolicy !== 'File' && messagePolicy !== 'FallbackToLogsOnError') {
    throw invalidArgument(`${fields.path}.terminationMessagePolicy must be File or FallbackToLogsOnError`)
  }
  const sidecar = isInit && restartPolicy === 'Always'
  const probes = readProbes(fields, ports)
  if (isInit && !sidecar && Object.keys(probes).length > 0) {
    throw invalidArgument(`${fields.path} has probes: only an init container with restartPolicy Always may`)
  }
  return {
    name,
    image,
    pullPolicy: checkPullPolicy(fields.string('imagePullPolicy'), image, `${fields.path}.imagePullPolicy`),
    command: fields.strings('command'),
    args: fields.strings('args'),
    workingDir: fields.string('workingDir') ?? '',
    envFrom: fields.objects('envFrom').map(readEnvFrom),
    env: fields.objects('env').map(readEnv),
    ports,
    resources: readResources(fields.object('resources')),
    security: readContainerSecurity(fields.object('securityContext')),
    mounts: fields.objects('volumeMounts').map(readVolumeMount),
    stdin: fields.boolean('stdin') ?? false,
    stdinOnce: fields.boolean('stdinOnce') ?? false,
    tty: fields.boolean('tty') ?? false,
    sidecar,
    restartPolicy:
      restartPolicy && !sidecar ? checkRestartPolicy(restartPolicy, `${fields.path}.restartPolicy`) : undefined,
    probes,
    ...readLifecycle(fields.object('lifecycle'), ports),
    terminationMessagePath: fields.string('terminationMessagePath') || '/dev/termination-log',
    messageFromLog: messagePolicy === 'FallbackToLogsOnError',
  }
}

function readProbes(fields: Fields<V1Container>, ports: readonly Port[]): Probes {
  const probes: [string, Probe][] = []
  for (const kind of probeKinds) {
    const probe = fields.object(`${kind}Probe`)
    if (probe) probes.push([kind, readProbe(probe, kind, ports)])
  }
  return Object.fromEntries(probes)
}

function readLifecycle(fields: Fields<V1Lifecycle> | undefined, ports: readonly Port[]) {
  const postStart = fields?.object('postStart')
  const preStop = fields?.object('preStop')
  return {
    postStart: postStart && readHookAction(postStart, ports),
    preStop: preStop && readHookAction(preStop, ports),
    stopSignal: readSignal(fields?.string('stopSignal'), `${fields?.path}.stopSignal`),
  }
}

function readSignal(name: string | undefined, path: string): Signal {
  if (!name) return Signal.RUNTIME_DEFAULT
  // CRI's names have no + and -: SIGRTMIN+3 is SIGRTMINPLUS3.
  const signal = Signal[name.replace('+', 'PLUS').replace('-', 'MINUS') as keyof typeof Signal]
  if (typeof signal === 'number' && name.startsWith('SIG')) return signal
  throw invalidArgument(`${path}: "${name}" is not a signal such as SIGTERM or SIGUSR1`)
}

/** A short text that changes when the container's manifest does. */
export function hashOf(container: ContainerManifest): string {
  const json = JSON.stringify(container, (_, value) => (typeof value === 'bigint' ? String(value) : value))
  return createHash('sha256').update(json).digest('hex').slice(0, 8)
}

function readPort(fields: Fields<V1ContainerPort>): Port {
  const protocol = fields.string('protocol') ?? 'TCP'
  if (protocol !== 'TCP' && protocol !== 'UDP' && protocol !== 'SCTP') {
    throw invalidArgument(`${fields.path}.protocol must be TCP, UDP or SCTP`)
  }
  const hostPort = fields.integer('hostPort') ?? 0
  return {
    name: fields.string('name') ?? '',
    protocol,
    containerPort: fields.integer('containerPort') ?? hostPort,
    hostPort,
    hostIp: fields.string('hostIP') ?? '',
  }
}
