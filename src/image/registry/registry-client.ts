import { createHash } from 'node:crypto'
import { BerthError, messageOf } from '../../lib/errors.ts'
import {
  contentMismatch,
  contentNotInRegistry,
  credentialsRefused,
  imageNotInRegistry,
  pullForbidden,
  registryUnavailable,
  unusableImage,
} from '../errors.ts'
import type { AuthConfig } from '../image.ts'
import { acceptedManifests, type Descriptor } from '../manifest.ts'
import { type ImageReference, isDigest } from '../reference.ts'
import { AuthorizationError, Authorizer } from './authorizer.ts'
import { credentialsFor } from './credentials.ts'
import { maxRedirects, redirectTarget } from './redirects.ts'
import { originHost, type RegistryHost } from './registry-hosts.ts'
import { BusyError, type RetryPolicy, withRetries } from './retry.ts'
import type { TokenCache } from './token-cache.ts'
import { type HttpResponse, type Transport, TransportError } from './transport.ts'

/** Manifests and configurations are held in memory: larger ones are refused. In bytes. */
export const maxDocument = 4 * 1024 * 1024

export interface FetchedManifest {
  readonly bytes: Buffer
  readonly contentType: string
  readonly digest: string
}

/** A blob, or its rest, on its way. */
export interface BlobStream {
  /** The position of the first byte in the blob. */
  readonly start: number
  /** As {@link HttpResponse.each}. */
  each(take: (chunk: Buffer) => void): Promise<void>
}

/** What a client is made of but for what cannot go to another thread. */
export interface ClientDescription {
  readonly hosts: readonly RegistryHost[]
  readonly reference: ImageReference
  /** The full reference, for messages. */
  readonly image: string
  readonly auth?: AuthConfig | undefined
  readonly retry: RetryPolicy
  /** Hosts that a redirect may lead to in plain HTTP. */
  readonly plainHttp: readonly string[]
  /** What each of the hosts is to be shown in `Authorization`, as far as a client before this one knew. */
  readonly authorizations?: readonly (string | undefined)[]
}

export interface RegistryClientOptions extends ClientDescription {
  readonly transport: Transport
  /** Tokens of earlier pulls. */
  readonly tokens?: TokenCache
  readonly signal: AbortSignal
}

interface Place {
  readonly host: RegistryHost
  readonly authorizer: Authorizer
  readonly name: string
}

interface Question {
  readonly method: 'GET' | 'HEAD'
  /** Below the repository: `manifests/latest`. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** Statuses that are answers; anything else is a failure. */
  readonly expects: readonly number[]
}

/**
 * One repository, as one pull with its credentials sees it (OCI distribution-spec 1.1, "Pull"). Asks the mirrors first, in
 * their order, and the registry last; the error that comes out is the registry's. All errors are BerthErrors, but those of
 * a body under way, which are {@link TransportError}s.
 */
export class RegistryClient {
  readonly #options: RegistryClientOptions
  readonly #places: readonly Place[]

