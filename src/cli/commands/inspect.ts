import type { JsonObject } from '@bufbuild/protobuf'
import type { Command } from 'commander'
import {
  ContainerState,
  type ContainerStatus,
  ContainerStatusSchema,
  ImageSchema,
  PodSandboxStatusSchema,
} from '../../client/index.ts'
import { notFound } from '../../lib/errors.ts'
import type { Cli } from '../cli.ts'
import { infoJson, messageJson } from '../format/json.ts'
import { formatTime } from '../format/timestamp.ts'
import { resolveContainer, resolveImage, resolvePod } from '../resolve.ts'
import { addInspection } from './inspection.ts'

export function addInspect(program: Command, cli: Cli): void {
  const command = program.command('inspect <container...>').description('show all about containers, as JSON')
  addInspection(command, cli, async (query, verbose) => {
    const containerId = await resolveContainer(cli, query, { podWillDo: true })
    const { status, info } = await cli.cri.runtime.containerStatus({ containerId, verbose }, cli.ask)
    if (!status) throw notFound('container', query)
    return { status: containerStatusJson(status), ...infoJson(info) }
  })
}

export function addInspectPod(program: Command, cli: Cli): void {
  const command = program.command('inspectp <pod...>').description('show all about pods, as JSON')
  addInspection(command, cli, async (query, verbose) => {
    const podSandboxId = await resolvePod(cli, query)
    const { status, info } = await cli.cri.runtime.podSandboxStatus({ podSandboxId, verbose }, cli.ask)
    if (!status) throw notFound('pod', query)
    const json = messageJson(PodSandboxStatusSchema, status)
    return { status: { ...json, createdAt: formatTime(status.createdAt) }, ...infoJson(info) }
  })
}

export function addInspectImage(program: Command, cli: Cli): void {
  const command = program.command('inspecti <image...>').description('show all about images, as JSON')
  addInspection(command, cli, async (query, verbose) => {
    const id = await resolveImage(cli, query)
    const { image, info } = await cli.cri.image.imageStatus({ image: { image: id }, verbose }, cli.ask)
    if (!image) throw notFound('image', query)
    return { status: messageJson(ImageSchema, image), ...infoJson(info) }
  })
}

/** Times in words; those that have not come are Go's zero time, as crictl shows them. */
function containerStatusJson(status: ContainerStatus): JsonObject {
  const { state } = status
  const over = state === ContainerState.CONTAINER_EXITED || state === ContainerState.CONTAINER_UNKNOWN
  return {
    ...messageJson(ContainerStatusSchema, status),
    createdAt: formatTime(status.createdAt),
    startedAt: formatTime(state === ContainerState.CONTAINER_CREATED ? 0n : status.startedAt),
    finishedAt: formatTime(over ? status.finishedAt : 0n),
  }
}
