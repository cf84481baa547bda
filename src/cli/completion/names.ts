import { type CriConnection, connect } from '../../client/index.ts'
import { podNameOf, podNamespaceOf } from '../../manifest/pod-labels.ts'
import { shortId } from '../../lib/ids.ts'
import { describeContainerState, describePodState } from '../format/states.ts'
import type { Candidate, Wanted } from './complete.ts'

/** How long the runtime may take to tell, in milliseconds: somebody has pressed Tab. */
const patienceMs = 1500

/** A name that a shell takes as it is: whatever pods may be called, nothing else gets on a command line. */
const plainName = /^[\w.:/@+-]+$/

/** The names that begin with `partial`, of those that the runtime at `endpoint` knows; none when it does not answer. */
export async function namesOf(wanted: Wanted, endpoint: string, partial: string): Promise<Candidate[]> {
  using cri = connect(endpoint, { timeout: patienceMs })
  try {
    const found = await ask(cri, wanted)
    const offered = wanted === 'image' ? found : withShortNames(found, partial)
    return offered.filter(({ value }) => plainName.test(value) && value.startsWith(partial))
  } catch {
    return []
  }
}

/**
 * What is in the namespace default is offered without it, as people write it. With it, when that was begun, or when something in
 * another namespace has the same name.
 */
function withShortNames(found: readonly Candidate[], partial: string): Candidate[] {
  const shortOf = (value: string) => value.slice(value.indexOf('/') + 1)
  const counts = new Map<string, number>()
  for (const value of new Set(found.map((candidate) => candidate.value)))
    counts.set(shortOf(value), (counts.get(shortOf(value)) ?? 0) + 1)
  return found.flatMap((candidate) => {
    const { value } = candidate
    if (!value.startsWith('default/') || counts.get(shortOf(value)) !== 1) return [candidate]
    const short = { ...candidate, value: shortOf(value) }
    return partial !== '' && value.startsWith(partial) ? [short, candidate] : [short]
  })
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