  constructor(options: RegistryClientOptions) {
    this.#options = options
    const { transport, hosts, reference, auth, authorizations = [] } = options
    this.#places = hosts.map((host, at) => {
      const name = new URL(host.baseUrl).host
      const credentials = credentialsFor(host.mirror ? name : reference.host, auth)
      const { repository } = reference
      const authorizer = new Authorizer(
        transport,
        repository,
        credentials,
        host.tls,
        authorizations[at],
        options.tokens,
      )
      return { host, name, authorizer }
    })
  }

  /** To make the same client in another thread, which need not ask for tokens again. */
  describe(): ClientDescription {
    const { hosts, reference, image, auth, retry, plainHttp } = this.#options
    const authorizations = this.#places.map(({ authorizer }) => authorizer.header)
    return { hosts, reference, image, auth: auth && { ...auth }, retry, plainHttp, authorizations }
  }

  /** The registry's name for messages. */
  get name(): string {
    return this.#options.reference.host
  }

  /** What digest a tag (or digest) has now; undefined when the registry does not say without sending all of it. */
  async headManifest(target: string): Promise<string | undefined> {
    const headers = { accept: acceptedManifests }
    const path = `manifests/${target}`
    const response = await this.#ask({ method: 'HEAD', path, headers, expects: [200, 400, 405, 501] }, true)
    response.discard()
    return response.status === 200 ? announcedDigest(response) : undefined
  }

  /** The manifest or index of a tag or digest, checked against its digest. */
  async getManifest(target: string): Promise<FetchedManifest> {
    const headers = { accept: acceptedManifests }
    const byTag = !target.includes(':')
    const response = await this.#ask({ method: 'GET', path: `manifests/${target}`, headers, expects: [200] }, byTag)
    const bytes = await this.#readAll(response, 'the manifest', maxDocument)
    const expected = byTag ? announcedDigest(response) : target
    const digest = digestOf(bytes, expected?.split(':')[0] ?? 'sha256')
    if (expected !== undefined && digest !== expected) {
      throw contentMismatch(this.#options.image, 'the manifest', expected, digest)
    }
    return { bytes, contentType: response.headers['content-type'] ?? '', digest }
  }

  /** A small blob, checked against its digest and size. */
  async getDocument(descriptor: Descriptor, what: string): Promise<Buffer> {
    if (descriptor.size > maxDocument) {
      throw unusableImage(this.#options.image, `${what} has ${descriptor.size} bytes, more than ${maxDocument}`)
    }
    const response = await this.#ask(
      { method: 'GET', path: `blobs/${descriptor.digest}`, headers: {}, expects: [200] },
      false,
    )
    const bytes = await this.#readAll(response, what, descriptor.size)
    const digest = digestOf(bytes, descriptor.digest.split(':')[0] as string)
    if (bytes.length !== descriptor.size || digest !== descriptor.digest) {
      const got = `${digest} of ${bytes.length} bytes`
      throw contentMismatch(this.#options.image, what, `${descriptor.digest} of ${descriptor.size} bytes`, got)
    }
    return bytes
  }

  /** A blob from byte `from` on; the registry may start earlier than asked. */
  async getBlob(descriptor: Descriptor, from: number, signal: AbortSignal): Promise<BlobStream> {
    const range: Record<string, string> = from > 0 ? { range: `bytes=${from}-` } : {}
    const path = `blobs/${descriptor.digest}`
    const question: Question = { method: 'GET', path, headers: range, expects: [200, 206] }
    const response = await this.#ask(question, false, signal).catch((error) => {
      if (!descriptor.urls || !(error instanceof BerthError && error.code === 'not-found')) throw error
      return this.#askElsewhere(descriptor.urls, question, error, signal)
    })
    const { start, total } = extentOf(response)
    if (start === undefined || start > from || (total !== undefined && total !== descriptor.size)) {
      response.discard()
      const got = start === undefined || start > from ? 'another part of it' : `${total} bytes`
      throw contentMismatch(this.#options.image, `layer ${descriptor.digest}`, `${descriptor.size} bytes`, got)
    }
    return { start, each: (take) => response.each(take) }
  }

  async #readAll(response: HttpResponse, what: string, limit: number): Promise<Buffer> {
    const { image } = this.#options
    const bytes = await response.all(limit).catch((error) => {
      throw error instanceof TransportError ? registryUnavailable(image, this.name, error.message, error) : error
    })
    if (!bytes) throw unusableImage(image, `${what} has more than ${limit} bytes`)
    return bytes
  }

  /** Asks place after place; a question about a tag goes only to those that may resolve. */
  async #ask(question: Question, resolves: boolean, signal = this.#options.signal): Promise<HttpResponse> {
    const places = this.#places.filter(({ host }) => host.pulls && (host.resolves || !resolves))
    const before: string[] = []
    for (const [at, place] of places.entries()) {
      try {
        return await withRetries(this.#options.retry, signal, () => this.#askPlace(place, question, signal))
      } catch (error) {
        signal.throwIfAborted()
        const failure = this.#failureOf(error, place, question)
        if (at === places.length - 1) throw withMirrors(failure, before)
        before.push(`${place.name}: ${messageOf(error)}`)
      }
    }
    const { image } = this.#options
    throw unusableImage(
      image,
      `no host that hosts.toml gives for ${this.name} may be asked for it (see "capabilities")`,
    )
  }

  /**
   * A foreign layer, which the registry does not have, from one of the URLs that the manifest gives. They are the image's
   * word: nobody's credentials go there, and plain HTTP only where the administrator allows it.
   */
  async #askElsewhere(
    urls: readonly string[],
    question: Question,
    failure: BerthError,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const { transport, plainHttp, retry } = this.#options
    const tried: string[] = []
    for (const text of urls) {
      const url = URL.canParse(text) ? new URL(text) : undefined
      if (!url || !(url.protocol === 'https:' || (url.protocol === 'http:' && plainHttp.includes(url.host)))) continue
      const host = { ...originHost(url.host, []), baseUrl: url.origin }
      const place = { host, name: url.host, authorizer: new Authorizer(transport, '', { kind: 'anonymous' }, host.tls) }
      try {
        return await withRetries(retry, signal, async () => {
          const response = await this.#send(place, question, url, signal)
          if (question.expects.includes(response.status)) return response
          response.discard()
          throw new TransportError(`answered ${response.status}`, response.status >= 500)
        })
      } catch (error) {
        signal.throwIfAborted()
        tried.push(`${url.host}: ${messageOf(error)}`)
      }
    }
    throw new BerthError(
      failure.code,
      `${failure.message} (nor from the URLs of the layer: ${tried.join('; ') || 'none may be used'})`,
    )
  }

  async #askPlace(place: Place, question: Question, signal: AbortSignal): Promise<HttpResponse> {
    const { repository, host } = this.#options.reference
    const query = place.host.mirror ? `?ns=${encodeURIComponent(host)}` : ''
    const url = new URL(`${place.host.baseUrl}/${repository}/${question.path}${query}`)
    let response = await this.#send(place, question, url, signal)
    // A second time when what an earlier pull was given is not taken any more.
    for (
      let tries = 0;
      response.status === 401 && (tries === 0 || (tries === 1 && place.authorizer.isReused));
      tries++
    ) {
      response.discard()
      await place.authorizer.meet(response.headers['www-authenticate'] ?? '', url, signal)
      response = await this.#send(place, question, url, signal)
    }
    if (question.expects.includes(response.status)) return response
    const detail = question.method === 'HEAD' ? '' : await errorDetail(response)
    response.discard()
    if (response.status === 429 || response.status >= 500) {
      throw new BusyError(response.status, response.headers['retry-after'], detail)
    }
    throw new StatusError(response.status, detail)
  }

  /** Sends it, and follows redirects: another host gets neither credentials nor the configured headers. */
  async #send(place: Place, question: Question, url: URL, signal: AbortSignal): Promise<HttpResponse> {
    const { transport, plainHttp } = this.#options
    const { authorizer, host } = place
    const authorization = authorizer.header
    const own = { ...host.headers, ...(authorization === undefined ? {} : { authorization }) }
    let at = url
    for (let count = 0; count <= maxRedirects; count++) {
      const home = at.origin === url.origin
      const headers = { 'accept-encoding': 'identity', ...question.headers, ...(home ? own : {}) }
      const tls = home ? host.tls : { ...host.tls, clients: [] }
      const response = await transport.send({ url: at, method: question.method, headers, tls, signal })
      let target: URL | undefined
      try {
        target = redirectTarget(response.status, response.headers.location, at, plainHttp)
      } catch (error) {
        response.discard()
        throw new TransportError(messageOf(error), false)
      }
      if (!target) return response
      response.discard()
      at = target
    }
    throw new TransportError('redirects without end', false)
  }

  #failureOf(error: unknown, { name, authorizer }: Place, question: Question): BerthError {
    const { image } = this.#options
    if (error instanceof BerthError) return error
    if (error instanceof AuthorizationError)
      return credentialsRefused(image, name, authorizer.hasCredentials, error.message)
    if (error instanceof StatusError) {
      const { status, message } = error
      if (status === 401) return credentialsRefused(image, name, authorizer.hasCredentials, message)
      if (status === 403) return pullForbidden(image, name, message)
      if (status === 404) {
        const isManifest = question.path.startsWith('manifests/')
        return isManifest ? imageNotInRegistry(image, name) : contentNotInRegistry(image, name, question.path)
      }
      return unusableImage(image, `${name} ${message}`)
    }
    return registryUnavailable(image, name, messageOf(error), error)
  }
}

