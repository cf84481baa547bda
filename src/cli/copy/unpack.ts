import {
  chmodSync,
  closeSync,
  copyFileSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs'
import { dirname, join, normalize, relative, resolve, sep } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { extract, type Header } from 'tar-stream'
import { failedPrecondition, invalidArgument, operationFailed } from '../../lib/errors.ts'

export interface Unpacking {
  /** What the tar has: `name`, and what is below it. */
  readonly name: string
  /** Where that goes. */
  readonly target: string
  /** Is told of what was left out, and why. */
  readonly skipped: (what: string) => void
}

interface Link {
  readonly path: string
  readonly target: string
}

/**
 * Unpacks a tar that came out of a container, which may be anybody's: nothing is written outside of the target, whatever the
 * names in it are, and through no symbolic link, be it from the tar or there before. Symbolic links are made last, and only those
 * that stay inside; devices and pipes are left out; modes lose setuid, setgid and sticky bits, owners are who runs this.
 */
export async function unpackTree(tar: Readable, { name, target, skipped }: Unpacking): Promise<void> {
  const root = resolve(target)
  const links: Link[] = []
  const written = new Set<string>()
  const folders: { readonly path: string; readonly header: Header }[] = []
  const entries = extract()
  const passedOn = pipeline(tar, entries as unknown as Writable)
  // Both fail together; the reader of the entries is the one who tells.
  passedOn.catch(() => {})
  for await (const entry of entries) {
    const { header } = entry
    const path = pathOf(header.name, name, root)
    if (header.type === 'directory') {
      makeFolder(path, root)
      folders.push({ path, header })
    } else if (header.type === 'file' || header.type === 'contiguous-file') {
      await writeFile(entry as AsyncIterable<Buffer>, path, root, header)
      written.add(path)
    } else if (header.type === 'symlink') links.push({ path, target: header.linkname })
    else if (header.type === 'link') copyLinked(path, pathOf(header.linkname, name, root), root, written, header)
    else skipped(`${header.name}: a ${header.type}`)
    entry.resume()
  }
  for (const link of links) makeLink(link, root, skipped)
  // Last, since a folder may be one that takes no files.
  for (const { path, header } of folders.toReversed()) finish(path, header)
  if (!existsSync(root) && links.length === 0) throw operationFailed('the container sent nothing')
}

/** Where an entry goes. Throws when its name leads anywhere else. */
function pathOf(entry: string, name: string, root: string): string {
  const inside = normalize(`./${entry}`).replace(/\/$/, '')
  if (entry.includes('\0') || entry.startsWith('/') || entry.split('/').includes('..')) throw escapes(entry)
  if (name === '.') return join(root, inside)
  if (inside !== name && !inside.startsWith(`${name}/`)) throw escapes(entry)
  return join(root, inside.slice(name.length))
}

const escapes = (entry: string) =>
  invalidArgument(
    `the tar from the container has ${JSON.stringify(entry)}, which is not below what was asked for; nothing more is taken`,
  )

/** Makes a folder and those above it up to the root, none of which may be a symbolic link. */
function makeFolder(path: string, root: string): void {
  requirePlainParents(path, root)
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats?.isDirectory()) return
  if (stats) throw failedPrecondition(`${path} is there and is no folder`)
  mkdirSync(path, { recursive: true, mode: 0o700 })
}

function requirePlainParents(path: string, root: string): void {
  const parts = relative(root, path).split(sep)
  for (let depth = 0; depth < parts.length; depth++) {
    const parent = join(root, ...parts.slice(0, depth))
    if (path !== root && lstatSync(parent, { throwIfNoEntry: false })?.isSymbolicLink() && parent !== root) {
      throw failedPrecondition(`${parent} is a symbolic link: nothing is written through it`)
    }
  }
}

/** A file that is there is replaced, not written to: it may be a link to another one. */
function makeRoom(path: string, root: string): void {
  requirePlainParents(path, root)
  mkdirSync(dirname(path), { recursive: true })
  if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw failedPrecondition(`${path} is a folder, and a file in the container`)
  }
  rmSync(path, { force: true })
}

async function writeFile(entry: AsyncIterable<Buffer>, path: string, root: string, header: Header): Promise<void> {
  makeRoom(path, root)
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  const fd = openSync(path, flags, 0o600)
  try {
    for await (const chunk of entry) for (let at = 0; at < chunk.length; ) at += writeSync(fd, chunk, at)
  } finally {
    closeSync(fd)
  }
  finish(path, header)
}

/** A hard link becomes a copy of what came before under the other name, and of nothing else. */
function copyLinked(path: string, from: string, root: string, written: ReadonlySet<string>, header: Header): void {
  if (!written.has(from)) throw invalidArgument(`the tar from the container has a link to ${from}, which is not in it`)
  makeRoom(path, root)
  copyFileSync(from, path, constants.COPYFILE_EXCL)
  finish(path, header)
}

function makeLink({ path, target }: Link, root: string, skipped: (what: string) => void): void {
  const meant = resolve(dirname(path), target)
  // A `..` after a name may lead on from wherever another link leads.
  const turnsBack = /(^|\/)(?!\.{0,2}(\/|$))[^/]+\/(.*\/)?\.\.(\/|$)/.test(target)
  const isInside =
    !target.startsWith('/') && !turnsBack && path !== root && (meant === root || meant.startsWith(`${root}${sep}`))
  if (!isInside) return skipped(`${path}: a symbolic link to ${target}, which is outside`)
  makeRoom(path, root)
  symlinkSync(target, path)
}

function finish(path: string, { mode = 0o644, mtime }: Header): void {
  chmodSync(path, mode & 0o777)
  if (mtime) utimesSync(path, mtime, mtime)
}
