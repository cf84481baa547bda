import { clone, create } from '@bufbuild/protobuf'
import {
  type Container,
  type ContainerAdjustment,
  ContainerAdjustmentSchema,
  Field,
  type Hooks,
  HooksSchema,
  type LinuxContainer,
  type LinuxContainerAdjustment,
  LinuxContainerAdjustmentSchema,
  LinuxContainerSchema,
  LinuxRdtSchema,
  LinuxResourcesSchema,
} from '../../gen/nri_pb.ts'
import { mergeResources, resourceClaims } from './merge-resources.ts'
import type { Owners } from './owners.ts'
import { isRemoval, removalOf, unmarked } from './removal.ts'

/** What plugins want changed in a container that is being made, put together in the order of the plugins. */
export class AdjustmentMerge {
  /** The container as the next plugin is to see it: with all that was adjusted so far. */
  readonly container: Container
  /** All adjustments together. */
  readonly adjust: ContainerAdjustment = create(ContainerAdjustmentSchema)
  readonly #linux: LinuxContainerAdjustment
  readonly #owners: Owners

  constructor(container: Container, owners: Owners) {
    this.container = container
    container.linux ??= create(LinuxContainerSchema)
    container.linux.resources ??= create(LinuxResourcesSchema)
    container.hooks ??= create(HooksSchema)
    this.#linux = create(LinuxContainerAdjustmentSchema, { resources: {} })
    this.adjust.linux = this.#linux
    this.adjust.hooks = create(HooksSchema)
    this.#owners = owners
  }

  /** Adds the adjustments of one plugin. Throws failed-precondition for what another plugin has set already. */
  add(given: ContainerAdjustment, plugin: string): void {
    const { annotations, mounts, env, args, hooks, rlimits, CDIDevices, linux } = clone(
      ContainerAdjustmentSchema,
      given,
    )
    const { container, adjust } = this
    this.#addEntries(Field.Annotations, plugin, annotations, adjust.annotations, container.annotations, '')
    const destination = (mount: { destination: string }) => mount.destination
    const merged = this.#addItems(Field.Mounts, plugin, mounts, adjust.mounts, container.mounts, destination)
    adjust.mounts = merged.collected
    container.mounts = merged.current
    this.#addEnv(env, plugin)
    this.#addArgs(args, plugin)
    if (hooks) this.#addHooks(hooks, plugin)
    for (const rlimit of rlimits) {
      this.#claim(plugin, Field.Rlimits, rlimit.type)
      adjust.rlimits.push(rlimit)
      container.rlimits = [...container.rlimits.filter(({ type }) => type !== rlimit.type), rlimit]
    }
    for (const device of CDIDevices) {
      this.#claim(plugin, Field.CdiDevices, device.name)
      adjust.CDIDevices.push(device)
    }
    if (linux) this.#addLinux(linux, plugin)
  }

