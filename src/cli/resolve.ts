import type { Container, PodSandbox } from '../client/index.ts'
import { BerthError, invalidArgument } from '../lib/errors.ts'
import { shortId } from '../lib/ids.ts'
import type { Cli } from './cli.ts'
import { findPods, type PodNames } from './pod-of.ts'

/** Something that a user can name. */
export interface Candidate {
  /** Of what was never made and has no id: a path with its name. */
  readonly id: string
  /** The names it answers to, such as `web` and `default/web`. */
  readonly names: readonly string[]
  /** Candidates of one lineage are the attempts of one thing; by name, the newest is meant. */
  readonly lineage: string
  readonly createdAt: bigint
}

/**
 * The candidate that `query` names: by id or the beginning of one, or by name.
 *
 * @param listCommand what shows the user the choice: `berth ps -a`
 * @throws BerthError not-found; invalid-argument when it could be several
 */
export function resolveOne(
  kind: string,
  query: string,
  candidates: readonly Candidate[],
  listCommand: string,
): Candidate {
  const exact = candidates.find(({ id }) => id === query)
  if (exact) return exact
  const newest = new Map<string, Candidate>()
  for (const candidate of candidates.filter(({ names }) => names.includes(query))) {
    const other = newest.get(candidate.lineage)
    if (!other || other.createdAt < candidate.createdAt) newest.set(candidate.lineage, candidate)
  }
  const matches = new Set([
    ...candidates.filter(({ id }) => query !== '' && !id.includes('/') && id.startsWith(query)),
    ...newest.values(),
  ])
  const [match] = matches
  if (match === undefined) {
    throw new BerthError('not-found', `no ${kind} has the id or name "${query}"; ${listCommand} shows what there is`)
  }
  if (matches.size > 1) {
    const choice = Array.from(matches, ({ id, names }) => {
      const name = names.at(-1) ?? 'no name'
      return id.includes('/') ? name : `${shortId(id)} (${name})`
    })
    throw invalidArgument(
      `"${query}" could be any of ${matches.size} ${kind}s: ${choice.join(', ')}; write more of the id, or the whole name`,
    )
  }
  return match
}

const fullId = /^[0-9a-f]{64}$/

/**
 * The id of the container that `query` names: an id, the beginning of one, or `[[namespace/]pod/]name`.
 *
 * @param of.podWillDo the name of a pod with one container means that one, as kubectl's users have it in their fingers
 */
export async function resolveContainer(cli: Cli, query: string, of: { podWillDo?: boolean } = {}): Promise<string> {
  if (fullId.test(query)) return query
  const { containers } = await cli.cri.runtime.listContainers({}, cli.ask)
  const podOf = await findPods(cli, containers)
  const candidates = containers.map((container) => containerCandidate(container, podOf(container)))
  try {
    return resolveOne('container', query, candidates, 'berth ps -a').id
  } catch (error) {
    if (!(error instanceof BerthError) || error.code !== 'not-found') throw error
    const inPod = candidates.filter(({ names }) => names.some((name) => isOfPod(name, query)))
    const names = [...new Set(inPod.map(({ names }) => names.at(-1) as string))]
    if (names.length === 0) throw error
    const [name = ''] = names
    if (of.podWillDo && names.length === 1) return resolveOne('container', name, inPod, 'berth ps -a').id
    throw invalidArgument(`"${query}" is a pod; name a container of it: ${names.join(', ')}`)
  }
}

/** Whether `pod/container` or `namespace/pod/container` is in the pod `query`. */
const isOfPod = (name: string, query: string) => name.slice(0, name.lastIndexOf('/')) === query

/** The id of the pod sandbox that `query` names: an id, the beginning of one, or `[namespace/]name`. */
export async function resolvePod(cli: Cli, query: string): Promise<string> {
  if (fullId.test(query)) return query
  const { items } = await cli.cri.runtime.listPodSandbox({}, cli.ask)
  return resolveOne('pod', query, items.map(podCandidate), 'berth pods').id
}

/** Of the containers of one pod, the newest attempt of each name, the oldest first. */
export function newestOfEach(containers: readonly Container[]): Container[] {
  const ordered = containers.toSorted((a, b) => Number(a.createdAt - b.createdAt))
  return ordered.filter(
    ({ metadata }, at) => !ordered.slice(at + 1).some((later) => later.metadata?.name === metadata?.name),
  )
}

/** The id of the image that `query` names: a name, a digest, an id or the beginning of one. */
export async function resolveImage(cli: Cli, query: string): Promise<string> {
  const { image } = await cli.cri.image.imageStatus({ image: { image: query } }, cli.ask)
  if (image) return image.id
  const { images } = await cli.cri.image.listImages({}, cli.ask)
  const candidates = images.map(({ id, repoTags, repoDigests }) => ({
    id: hexOf(id),
    names: [...repoDigests, ...repoTags],
    lineage: id,
    createdAt: 0n,
  }))
  const { lineage } = resolveOne('image', hexOf(query), candidates, 'berth images')
  return lineage
}

/** Image ids are shown without the algorithm in front, and some runtimes have none. */
const hexOf = (id: string) => id.replace(/^sha256:/, '')

export function containerCandidate({ id, podSandboxId, metadata, createdAt }: Container, pod: PodNames): Candidate {
  const name = metadata?.name ?? ''
  const names = [name, `${pod.name}/${name}`, `${pod.namespace}/${pod.name}/${name}`]
  return { id, names, lineage: `${pod.uid || podSandboxId}/${name}`, createdAt }
}

export function podCandidate({ id, metadata, createdAt }: PodSandbox): Candidate {
  const { name = '', namespace = '', uid = '' } = metadata ?? {}
  return { id, names: [name, `${namespace}/${name}`], lineage: `${namespace}/${name}/${uid}`, createdAt }
}
