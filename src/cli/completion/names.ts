import { type CriConnection, connect } from '../../client/index.ts'
import { podNameOf, podNamespaceOf } from '../../manifest/pod-labels.ts'
import { shortId } from '../../lib/ids.ts'
import { describeContainerState, describePodState } from '../format/states.ts'
import type { Candidate, Wanted } from './complete.ts'

/** How long the runtime may take to tell, in milliseconds: somebody has pressed Tab. */
const patienceMs = 1500

/** A name that a shell takes as it is: whatever pods may be called, nothing else gets on a command line. */
const plainName = /^[\w.:/@+-]+$/

/** The names that the runtime at `endpoint` knows; none when it does not answer. */
export async function namesOf(wanted: Wanted, endpoint: string): Promise<Candidate[]> {
  using cri = connect(endpoint, { timeout: patienceMs })
  try {
    const found = await ask(cri, wanted)
    return found.filter(({ value }) => plainName.test(value))
  } catch {
    return []
  }
}

async function ask(cri: CriConnection, wanted: Wanted): Promise<Candidate[]> {
  switch (wanted) {
    case 'pod':
      return pods(cri)
    case 'container':
      return containers(cri)
    case 'pod-or-container':
      return [...(await pods(cri)), ...(await containers(cri))]
    case 'place':
      return (await containers(cri)).map(({ value, ...rest }) => ({ ...rest, value: `${value}:/` }))
    case 'image':
      return images(cri)
    case 'file':
      return []
    default:
      return wanted satisfies never
  }
}

async function pods({ runtime }: CriConnection): Promise<Candidate[]> {
  const { items } = await runtime.listPodSandbox({})
  return items.map(({ id, state, metadata }) => ({
    value: `${metadata?.namespace}/${metadata?.name}`,
    about: `${describePodState(state)}, ${shortId(id)}`,
  }))
}

async function containers({ runtime }: CriConnection): Promise<Candidate[]> {
  const [{ containers: listed }, { items }] = await Promise.all([
    runtime.listContainers({}),
    runtime.listPodSandbox({}),
  ])
  const sandboxes = new Map(items.map(({ id, metadata }) => [id, metadata]))
  return listed.map(({ id, state, metadata, labels, podSandboxId }) => {
    const pod = sandboxes.get(podSandboxId)
    const [namespace, name] = [podNamespaceOf(labels) || pod?.namespace, podNameOf(labels) || pod?.name]
    return {
      value: `${namespace}/${name}/${metadata?.name}`,
      about: `${describeContainerState(state)}, ${shortId(id)}`,
    }
  })
}

async function images({ image }: CriConnection): Promise<Candidate[]> {
  const { images: listed } = await image.listImages({})
  return listed.flatMap(({ repoTags }) => repoTags.map((value) => ({ value })))
}
