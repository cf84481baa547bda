import { create } from '@bufbuild/protobuf'
import { type Field, FieldSchema, type OwningPlugins, OwningPluginsSchema } from '../../gen/nri_pb.ts'
import { failedPrecondition } from '../../lib/errors.ts'
import { isRemoval, removalOf, unmarked } from './removal.ts'

/** What a plugin sets: a field, and for one with entries (variables, mounts, …) the name of the entry. */
export interface Claim {
  readonly field: Field
  readonly key?: string
}

interface Entry extends Claim {
  readonly containerId: string
  readonly owner: string
}

/**
 * Which plugin has set what of which container. Each thing can be set by one plugin; a second is an error, unless it took
 * away what the first had set. Who took something away is kept as `-NN-name`, and may set it anew.
 */
export class Owners {
  readonly #entries = new Map<string, Entry>()

  /** All of these, or none. Throws failed-precondition that names both plugins. */
  claim(containerId: string, plugin: string, claims: readonly Claim[]): void {
    for (const claim of claims) this.#check(containerId, plugin, claim)
    for (const claim of claims) this.#set(containerId, claim, plugin)
  }

  /** The plugin takes away what any other has set. */
  release(containerId: string, plugin: string, claim: Claim): void {
    this.#set(containerId, claim, removalOf(plugin))
  }

  /** For what several may add to: all of them are owners. */
  share(containerId: string, plugin: string, field: Field): void {
    const before = this.owner(containerId, { field })
    this.#set(containerId, { field }, before === undefined ? plugin : `${before},${plugin}`)
  }

  owner(containerId: string, claim: Claim): string | undefined {
    return this.#entries.get(keyOf(containerId, claim))?.owner
  }

  /** The plugins that have set any entry of a field. */
  ownersOf(containerId: string, field: Field): string[] {
    const entries = [...this.#entries.values()].filter(
      (each) => each.containerId === containerId && each.field === field,
    )
    return [...new Set(entries.map(({ owner }) => owner))]
  }

  /** As validators get it. */
  message(): OwningPlugins {
    const message = create(OwningPluginsSchema)
    for (const { containerId, field, key, owner } of this.#entries.values()) {
      if (!Object.hasOwn(message.owners, containerId)) {
        message.owners[containerId] = { $typeName: 'nri.pkg.api.v1alpha1.FieldOwners', simple: {}, compound: {} }
      }
      const fields = message.owners[containerId]
      if (!fields) continue
      if (key === undefined) {
        fields.simple[field] = owner
      } else {
        const entries = (fields.compound[field] ??= {
          $typeName: 'nri.pkg.api.v1alpha1.CompoundFieldOwners',
          owners: {},
        })
        entries.owners[key] = owner
      }
    }
    return message
  }

  #check(containerId: string, plugin: string, claim: Claim): void {
    const owner = this.owner(containerId, claim)
    if (owner === undefined || owner === removalOf(plugin)) return
    const other = isRemoval(owner) ? unmarked(owner) : owner
    const what = `${FieldSchema.value[claim.field]?.name}${claim.key === undefined ? '' : ` ${claim.key}`}`
    throw failedPrecondition(
      `the NRI plugins "${plugin}" and "${other}" both tried to set ${what} of container "${containerId}"`,
    )
  }

  #set(containerId: string, claim: Claim, owner: string): void {
    this.#entries.set(keyOf(containerId, claim), { containerId, ...claim, owner })
  }
}

function keyOf(containerId: string, { field, key }: Claim): string {
  return JSON.stringify([containerId, field, key])
}
