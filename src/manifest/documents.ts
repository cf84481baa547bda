import type { V1ConfigMap, V1Secret } from '@kubernetes/client-node'
import { parseAllDocuments } from 'yaml'
import { BerthError, invalidArgument, messageOf } from '../lib/errors.ts'
import { suggest } from '../lib/suggest.ts'
import { type ConfigDocument, readConfigMap, readSecret } from './config-data.ts'
import { contentHash } from './content-hash.ts'
import { type Deployment, readDeployment } from './deployment.ts'
import { Fields } from './fields.ts'
import { type PodManifest, readPod } from './pod.ts'

/** What a file of manifests holds. */
export interface Manifests {
  readonly pods: readonly PodDocument[]
  readonly deployments: readonly Deployment[]
  readonly configs: readonly ConfigDocument[]
  /** What has no effect, in words for people. */
  readonly warnings: readonly string[]
}

export interface PodDocument {
  readonly pod: PodManifest
  /** Changes when the manifest does, but not with its layout. */
  readonly hash: string
  /** Whether the manifest itself says what the uid is. */
  readonly hasUid: boolean
}

const supportedKinds = ['Pod', 'Deployment', 'ReplicaSet', 'ConfigMap', 'Secret', 'List']

/** An object of a manifest file, before anything of it is checked but its kind and name. */
export interface ManifestDocument {
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly object: unknown
}

/**
 * The objects in a text of YAML or JSON, which may have several documents and Lists.
 *
 * @param origin what the text is called in errors: a path
 * @throws BerthError invalid-argument when it is neither, or something in it is no object of the API
 */
export function readDocuments(text: string, origin: string): ManifestDocument[] {
  const documents = parseAllDocuments(text)
  const problem = documents.flatMap(({ errors }) => errors)[0]
  // Its other lines are an excerpt of the text with a mark below, which is nothing for one line.
  if (problem) throw invalidArgument(`${origin}: ${problem.message.split(/:?\n/)[0]}`)
  return documents
    .map((document) => toObject(() => document.toJS() as unknown, origin))
    .filter((object) => object !== null && object !== undefined)
    .flatMap((object) => flatten(object, origin))
}

/** The YAML library limits aliases, against texts that grow without end. */
function toObject(read: () => unknown, origin: string): unknown {
  try {
    return read()
  } catch (error) {
    throw invalidArgument(`${origin}: ${messageOf(error)}`, error)
  }
}

function flatten(object: unknown, origin: string): ManifestDocument[] {
  const { kind, items, metadata } = (typeof object === 'object' ? object : {}) as {
    kind?: unknown
    items?: unknown
    metadata?: { name?: unknown; namespace?: unknown }
  }
  if (typeof kind !== 'string') throw invalidArgument(`${origin}: this is no manifest, it has no kind`)
  if (kind === 'List' && Array.isArray(items)) return items.flatMap((item: unknown) => flatten(item, origin))
  const text = (value: unknown) => (typeof value === 'string' ? value : '')
  return [{ kind, namespace: text(metadata?.namespace) || 'default', name: text(metadata?.name), object }]
}

/**
 * Reads the objects of a file. Kinds that are not supported are named in a warning, as are fields; a kind that looks like a
 * misspelt one is refused.
 *
 * @throws BerthError invalid-argument, which names the object and the field
 */
export function readManifests(documents: readonly ManifestDocument[]): Manifests {
  const pods: PodDocument[] = []
  const deployments: Deployment[] = []
  const configs: ConfigDocument[] = []
  const warnings: string[] = []
  for (const { kind, namespace, name, object } of documents) {
    const what = `${kind} ${namespace}/${name}`
    const warn = (ignored: readonly string[]) => {
      if (ignored.length > 0)
        warnings.push(`${what}: these fields are not supported and have no effect: ${ignored.join(', ')}`)
    }
    try {
      if (kind === 'Pod') {
        const { pod, ignored } = readPod(object)
        const { metadata } = object as { metadata?: { uid?: string } }
        pods.push({ pod, hash: contentHash(object), hasUid: Boolean(metadata?.uid) })
        warn(ignored)
      } else if (kind === 'Deployment' || kind === 'ReplicaSet') {
        const { deployment, ignored } = readDeployment(object)
        deployments.push(deployment)
        warn(ignored)
      } else if (kind === 'ConfigMap' || kind === 'Secret') {
        const fields = new Fields<V1ConfigMap & V1Secret>(object, '')
        if (fields.string('apiVersion') !== 'v1') throw invalidArgument(`a ${kind} has apiVersion v1`)
        fields.string('kind')
        configs.push(kind === 'ConfigMap' ? readConfigMap(fields) : readSecret(fields))
        warn(fields.unread())
      } else {
        const meant = suggest(kind, supportedKinds)
        if (meant !== undefined) throw invalidArgument(`there is no kind "${kind}"; did you mean ${meant}?`)
        warnings.push(
          `${what} has no effect: of the kinds, Pod, Deployment, ReplicaSet, ConfigMap and Secret are supported`,
        )
      }
    } catch (error) {
      if (error instanceof BerthError) throw new BerthError(error.code, `${what}: ${error.message}`, error)
      throw error
    }
  }
  return { pods, deployments, configs, warnings }
}
