import { invalidArgument } from '../lib/errors.ts'

/**
 * An image reference as users write it, in full. The grammar is that of the distribution project
 * (github.com/distribution/reference, `regexp.go` and `normalize.go`), which Docker, containerd and the kubelet share.
 */
export interface ImageReference {
  /** The registry: `docker.io`, `registry.example:5000`, `[::1]:5000`. */
  readonly host: string
  /** The path in the registry, `library/busybox`. */
  readonly repository: string
  /** Host and path: `docker.io/library/busybox`. */
  readonly name: string
  /** Absent when a digest is given: the digest alone decides. */
  readonly tag?: string
  readonly digest?: string
}

const domainComponent = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])'
const domainPattern = new RegExp(`^(?:${domainComponent}(?:\\.${domainComponent})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]+)?$`)
const pathPattern = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/
const tagPattern = /^\w[\w.-]{0,127}$/
const digestPattern = /^(?:sha256:[a-f0-9]{64}|sha384:[a-f0-9]{96}|sha512:[a-f0-9]{128})$/

const maxReferenceLength = 4096
const maxPathLength = 255
const maxDomainLength = 255 + ':65535'.length

/**
 * Reads a reference: short names get `docker.io` and `library/`, a reference with neither tag nor digest gets `latest`.
 * Throws `invalid-argument` that says which part is wrong.
 */
export function parseReference(text: string): ImageReference {
  if (text === '') throw invalidArgument('the image reference is empty')
  if (text.length > maxReferenceLength) throw invalid(text, `it has more than ${maxReferenceLength} characters`)
  if (isDigest(text)) throw invalid(text, 'it is an image id, and a registry has names; give the name of the image')
  const at = text.indexOf('@')
  const digest = at < 0 ? undefined : text.slice(at + 1)
  if (digest !== undefined && !isDigest(digest)) {
    throw invalid(text, `"${printable(digest)}" is not a digest such as sha256:… with 64 lower-case hex digits`)
  }
  const { name, tag } = splitTag(at < 0 ? text : text.slice(0, at))
  if (tag !== undefined && !tagPattern.test(tag)) {
    throw invalid(text, `"${printable(tag)}" is not a tag (letters, digits, "_", "." and "-", at most 128)`)
  }
  const { host, repository } = splitName(text, name)
  const full = { host, repository, name: `${host}/${repository}` }
  return digest === undefined ? { ...full, tag: tag ?? 'latest' } : { ...full, digest }
}

/** The reference as one text, `docker.io/library/busybox:latest`. */
export function formatReference(reference: ImageReference): string {
  return reference.digest === undefined ? `${reference.name}:${reference.tag}` : `${reference.name}@${reference.digest}`
}

/** Whether a text is a digest of a kind that Berth can check: sha256, sha384 or sha512. */
export function isDigest(text: string): boolean {
  return digestPattern.test(text)
}

/** A colon after the last slash starts the tag; one before it belongs to the registry's port. */
function splitTag(text: string): { name: string; tag?: string } {
  const colon = text.indexOf(':', text.lastIndexOf('/') + 1)
  return colon < 0 || (text.startsWith('[') && !text.includes('/'))
    ? { name: text }
    : { name: text.slice(0, colon), tag: text.slice(colon + 1) }
}

function splitName(text: string, name: string): { host: string; repository: string } {
  const slash = name.indexOf('/')
  const first = name.slice(0, Math.max(slash, 0))
  const hasHost = first !== '' && (/[.:A-Z]/.test(first) || first === 'localhost')
  const host = !hasHost || first === 'index.docker.io' ? 'docker.io' : first
  const path = hasHost ? name.slice(slash + 1) : name
  if (!domainPattern.test(host) || host.length > maxDomainLength) {
    throw invalid(text, `"${printable(host)}" is not a registry (host or host:port)`)
  }
  if (/^[a-f0-9]{64}$/.test(path)) throw invalid(text, 'a name of 64 hex digits would be taken for an image id')
  const repository = host === 'docker.io' && !path.includes('/') ? `library/${path}` : path
  if (!pathPattern.test(repository)) {
    const advice = /[A-Z]/.test(repository) ? ' (repository names are lower case)' : ''
    throw invalid(text, `"${printable(path)}" is not a repository name${advice}`)
  }
  if (repository.length > maxPathLength)
    throw invalid(text, `the repository name has more than ${maxPathLength} characters`)
  return { host, repository }
}

function invalid(text: string, why: string) {
  return invalidArgument(`invalid image reference "${printable(text)}": ${why}`)
}

/** Without control characters and cut short: the text goes to logs and terminals. */
function printable(text: string): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\u{fffd}')
  return clean.length > 120 ? `${clean.slice(0, 120)}…` : clean
}