/** An answer that another try will not change. */
class StatusError extends Error {
  readonly status: number

  constructor(status: number, detail: string) {
    super(`answered ${status}${detail}`)
    this.status = status
  }
}

/** The registry's own words: `{"errors":[{"code":…,"message":…}]}`, or nothing. */
async function errorDetail(response: HttpResponse): Promise<string> {
  try {
    const bytes = await response.all(65536)
    const { errors } = JSON.parse(bytes?.toString('utf8') ?? '{}')
    const text = [errors?.[0]?.code, errors?.[0]?.message].filter((part) => typeof part === 'string').join(': ')
    const clean = text.replace(/[\p{Cc}\p{Cf}]/gu, ' ').slice(0, 300)
    return clean === '' ? '' : ` (${clean})`
  } catch {
    return ''
  }
}

function announcedDigest(response: HttpResponse): string | undefined {
  const digest = response.headers['docker-content-digest']
  return typeof digest === 'string' && isDigest(digest) ? digest : undefined
}

/** Which part of a blob an answer holds, and how long the blob is, as far as it says. */
function extentOf(response: HttpResponse): { readonly start?: number; readonly total?: number } {
  if (response.status === 200) {
    const length = response.headers['content-length']
    return { start: 0, ...(length === undefined ? {} : { total: Number(length) }) }
  }
  const match = /^bytes (\d+)-\d*\/(\d+|\*)$/.exec(response.headers['content-range'] ?? '')
  if (!match) return {}
  return { start: Number(match[1]), ...(match[2] === '*' ? {} : { total: Number(match[2]) }) }
}

function withMirrors(failure: BerthError, before: readonly string[]): BerthError {
  if (before.length === 0) return failure
  return new BerthError(
    failure.code,
    `${failure.message} (before that, its mirrors: ${before.join('; ')})`,
    failure.cause,
  )
}

function digestOf(bytes: Buffer, algorithm: string): string {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
}
