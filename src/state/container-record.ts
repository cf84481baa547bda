import { create, type JsonValue, toJson } from '@bufbuild/protobuf'
import * as v from 'valibot'
import { type ContainerConfig, ContainerConfigSchema, ContainerMetadataSchema } from '../gen/cri_pb.ts'
import type { ContainerState } from './container-state.ts'
import type { RecordKind } from './record-table.ts'
import { idText, isId, messageJson, objectOf, salvaged, salvagedMessage, timeText } from './stored-fields.ts'

/** All that berthd keeps of a container. The paths of its parts follow from its id. */
export interface ContainerRecord {
  readonly id: string
  readonly sandboxId: string
  /** As the client gave it; labels, annotations, mounts and resources go back as they came. */
  readonly config: ContainerConfig
  /** Fingerprint of the request, to tell a repeated one from another under the same name. */
  readonly fingerprint: string
  /** The digest of the image's configuration. */
  readonly imageId: string
  /** The images that its mounts show, absent when there are none. */
  readonly imageVolumes?: readonly ImageVolume[]
  readonly createdAt: bigint
  /** Absolute; empty when the client wants no log. */
  readonly logPath: string
  /** `cgroupsPath` as the OCI runtime gets it. */
  readonly cgroup: string
  /** A name (`SIGTERM`) or a number. */
  readonly stopSignal: string
  readonly user: { readonly uid: number; readonly gid: number; readonly groups: readonly number[] }
  readonly state: ContainerState
}

export interface ImageVolume {
  /** Which of the configuration's mounts. */
  readonly index: number
  readonly imageId: string
}

type Times<State> = State extends { readonly startedAt: bigint }
  ? Omit<State, 'startedAt' | 'finishedAt'> & { readonly startedAt: string; readonly finishedAt?: string }
  : State
type Body = Omit<ContainerRecord, 'config' | 'createdAt' | 'state'> & {
  readonly config: JsonValue
  readonly createdAt: string
  readonly state: Times<ContainerState>
}

const text = v.string()
const integer = v.pipe(v.number(), v.safeInteger())
const pid = v.pipe(integer, v.minValue(0))
const user = v.object({ uid: integer, gid: integer, groups: v.array(integer) })
const imageVolumes = v.array(v.object({ index: integer, imageId: text }))

const state = v.variant('phase', [
  v.object({ phase: v.picklist(['creating', 'created', 'starting']) }),
  v.object({ phase: v.literal('running'), pid: v.pipe(pid, v.minValue(1)), startedAt: timeText }),
  v.object({
    phase: v.literal('exited'),
    startedAt: timeText,
    finishedAt: timeText,
    exitCode: integer,
    reason: v.picklist(['Completed', 'Error', 'OOMKilled', 'StartError', 'Unknown']),
    message: text,
  }),
  v.object({ phase: v.literal('unknown'), pid, startedAt: timeText, message: text }),
])

/** As `linux/cgroup` takes it: whatever else is in a record must not reach the cgroups of others. */
const cgroupPath = v.pipe(text, v.regex(/^(\/(?!\.{1,2}(\/|$))[^/\0]+)+$/, 'is not the path of a cgroup'))

const body = v.object({
  id: idText,
  sandboxId: idText,
  config: messageJson(ContainerConfigSchema),
  fingerprint: text,
  imageId: text,
  imageVolumes: v.exactOptional(imageVolumes),
  createdAt: timeText,
  logPath: text,
  cgroup: cgroupPath,
  stopSignal: text,
  user,
  state,
})

export const containerRecords: RecordKind<ContainerRecord> = {
  table: 'containers',
  version: 1,
  encode: (record): Body => ({
    ...record,
    config: toJson(ContainerConfigSchema, record.config),
    createdAt: String(record.createdAt),
    state: withTextTimes(record.state),
  }),
  decode(stored, _, id): ContainerRecord {
    const record = v.parse(body, stored)
    if (record.id !== id) throw new Error(`it is the record of another container, ${record.id}`)
    if (!record.config.metadata) throw new Error('it has no metadata')
    return record
  },
  salvage: (id, stored, problem) => (isId(id) ? salvageContainer(id, objectOf(stored), problem) : undefined),
}

/**
 * A container of which only that much is known. It can be stopped and removed. Its sandbox and its cgroup may be empty texts:
 * the machine may know more of them.
 */
export function salvageContainer(
  id: string,
  stored: Readonly<Record<string, unknown>>,
  problem: string,
): ContainerRecord {
  const config = salvagedMessage(ContainerConfigSchema, stored.config)
  const nameless = create(ContainerMetadataSchema, { name: `unreadable-${id.slice(0, 12)}` })
  const metadata = config.metadata?.name ? config.metadata : nameless
  const volumes = salvaged(v.exactOptional(imageVolumes), stored.imageVolumes, undefined)
  const message = `its record cannot be read (${problem}); remove it`
  return {
    id,
    sandboxId: salvaged(idText, stored.sandboxId, ''),
    config: create(ContainerConfigSchema, { ...(config as ContainerConfig), metadata }),
    fingerprint: salvaged(text, stored.fingerprint, ''),
    imageId: salvaged(text, stored.imageId, ''),
    ...(volumes && { imageVolumes: volumes }),
    createdAt: salvaged(timeText, stored.createdAt, 0n),
    logPath: salvaged(text, stored.logPath, ''),
    cgroup: salvaged(cgroupPath, stored.cgroup, ''),
    stopSignal: salvaged(text, stored.stopSignal, 'SIGTERM'),
    user: salvaged(user, stored.user, { uid: 0, gid: 0, groups: [] }),
    state: salvaged<ContainerState>(state, stored.state, { phase: 'unknown', pid: 0, startedAt: 0n, message }),
  }
}

function withTextTimes(state: ContainerState): Times<ContainerState> {
  if (state.phase === 'exited') {
    return { ...state, startedAt: String(state.startedAt), finishedAt: String(state.finishedAt) }
  }
  return 'startedAt' in state ? { ...state, startedAt: String(state.startedAt) } : state
}
