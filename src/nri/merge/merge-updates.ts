import { clone, create } from '@bufbuild/protobuf'
import {
  type ContainerUpdate,
  ContainerUpdateSchema,
  type LinuxResources,
  LinuxResourcesSchema,
} from '../../gen/nri_pb.ts'
import { failedPrecondition } from '../../lib/errors.ts'
import { mergeResources, resourceClaims } from './merge-resources.ts'
import type { Owners } from './owners.ts'

/** The updates of containers that plugins ask for in answer to one event, put together in the order of the plugins. */
export class UpdateMerge {
  readonly #owners: Owners
  readonly #updates = new Map<string, ContainerUpdate>()

  constructor(owners: Owners) {
    this.#owners = owners
  }

  /** One container each. */
  get updates(): readonly ContainerUpdate[] {
    return [...this.#updates.values()]
  }

  /** What is set of one container. */
  of(containerId: string): LinuxResources | undefined {
    return this.#updates.get(containerId)?.linux?.resources
  }

  /**
   * Adds those of one plugin.
   *
   * @param made the container that is being made, which is adjusted, not updated
   * Throws failed-precondition for what another plugin has set already, unless that failure is to be ignored.
   */
  add(updates: readonly ContainerUpdate[], plugin: string, made?: string): void {
    for (const update of updates) {
      const { containerId, ignoreFailure } = update
      const resources = update.linux?.resources
      if (containerId === made) {
        throw failedPrecondition(
          `NRI plugin "${plugin}" asks for an update of container "${made}", which is not made yet`,
        )
      }
      if (!resources) continue
      try {
        this.#owners.claim(containerId, plugin, resourceClaims(resources))
      } catch (error) {
        if (ignoreFailure) continue
        throw error
      }
      const merged = this.#updateOf(containerId, ignoreFailure)
      merged.ignoreFailure &&= ignoreFailure
      mergeResources(merged.linux?.resources as LinuxResources, clone(LinuxResourcesSchema, resources))
    }
  }

  #updateOf(containerId: string, ignoreFailure: boolean): ContainerUpdate {
    const known = this.#updates.get(containerId)
    if (known) return known
    const update = create(ContainerUpdateSchema, { containerId, ignoreFailure, linux: { resources: {} } })
    this.#updates.set(containerId, update)
    return update
  }
}
