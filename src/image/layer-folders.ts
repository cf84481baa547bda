import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { open, rm, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { errnoOf, messageOf } from '../lib/errors.ts'
import type { Logger } from '../lib/log.ts'
import { spreadSubfolders } from '../linux/spread-folder.ts'
import type { StoredItem } from './inventory.ts'

/** A partly downloaded blob is kept this long for a pull that goes on with it, in milliseconds. */
const keepPartsFor = 24 * 3600 * 1000

/**
 * The folders of the image store. Layers have short numbers for names, since the paths of all layers of an image must fit
 * into one page of mount options:
 *
 *     layers/<n>/    a finished layer, which has a record, or is swept
 *     recipes/<n>    how to write its tar again
 *     staging/<n>/   a layer being unpacked
 *     ingest/<hex>   a blob being downloaded, or the part of one that an interrupted pull has left
 *     trash/<n>/     on its way out
 *     empty/         what an image without layers is made of
 */
export class LayerFolders {
  readonly #root: string
  readonly #log: Logger
  #next = 1
  readonly #removals = new Set<Promise<void>>()

  constructor(root: string, log: Logger) {
    this.#root = root
    this.#log = log
    // Nobody but root may come near setuid files of images.
    mkdirSync(root, { recursive: true, mode: 0o700 })
    for (const name of ['layers', 'recipes', 'staging', 'ingest', 'trash']) {
      mkdirSync(join(root, name), { recursive: true, mode: 0o700 })
    }
    spreadSubfolders(join(root, 'staging'))
    mkdirSync(this.empty, { recursive: true, mode: 0o755 })
    for (const name of ['layers', 'staging', 'trash']) {
      for (const entry of numbersIn(join(root, name))) this.#next = Math.max(this.#next, entry + 1)
    }
  }

  /** A folder with nothing in it. */
  get empty(): string {
    return join(this.#root, 'empty')
  }

  /** The folder of a finished layer. */
  layer(number: number): string {
    return join(this.#root, 'layers', String(number))
  }

  /** The file that says how to write the layer's tar again; layers of older versions have none. */
  recipe(number: number): string {
    return join(this.#root, 'recipes', String(number))
  }

  /** The numbers of the layer folders that are there. */
  present(): Set<number> {
    return new Set(numbersIn(join(this.#root, 'layers')))
  }

  /** A number for a new layer, never given before in this process nor found on disk. */
  reserve(): number {
    return this.#next++
  }

  /** No layer gets a number up to this one: records speak of it. */
  skipTo(number: number): void {
    this.#next = Math.max(this.#next, number + 1)
  }

  /** Where the layer `number` is unpacked; does not exist yet. */
  staging(number: number): string {
    return join(this.#root, 'staging', String(number))
  }

  /** Where a blob is downloaded to. */
  ingest(digest: string): string {
    return join(this.#root, 'ingest', digest.replace(':', '-'))
  }

  /** The unpacked layer, already on the disk, becomes a finished one. */
  async finish(number: number): Promise<void> {
    renameSync(this.staging(number), this.layer(number))
    // The record that follows must not become durable before the rename.
    await using folder = await open(join(this.#root, 'layers'))
    await folder.sync()
  }

  /** Takes a half-written layer away; no error when there is none. */
  discardStaging(number: number): void {
    this.#toTrash(this.staging(number))
    rmSync(this.recipe(number), { force: true })
  }

  /** Takes a finished layer away. It is gone from `layers/` at once; the deleting itself goes on behind. */
  discardLayer(number: number): void {
    this.#toTrash(this.layer(number))
    rmSync(this.recipe(number), { force: true })
  }

  /** Forgets a downloaded blob, or a part of one. */
  async discardIngest(digest: string): Promise<void> {
    await unlink(this.ingest(digest)).catch(() => {})
  }

  /** The bytes and files of blobs on their way. */
  ingestUsage(): { readonly bytes: number; readonly inodes: number } {
    const names = readdirSync(join(this.#root, 'ingest'))
    const sizes = names.map((name) => statSync(join(this.#root, 'ingest', name), { throwIfNoEntry: false })?.size ?? 0)
    return { bytes: sizes.reduce((sum, size) => sum + size, 0), inodes: names.length }
  }

  /** At start: deletes what an earlier process has left half-done, and layers without a record. */
  sweep(recorded: ReadonlySet<number>): void {
    for (const number of numbersIn(join(this.#root, 'staging'))) this.#toTrash(this.staging(number))
    for (const number of this.present()) if (!recorded.has(number)) this.#toTrash(this.layer(number))
    for (const number of numbersIn(join(this.#root, 'recipes'))) {
      if (!recorded.has(number)) this.#delete(this.recipe(number))
    }
    for (const name of readdirSync(join(this.#root, 'trash'))) this.#delete(join(this.#root, 'trash', name))
    this.sweepParts()
  }

  /** Deletes parts of blobs that no pull has touched for a day. */
  sweepParts(): void {
    for (const { path, ageMs } of this.#parts()) if (ageMs > keepPartsFor) this.#delete(path)
  }

  /** What is here besides layers. */
  inventory(): StoredItem[] {
    const parts = this.#parts().map(({ name, bytes, ageMs }): StoredItem => {
      const unused = ageMs > keepPartsFor
      return { kind: 'part', path: `ingest/${name}`, bytes, owners: unused ? [] : ['a pull, or the next'], unused }
    })
    const others = (['staging', 'trash'] as const).flatMap((kind) =>
      readdirSync(join(this.#root, kind)).map((name): StoredItem => {
        const owners = kind === 'staging' ? ['a pull under way'] : []
        const bytes = bytesBelow(join(this.#root, kind, name))
        return { kind, path: `${kind}/${name}`, bytes, owners, unused: kind === 'trash' }
      }),
    )
    return [...parts, ...others]
  }

  #parts(): { readonly name: string; readonly path: string; readonly bytes: number; readonly ageMs: number }[] {
    return readdirSync(join(this.#root, 'ingest')).flatMap((name) => {
      const path = join(this.#root, 'ingest', name)
      const stats = statSync(path, { throwIfNoEntry: false })
      return stats ? [{ name, path, bytes: stats.blocks * 512, ageMs: Date.now() - stats.mtimeMs }] : []
    })
  }

  /** Everything that was thrown away is deleted. */
  async settled(): Promise<void> {
    while (this.#removals.size > 0) await Promise.all(this.#removals)
  }

  #toTrash(path: string): void {
    const target = join(this.#root, 'trash', String(this.reserve()))
    try {
      renameSync(path, target)
    } catch (error) {
      if (!messageOf(error).includes('ENOENT'))
        this.#log.warn({ path, error: messageOf(error) }, 'cannot discard a layer')
      return
    }
    this.#delete(target)
  }

  #delete(path: string): void {
    const removal = rm(path, { recursive: true, force: true }).catch((error) => {
      this.#log.warn(
        { path, error: messageOf(error) },
        'cannot delete a discarded layer; the next start will try again',
      )
    })
    this.#removals.add(removal)
    void removal.then(() => this.#removals.delete(removal))
  }
}

/** What a tree takes of the disk; what goes away meanwhile counts nothing. */
function bytesBelow(path: string): number {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (!stats) return 0
  let bytes = stats.blocks * 512
  if (!stats.isDirectory()) return bytes
  try {
    for (const name of readdirSync(path, { encoding: 'buffer' })) {
      bytes += bytesBelow(join(path, name.toString('latin1')))
    }
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
  return bytes
}

function numbersIn(folder: string): number[] {
  return readdirSync(folder)
    .filter((name) => /^[0-9]{1,15}$/.test(name))
    .map(Number)
}
