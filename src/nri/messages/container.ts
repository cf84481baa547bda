import { create } from '@bufbuild/protobuf'
import { SecurityProfile_ProfileType as CriProfile } from '../../gen/cri_pb.ts'
import {
  type Container,
  ContainerSchema,
  ContainerState,
  IOPrioClassSchema,
  LinuxSchedulerFlagSchema,
  LinuxSchedulerPolicySchema,
  SecurityProfile_ProfileType as Profile,
} from '../../gen/nri_pb.ts'
import type { Hook, Linux, Process, Seccomp, Spec } from '../../oci/runtime-spec.ts'
import type { ContainerRecord } from '../../state/container-record.ts'
import { resourcesOfSpec } from './resources.ts'

/** A container as plugins see it: its record, and its config.json as far as it can be read. */
export function containerMessage(record: ContainerRecord, spec: Spec | undefined, imageDigest: string): Container {
  const { config, state, user } = record
  return create(ContainerSchema, {
    id: record.id,
    podSandboxId: record.sandboxId,
    name: config.metadata?.name ?? '',
    ...lifeOf(record),
    pid: 'pid' in state ? state.pid : 0,
    createdAt: record.createdAt,
    labels: config.labels,
    annotations: { ...spec?.annotations, ...config.annotations },
    user: spec
      ? {
          uid: spec.process.user.uid,
          gid: spec.process.user.gid,
          additionalGids: [...(spec.process.user.additionalGids ?? [])],
        }
      : { uid: user.uid, gid: user.gid, additionalGids: [...user.groups] },
    image: {
      name: config.image?.userSpecifiedImage || config.image?.image || '',
      digest: imageDigest,
      configDigest: record.imageId,
    },
    CDIDevices: config.CDIDevices.map(({ name }) => ({ name })),
    ...(spec && partsOf(spec)),
    linux: { ...(spec && linuxOf(spec)), ...seccompProfile(record) },
  })
}

function lifeOf({ state }: ContainerRecord) {
  switch (state.phase) {
    case 'created':
    case 'starting':
      return { state: ContainerState.CONTAINER_CREATED }
    case 'running':
      return { state: ContainerState.CONTAINER_RUNNING, startedAt: state.startedAt }
    case 'exited':
      return {
        state: ContainerState.CONTAINER_STOPPED,
        startedAt: state.startedAt,
        finishedAt: state.finishedAt,
        exitCode: state.exitCode,
        statusReason: state.reason,
        statusMessage: state.message,
      }
    case 'unknown':
      return { startedAt: state.startedAt, statusMessage: state.message }
    case 'creating':
      return {}
    default:
      return state satisfies never
  }
}

function partsOf({ process, mounts, hooks }: Spec) {
  const stage = (list: readonly Hook[] | undefined) =>
    (list ?? []).map(({ path, args, env, timeout }) => ({
      path,
      args: [...(args ?? [])],
      env: [...(env ?? [])],
      ...(timeout !== undefined && { timeout: { value: BigInt(timeout) } }),
    }))
  return {
    args: [...process.args],
    env: [...process.env],
    mounts: mounts.map(({ destination, type, source, options }) => ({
      destination,
      type: type ?? '',
      source: source ?? '',
      options: [...(options ?? [])],
    })),
    hooks: {
      prestart: stage(hooks?.prestart),
      createRuntime: stage(hooks?.createRuntime),
      createContainer: stage(hooks?.createContainer),
      startContainer: stage(hooks?.startContainer),
      poststart: stage(hooks?.poststart),
      poststop: stage(hooks?.poststop),
    },
    rlimits: (process.rlimits ?? []).map(({ type, hard, soft }) => ({ type, hard: uint64(hard), soft: uint64(soft) })),
  }
}

