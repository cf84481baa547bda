import { clone, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type Container,
  type ContainerAdjustment,
  type ContainerEviction,
  ContainerSchema,
  Event,
  Plugin as PluginService,
  type PodSandbox,
  type ValidateContainerAdjustmentRequestSchema,
} from '../gen/nri_pb.ts'
import { failedPrecondition } from '../lib/errors.ts'
import type { Changes } from './apply-changes.ts'
import { AdjustmentMerge } from './merge/merge-adjustment.ts'
import { UpdateMerge } from './merge/merge-updates.ts'
import { Owners } from './merge/owners.ts'
import type { Plugin } from './plugin.ts'
import { type ValidatorSettings, validate } from './validator.ts'

export interface AdjustmentRequest {
  /** In their order. */
  readonly plugins: readonly Plugin[]
  readonly pod: PodSandbox
  /** The container that is being made, as it would be without plugins. */
  readonly container: Container
  readonly validator: ValidatorSettings | undefined
}

export interface WantedAdjustment {
  /** Absent when no plugin has anything to say. */
  readonly adjust?: ContainerAdjustment
  /** What is to be done with other containers. */
  readonly changes: Changes
}

/**
 * Asks the plugins one after the other what to make of a container, each with what those before it want already in place, and
 * then those that validate. Throws when one refuses, or two want different things, or the result is not allowed.
 */
export async function askForAdjustment(request: AdjustmentRequest): Promise<WantedAdjustment> {
  const { plugins, pod, container, validator } = request
  const owners = new Owners()
  const merge = new AdjustmentMerge(clone(ContainerSchema, container), owners)
  const updates = new UpdateMerge(owners)
  const evict: ContainerEviction[] = []
  let answers = 0
  for (const plugin of plugins) {
    const asked = { pod, container: merge.container }
    const answer = await plugin.ask(Event.CREATE_CONTAINER, PluginService.method.createContainer, asked)
    if (!answer) continue
    if (answer.adjust) {
      merge.add(answer.adjust, plugin.name)
      answers++
    }
    updates.add(answer.update, plugin.name, container.id)
    evict.push(...answer.evict)
  }
  const asked = plugins.filter((plugin) => !plugin.isClosed)
  const names = asked.flatMap(({ named }) => (named ? [named] : []))
  if (validator) {
    validate(validator, { pod, container, seccompProfile: container.linux?.seccompProfile, owners, plugins: names })
  }
  const validation = {
    pod,
    container,
    adjust: merge.adjust,
    update: [...updates.updates],
    owners: owners.message(),
    plugins: names.map(({ index, base }) => ({ index, name: base })),
  }
  const validators = plugins.filter((plugin) => plugin.subscribes(Event.VALIDATE_CONTAINER_ADJUSTMENT))
  await Promise.all(validators.map((plugin) => askValidator(plugin, validation)))
  const changes = { update: updates.updates, evict, by: `the creation of container ${container.id}` }
  return { ...(answers > 0 && { adjust: merge.adjust }), changes }
}

/** A validator that is lost has not agreed. */
async function askValidator(
  plugin: Plugin,
  validation: MessageInitShape<typeof ValidateContainerAdjustmentRequestSchema>,
): Promise<void> {
  const method = PluginService.method.validateContainerAdjustment
  const verdict = await plugin.ask(Event.VALIDATE_CONTAINER_ADJUSTMENT, method, validation)
  if (!verdict) throw failedPrecondition(`the NRI plugin "${plugin.name}" was lost while it validated the container`)
  if (verdict.reject) {
    const reason = verdict.reason === '' ? 'it gives no reason' : verdict.reason
    throw failedPrecondition(
      `NRI plugin "${plugin.name}" does not allow the container as other plugins want it: ${reason}`,
    )
  }
}
