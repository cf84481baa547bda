import { fromJson, type JsonValue, toJson } from '@bufbuild/protobuf'
import { type ContainerConfig, ContainerConfigSchema } from '../gen/cri_pb.ts'
import type { ContainerState } from './container-state.ts'
import type { RecordKind } from './record-table.ts'

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

export const containerRecords: RecordKind<ContainerRecord> = {
  table: 'containers',
  version: 1,
  encode: (record): Body => ({
    ...record,
    config: toJson(ContainerConfigSchema, record.config),
    createdAt: String(record.createdAt),
    state: withTextTimes(record.state),
  }),
  decode: (body) => {
    const stored = body as Body
    return {
      ...stored,
      config: fromJson(ContainerConfigSchema, stored.config, { ignoreUnknownFields: true }),
      createdAt: BigInt(stored.createdAt),
      state: withBigTimes(stored.state),
    }
  },
}

function withTextTimes(state: ContainerState): Times<ContainerState> {
  if (state.phase === 'exited') {
    return { ...state, startedAt: String(state.startedAt), finishedAt: String(state.finishedAt) }
  }
  return 'startedAt' in state ? { ...state, startedAt: String(state.startedAt) } : state
}

function withBigTimes(state: Times<ContainerState>): ContainerState {
  const times: Record<string, bigint> = {}
  if ('startedAt' in state) times.startedAt = BigInt(state.startedAt)
  if ('finishedAt' in state && state.finishedAt !== undefined) times.finishedAt = BigInt(state.finishedAt)
  return { ...state, ...times } as ContainerState
}