function linuxOf({ process, linux }: Spec) {
  return {
    namespaces: linux.namespaces.map(({ type, path }) => ({ type, path: path ?? '' })),
    devices: (linux.devices ?? []).map(({ path, type, major, minor, fileMode, uid, gid }) => ({
      path,
      type,
      major: BigInt(major),
      minor: BigInt(minor),
      ...(fileMode !== undefined && { fileMode: { value: fileMode } }),
      ...(uid !== undefined && { uid: { value: uid } }),
      ...(gid !== undefined && { gid: { value: gid } }),
    })),
    resources: resourcesOfSpec(linux.resources),
    ...(process.oomScoreAdj !== undefined && { oomScoreAdj: { value: BigInt(process.oomScoreAdj) } }),
    cgroupsPath: linux.cgroupsPath,
    sysctl: { ...linux.sysctl },
    ...schedulingOf(process),
    ...(linux.seccomp && { seccompPolicy: seccompPolicy(linux.seccomp) }),
    ...rdtAndDevices(linux),
  }
}

function schedulingOf({ ioPriority, scheduler }: Process) {
  return {
    ...(ioPriority && {
      ioPriority: { class: numberOf(IOPrioClassSchema, ioPriority.class), priority: ioPriority.priority },
    }),
    ...(scheduler && {
      scheduler: {
        policy: numberOf(LinuxSchedulerPolicySchema, scheduler.policy),
        nice: scheduler.nice ?? 0,
        priority: scheduler.priority ?? 0,
        flags: (scheduler.flags ?? []).map((flag) => numberOf(LinuxSchedulerFlagSchema, flag)),
        runtime: BigInt(scheduler.runtime ?? 0),
        deadline: BigInt(scheduler.deadline ?? 0),
        period: BigInt(scheduler.period ?? 0),
      },
    }),
  }
}

function rdtAndDevices({ intelRdt, netDevices = {} }: Linux) {
  const { closID, schemata, enableMonitoring } = intelRdt ?? {}
  return {
    ...(intelRdt && {
      rdt: {
        ...(closID !== undefined && { closId: { value: closID } }),
        ...(schemata && { schemata: { value: [...schemata] } }),
        ...(enableMonitoring !== undefined && { enableMonitoring: { value: enableMonitoring } }),
      },
    }),
    netDevices: Object.fromEntries(Object.entries(netDevices).map(([host, { name }]) => [host, { name: name ?? '' }])),
  }
}

function seccompPolicy(seccomp: Seccomp) {
  return {
    defaultAction: seccomp.defaultAction,
    ...(seccomp.defaultErrnoRet !== undefined && { defaultErrno: { value: seccomp.defaultErrnoRet } }),
    architectures: [...(seccomp.architectures ?? [])],
    flags: [...(seccomp.flags ?? [])],
    listenerPath: seccomp.listenerPath ?? '',
    listenerMetadata: seccomp.listenerMetadata ?? '',
    syscalls: (seccomp.syscalls ?? []).map(({ names, action, errnoRet, args }) => ({
      names: [...names],
      action,
      ...(errnoRet !== undefined && { errnoRet: { value: errnoRet } }),
      args: (args ?? []).map(({ index, value, valueTwo, op }) => ({
        index,
        value: uint64(value),
        valueTwo: uint64(valueTwo ?? 0),
        op,
      })),
    })),
  }
}

const profiles = new Map<CriProfile, Profile>([
  [CriProfile.RuntimeDefault, Profile.RUNTIME_DEFAULT],
  [CriProfile.Unconfined, Profile.UNCONFINED],
  [CriProfile.Localhost, Profile.LOCALHOST],
])

/** What the pod asked for, as validators want to know it. */
function seccompProfile({ config }: ContainerRecord) {
  const asked = config.linux?.securityContext?.seccomp
  const profileType = asked && profiles.get(asked.profileType)
  return profileType === undefined ? {} : { seccompProfile: { profileType, localhostRef: asked?.localhostRef ?? '' } }
}

/** A number of JSON may stand for 2^64 - 1, which it cannot quite hold. */
function uint64(value: number): bigint {
  const most = 2n ** 64n - 1n
  const whole = BigInt(value)
  return whole > most ? most : whole
}

/** The number that an enum of the API has for a name of the runtime-spec; 0 for an unknown one. */
function numberOf(
  schema: { readonly values: readonly { readonly name: string; readonly number: number }[] },
  name: string,
) {
  return (schema.values.find((value) => value.name === name)?.number ?? 0) as never
}