  #addLinux(given: LinuxContainerAdjustment, plugin: string): void {
    const all = this.#linux
    const container = this.container.linux as LinuxContainer
    const merged = this.#addItems(
      Field.Devices,
      plugin,
      given.devices,
      all.devices,
      container.devices,
      ({ path }) => path,
    )
    all.devices = merged.collected
    container.devices = merged.current
    if (given.resources) {
      this.#owners.claim(this.container.id, plugin, resourceClaims(given.resources))
      for (const target of [all, container]) {
        mergeResources(
          (target.resources ??= create(LinuxResourcesSchema)),
          clone(LinuxResourcesSchema, given.resources),
        )
      }
    }
    if (given.cgroupsPath !== '') {
      this.#claim(plugin, Field.CgroupsPath)
      all.cgroupsPath = container.cgroupsPath = given.cgroupsPath
    }
    if (given.oomScoreAdj) {
      this.#claim(plugin, Field.OomScoreAdj)
      all.oomScoreAdj = container.oomScoreAdj = given.oomScoreAdj
    }
    if (given.ioPriority) {
      this.#claim(plugin, Field.IoPriority)
      all.ioPriority = container.ioPriority = given.ioPriority
    }
    if (given.seccompPolicy) {
      this.#claim(plugin, Field.SeccompPolicy)
      all.seccompPolicy = container.seccompPolicy = given.seccompPolicy
    }
    if (given.scheduler) {
      this.#claim(plugin, Field.LinuxSched)
      all.scheduler = container.scheduler = given.scheduler
    }
    if (given.memoryPolicy) {
      this.#claim(plugin, Field.MemoryPolicy)
      all.memoryPolicy = given.memoryPolicy
    }
    for (const namespace of given.namespaces) {
      const type = unmarked(namespace.type)
      this.#claim(plugin, Field.Namespace, type)
      all.namespaces.push(namespace)
      container.namespaces = container.namespaces.filter((each) => each.type !== type)
      if (!isRemoval(namespace.type)) container.namespaces.push(namespace)
    }
    this.#addEntries(Field.Sysctl, plugin, given.sysctl, all.sysctl, container.sysctl, '')
    const noDevice = { $typeName: 'nri.pkg.api.v1alpha1.LinuxNetDevice', name: '' } as const
    this.#addEntries(Field.LinuxNetDevices, plugin, given.netDevices, all.netDevices, container.netDevices, noDevice)
    if (given.rdt) this.#addRdt(given.rdt, plugin)
  }

  #addRdt(given: NonNullable<LinuxContainerAdjustment['rdt']>, plugin: string): void {
    const fields = [Field.RdtClosID, Field.RdtSchemata, Field.RdtEnableMonitoring]
    if (given.remove) {
      for (const field of fields) this.#owners.release(this.container.id, plugin, { field })
      this.#linux.rdt = create(LinuxRdtSchema, { remove: true })
    }
    const rdt = (this.#linux.rdt ??= create(LinuxRdtSchema))
    if (given.closId) {
      this.#claim(plugin, Field.RdtClosID)
      rdt.closId = given.closId
    }
    if (given.schemata) {
      this.#claim(plugin, Field.RdtSchemata)
      rdt.schemata = given.schemata
    }
    if (given.enableMonitoring) {
      this.#claim(plugin, Field.RdtEnableMonitoring)
      rdt.enableMonitoring = given.enableMonitoring
    }
    if (rdt.closId ?? rdt.schemata ?? rdt.enableMonitoring) rdt.remove = false
  }

  #addEnv(given: ContainerAdjustment['env'], plugin: string): void {
    const current = this.container.env.map((entry) => {
      const at = entry.indexOf('=')
      return { key: at === -1 ? entry : entry.slice(0, at), entry }
    })
    const added = given.map((variable) => ({ key: variable.key, entry: `${variable.key}=${variable.value}`, variable }))
    const collected = this.adjust.env.map((variable) => ({ key: variable.key, entry: '', variable }))
    const merged = this.#addItems<{ key: string; entry: string; variable?: (typeof given)[number] }>(
      Field.Env,
      plugin,
      added,
      collected,
      current,
      ({ key }) => key,
    )
    this.adjust.env = merged.collected.flatMap(({ variable }) => (variable ? [variable] : []))
    this.container.env = merged.current.map(({ entry }) => entry)
  }

  /** An empty first argument means: whatever another plugin has set. */
  #addArgs(given: readonly string[], plugin: string): void {
    if (given.length === 0) return
    const overrides = given[0] === ''
    if (overrides) this.#owners.release(this.container.id, plugin, { field: Field.Args })
    this.#claim(plugin, Field.Args)
    this.adjust.args = given.slice(overrides ? 1 : 0)
    this.container.args = [...this.adjust.args]
  }

  #addHooks(given: Hooks, plugin: string): void {
    const stages = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'] as const
    if (stages.every((stage) => given[stage].length === 0)) return
    this.#owners.share(this.container.id, plugin, Field.OciHooks)
    for (const stage of stages) {
      this.adjust.hooks?.[stage].push(...given[stage])
      this.container.hooks?.[stage].push(...given[stage])
    }
  }

  /** What has entries in a list, each with a name of its own. */
  #addItems<T>(
    field: Field,
    plugin: string,
    given: readonly T[],
    collected: readonly T[],
    current: readonly T[],
    nameOf: (item: T) => string,
  ): { readonly collected: T[]; readonly current: T[] } {
    if (given.length === 0) return { collected: [...collected], current: [...current] }
    const additions = given.filter((item) => !isRemoval(nameOf(item)))
    const removals = given.filter((item) => isRemoval(nameOf(item)))
    const removed = new Set(removals.map((item) => unmarked(nameOf(item))))
    const set = new Set(additions.map(nameOf))
    for (const item of collected) {
      if (removed.has(nameOf(item))) this.#owners.release(this.container.id, plugin, { field, key: nameOf(item) })
    }
    this.#owners.claim(
      this.container.id,
      plugin,
      additions.map((item) => ({ field, key: nameOf(item) })),
    )
    return {
      // What is taken away comes before what is set, which may be set anew.
      collected: [...collected.filter((item) => !removed.has(nameOf(item))), ...removals, ...additions],
      current: [...current.filter((item) => !removed.has(nameOf(item)) && !set.has(nameOf(item))), ...additions],
    }
  }

  /** The same for what is a map. `nothing` is the value of a name that is taken away. */
  #addEntries<T>(
    field: Field,
    plugin: string,
    given: Readonly<Record<string, T>>,
    collected: Record<string, T>,
    current: Record<string, T>,
    nothing: T,
  ): void {
    for (const key of Object.keys(given).filter(isRemoval).map(unmarked)) {
      if (Object.hasOwn(collected, key)) this.#owners.release(this.container.id, plugin, { field, key })
      delete collected[key]
      delete current[key]
      collected[removalOf(key)] = nothing
    }
    for (const [key, value] of Object.entries(given)) {
      if (isRemoval(key)) continue
      this.#claim(plugin, field, key)
      collected[key] = value
      current[key] = value
    }
  }

  #claim(plugin: string, field: Field, key?: string): void {
    this.#owners.claim(this.container.id, plugin, [{ field, ...(key !== undefined && { key }) }])
  }
}
