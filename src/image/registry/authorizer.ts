import { createHash } from 'node:crypto'
import { parseChallenges } from './challenge.ts'
import type { Credentials } from './credentials.ts'
import type { TokenCache } from './token-cache.ts'
import { type HttpResponse, type TlsSettings, type Transport, TransportError } from './transport.ts'

/** The registry or its token service does not take the credentials. */
export class AuthorizationError extends Error {
  override readonly name = 'AuthorizationError'
}

/** A token service's answer is read up to this many bytes. */
const maxTokenAnswer = 1024 * 1024

/**
 * What one registry host is shown in `Authorization`, for one repository and one pull: nothing until it asks, then what it
 * asks for (distribution-spec "token authentication"; RFC 6750, RFC 7617).
 */
export class Authorizer {
  readonly #transport: Transport
  readonly #repository: string
  readonly #credentials: Credentials
  readonly #tls: TlsSettings
  readonly #tokens: TokenCache | undefined
  #header: string | undefined
  #isReused = false

  /** `header` is what another Authorizer has found out for the same host, repository and credentials. */
  constructor(
    transport: Transport,
    repository: string,
    credentials: Credentials,
    tls: TlsSettings,
    header?: string,
    tokens?: TokenCache,
  ) {
    this.#tokens = tokens
    this.#header = header
    this.#transport = transport
    this.#repository = repository
    this.#credentials = credentials
    this.#tls = tls
    if (credentials.kind === 'bearer') this.#header = bearer(credentials.token)
  }

  /** The value of `Authorization` for the next request. */
  get header(): string | undefined {
    return this.#header
  }

  /** What it shows comes from an earlier pull and may be too old. */
  get isReused(): boolean {
    return this.#isReused
  }

  /** Whether there is anything that the registry could object to. */
  get hasCredentials(): boolean {
    return this.#credentials.kind !== 'anonymous'
  }

  /**
   * The registry has answered 401 with this `WWW-Authenticate`: gets what it asks for. Throws {@link AuthorizationError}
   * when that is not to be had, {@link TransportError} when the token service cannot be reached.
   */
  async meet(challengeHeader: string, url: URL, signal: AbortSignal): Promise<void> {
    if (this.#credentials.kind === 'bearer') throw new AuthorizationError('the registry token is not accepted')
    const challenges = parseChallenges(challengeHeader)
    const asked =
      challenges.find(({ scheme }) => scheme === 'bearer') ?? challenges.find(({ scheme }) => scheme === 'basic')
    if (!asked) throw new AuthorizationError('401 Unauthorized')
    if (asked.scheme === 'bearer') {
      this.#header = bearer(await this.#token(asked.parameters, url, signal))
    } else if (this.#credentials.kind === 'password') {
      this.#header = basic(this.#credentials.username, this.#credentials.password)
    } else {
      throw new AuthorizationError('it asks for a user name and a password')
    }
  }

  /** One from an earlier pull with the same credentials, unless the registry has just refused it; else a new one. */
  async #token(parameters: ReadonlyMap<string, string>, url: URL, signal: AbortSignal): Promise<string> {
    const asked = ['realm', 'service', 'scope'].map((name) => parameters.get(name) ?? '')
    const question = createHash('sha256')
      .update(JSON.stringify([url.origin, this.#repository, ...asked, this.#credentials]))
      .digest('hex')
    const known = this.#tokens?.get(question)
    this.#isReused = known !== undefined && bearer(known) !== this.#header
    if (known !== undefined && this.#isReused) return known
    const { token, seconds } = await this.#fetchToken(parameters, url, signal)
    this.#tokens?.put(question, token, seconds)
    return token
  }

  async #fetchToken(parameters: ReadonlyMap<string, string>, url: URL, signal: AbortSignal): Promise<Token> {
    const realm = realmOf(parameters.get('realm') ?? '', url)
    const scope = parameters.get('scope') || `repository:${this.#repository}:pull`
    const service = parameters.get('service')
    const fields = new URLSearchParams({ ...(service ? { service } : {}), scope })
    const credentials = this.#credentials
    const sameHost = realm.origin === url.origin
    const tls = sameHost ? this.#tls : { ...this.#tls, clients: [] }
    let response: HttpResponse
    if (credentials.kind === 'refresh-token') {
      fields.set('grant_type', 'refresh_token')
      fields.set('client_id', 'berth')
      fields.set('refresh_token', credentials.token)
      const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' }
      response = await this.#transport.send({ url: realm, method: 'POST', headers, body: String(fields), tls, signal })
    } else {
      if (credentials.kind === 'password') fields.set('account', credentials.username)
      for (const [name, value] of fields) realm.searchParams.append(name, value)
      const authorization: Record<string, string> =
        credentials.kind === 'password' ? { authorization: basic(credentials.username, credentials.password) } : {}
      const headers = { accept: 'application/json', ...authorization }
      response = await this.#transport.send({ url: realm, method: 'GET', headers, tls, signal })
    }
    return readToken(response, realm)
  }
}

/** A registry behind TLS must not have the credentials sent in the clear. */
function realmOf(text: string, registry: URL): URL {
  const realm = URL.canParse(text) ? new URL(text) : undefined
  if (realm?.protocol === 'https:' || (realm?.protocol === 'http:' && registry.protocol === 'http:')) return realm
  throw new AuthorizationError(`it names a token service that cannot be used (${JSON.stringify(text.slice(0, 200))})`)
}

interface Token {
  readonly token: string
  /** How long it is good. */
  readonly seconds: number
}

/** What a token service means when it does not say (distribution-spec, token authentication). */
const defaultLifetime = 60

async function readToken(response: HttpResponse, realm: URL): Promise<Token> {
  if (response.status === 429 || response.status >= 500) {
    response.discard()
    throw new TransportError(`cannot give a token (${realm.host} answered ${response.status})`, true)
  }
  if (response.status !== 200) {
    response.discard()
    throw new AuthorizationError(`its token service ${realm.host} answered ${response.status}`)
  }
  const bytes = await response.all(maxTokenAnswer)
  if (!bytes) throw new AuthorizationError('its token service sent too much')
  let answer: { token?: unknown; access_token?: unknown; expires_in?: unknown }
  try {
    answer = Object(JSON.parse(bytes.toString('utf8')))
  } catch {
    throw new AuthorizationError(`its token service ${realm.host} did not answer with JSON`)
  }
  const token = answer.token || answer.access_token
  if (typeof token !== 'string') throw new AuthorizationError(`its token service ${realm.host} gave no token`)
  const seconds = Number(answer.expires_in)
  return { token, seconds: seconds > 0 && seconds < 86_400 ? seconds : defaultLifetime }
}

/** A header must not be broken out of, whatever the token holds. */
function bearer(token: string): string {
  if (!/^[\x21-\x7e]+$/.test(token)) throw new AuthorizationError('the token holds characters that no token has')
  return `Bearer ${token}`
}

function basic(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
}
